"""Real servers for the tests: built from Go modules, started on loopback ports, gone at the end."""
