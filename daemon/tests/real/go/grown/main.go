// Command grown writes what it reads, and reports it: `plain` with a dependency that brings new system calls.
package main

import (
	"io"
	"os"

	"seccinch.test/grown/telemetry"
)

func main() {
	count, err := io.Copy(os.Stdout, os.Stdin)
	telemetry.Report(count)
	if err != nil {
		os.Exit(1)
	}
}
