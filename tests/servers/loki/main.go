//go:build never

// Command loki holds the module's requirement: what is built is the program of that module itself.
package main

import _ "github.com/grafana/loki/v3/cmd/loki"

func main() {}
