//go:build never

// Command alertmanager holds the module's requirement: what is built is the program of that module itself.
package main

import _ "github.com/prometheus/alertmanager/cmd/alertmanager"

func main() {}
