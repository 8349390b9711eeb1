"""The command line's rooms: what `ferd` does on this machine, and with a running ferd over its HTTP API."""
