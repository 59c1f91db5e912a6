// Command vault is HashiCorp's own `vault` command, built from its module: a server for tests only, never shipped.
package main

import (
	"io"
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	if os.Getenv("ZTUI_TEST_LEASH") != "" {
		go leash()
	}
	os.Exit(command.Run(os.Args[1:]))
}

// leash ends this process when the one that started it is gone, however it went: the pipe on standard input closes.
func leash() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
