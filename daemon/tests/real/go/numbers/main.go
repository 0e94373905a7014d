// Command numbers makes system calls whose numbers can't all be told from its code: what a scan has to say so of.
package main

import (
	"os"
	"strconv"
	"syscall"
)

var (
	table  = []uintptr{syscall.SYS_GETPID, syscall.SYS_GETUID, syscall.SYS_GETGID}
	chosen = uintptr(syscall.SYS_GETTID)
	call   = syscall.RawSyscall
)

func init() {
	if len(os.Args) > 3 {
		chosen = syscall.SYS_GETPPID
		call = refused
	}
}

func refused(_, _, _, _ uintptr) (uintptr, uintptr, syscall.Errno) {
	return 0, 0, syscall.ENOSYS
}

// The number is an element of a slice.
//
//go:noinline
func fromSlice(index int) uintptr {
	result, _, _ := syscall.RawSyscall(table[index%len(table)], 0, 0, 0)
	return result
}

// The number is in a variable with two values.
//
//go:noinline
func fromVariable() uintptr {
	result, _, _ := syscall.RawSyscall(chosen, 0, 0, 0)
	return result
}

// The number is an argument.
//
//go:noinline
func fromArgument(number uintptr) uintptr {
	result, _, _ := syscall.RawSyscall(number, 0, 0, 0)
	return result
}

// What hands the number to the kernel is a value.
//
//go:noinline
func fromValue() uintptr {
	result, _, _ := call(syscall.SYS_GETPGRP, 0, 0, 0)
	return result
}

func main() {
	index, err := strconv.Atoi(os.Args[1])
	if err != nil {
		println("numbers: give an index and a system call's number")
		os.Exit(2)
	}
	number, _ := strconv.Atoi(os.Args[2])
	println(fromSlice(index), fromVariable(), fromArgument(uintptr(number)), fromArgument(syscall.SYS_GETSID), fromValue())
}
