// Probe is the harness's helper: it makes certificates, carries plain connections over TLS so that the tests
// themselves speak every protocol over plain sockets, and makes calls that a filter refuses.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "certificates":
		return certificates(args[1])
	case len(args) == 5 && args[0] == "forward":
		return forward(args[1], args[2], args[3], args[4])
	case len(args) == 3 && args[0] == "filtered":
		return filtered(args[1], args[2])
	}
	return fmt.Errorf("usage: probe certificates DIR | probe forward LISTEN TARGET CA direct|nats | probe filtered ACTION TIMES")
}
