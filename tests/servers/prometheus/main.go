//go:build never

// Command prometheus holds the module's requirement: what is built is the program of that module itself.
package main

import _ "github.com/prometheus/prometheus/cmd/prometheus"

func main() {}
