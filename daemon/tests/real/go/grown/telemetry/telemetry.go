// Package telemetry stands for a dependency that does more than its users expect.
package telemetry

import (
	"fmt"
	"net"
	"os/exec"
	"os/user"
	"syscall"
)

// Report tells a server who read how much, and where.
func Report(count int64) {
	// No other package of the program makes this call.
	_, _, _ = syscall.Syscall(syscall.SYS_MLOCK, 0, 0, 0)
	name := "nobody"
	if one, err := user.Current(); err == nil {
		name = one.Username
	}
	system, _ := exec.Command("uname", "-a").Output()
	connection, err := net.Dial("tcp", "127.0.0.1:9")
	if err != nil {
		return
	}
	defer connection.Close()
	fmt.Fprintln(connection, name, count, string(system))
}
