package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// What a filter says of a call (include/uapi/linux/seccomp.h).
var actions = map[string]uint32{
	"allow": 0x7fff0000,
	"log":   0x7ffc0000,
	"errno": 0x00050000 | uint32(syscall.EPERM),
	"kill":  0x80000000,
}

// Filtered puts every thread under a filter that treats getppid this way and allows the rest, and then
// makes that call as often as asked: what counts refused calls must find exactly these.
func filtered(action, times string) error {
	verdict, known := actions[action]
	count, err := strconv.Atoi(times)
	if !known || err != nil {
		return fmt.Errorf("usage: probe filtered allow|log|errno|kill TIMES")
	}
	runtime.LockOSThread()
	const loadNumber, ifEqual, give = 0x20, 0x15, 0x06
	program := []syscall.SockFilter{
		{Code: loadNumber, K: 0},
		{Code: ifEqual, Jt: 0, Jf: 1, K: syscall.SYS_GETPPID},
		{Code: give, K: verdict},
		{Code: give, K: actions["allow"]},
	}
	filter := syscall.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const setNoNewPrivileges, seccomp, setFilter, allThreads = 38, 317, 1, 1
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setNoNewPrivileges, 1, 0); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(seccomp, setFilter, allThreads, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return errno
	}
	refused := 0
	for i := 0; i < count; i++ {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0); errno == syscall.EPERM {
			refused++
		}
	}
	fmt.Fprintln(os.Stdout, refused)
	return nil
}
