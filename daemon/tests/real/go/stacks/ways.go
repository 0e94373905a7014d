package main

import (
	"runtime"
	"syscall"
)

// Ways to a call, by the call's name.
var ways = map[string]func(){
	"getppid":            func() { raw(syscall.SYS_GETPPID) },
	"getpgrp":            func() { func() { raw(syscall.SYS_GETPGRP) }() },
	"getuid":             locked,
	"getgid":             func() { blocking(syscall.SYS_GETGID) },
	"geteuid":            func() { deep(10, syscall.SYS_GETEUID) },
	"getegid":            func() { deep(300, syscall.SYS_GETEGID) },
	"getsid":             func() { first(syscall.SYS_GETSID) },
	"getpgid":            func() { generic(uintptr(syscall.SYS_GETPGID), "shape") },
	"getresuid":          func() { generic(struct{ number uintptr }{syscall.SYS_GETRESUID}, 1) },
	"sched_getscheduler": func() { callers[0].call() },
	"sched_getparam":     func() { callers[1].call() },
}

type caller interface{ call() }

type direct struct{ number uintptr }

type nested struct{ direct }

type deferred struct{ number uintptr }

var callers = []caller{nested{direct{syscall.SYS_SCHED_GETSCHEDULER}}, &deferred{syscall.SYS_SCHED_GETPARAM}}

//go:noinline
func (d direct) call() { raw(d.number) }

//go:noinline
func (d *deferred) call() {
	defer func() { raw(d.number) }()
	runtime.Gosched()
}

// Locked goes through the scheduler, on a thread of its own.
func locked() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	blocking(syscall.SYS_GETUID)
}

// Each generic function has one body for each shape of its types.
//
//go:noinline
func generic[T, R any](value T, other R) {
	switch value := any(value).(type) {
	case uintptr:
		first(value)
	case struct{ number uintptr }:
		raw(value.number)
	}
	runtime.KeepAlive(other)
}

// First and second are inlined where they are called.
func first(number uintptr) { second(number) }

func second(number uintptr) { raw(number) }

//go:noinline
func deep(depth int, number uintptr) int {
	if depth == 0 {
		raw(number)
		return 0
	}
	return deep(depth-1, number) + 1
}

// The line behind a call is the one that is noted.
//
//go:noinline
func raw(number uintptr) {
	syscall.RawSyscall(number, 0, 0, 0)
	note()
}

//go:noinline
func blocking(number uintptr) {
	syscall.Syscall(number, 0, 0, 0)
	note()
}
