// Command goroutines makes each of some calls in a goroutine of its own, and says which that was: nothing else in
// it makes them.
//
//	goroutines          a line for each call: its name, and the goroutine
//	goroutines CALLS    after that, so many getppid by one goroutine, and a while later one more in another way
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Paths are the ways in which calls are made, by the call's name.
var paths = map[string]func(){
	"getppid": func() { raw(syscall.SYS_GETPPID) },
	"getpgrp": func() { raw(syscall.SYS_GETPGRP) },
	"getuid":  func() { locked(syscall.SYS_GETUID) },
	"getgid":  func() { locked(syscall.SYS_GETGID) },
	"geteuid": func() { deep(10, syscall.SYS_GETEUID) },
	"getegid": func() { deep(300, syscall.SYS_GETEGID) },
}

func main() {
	for name, path := range paths {
		var done sync.WaitGroup
		done.Add(1)
		go func() {
			defer done.Done()
			path()
			fmt.Println(name, id())
		}()
		done.Wait()
	}
	if len(os.Args) > 1 {
		calls, err := strconv.Atoi(os.Args[1])
		if err != nil {
			panic(err)
		}
		for i := 0; i < calls; i++ {
			raw(syscall.SYS_GETPPID)
		}
		time.Sleep(100 * time.Millisecond)
		deep(1, syscall.SYS_GETPPID)
	}
}

//go:noinline
func raw(number uintptr) {
	syscall.RawSyscall(number, 0, 0, 0)
}

// Locked goes through the scheduler, on a thread of its own.
func locked(number uintptr) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	syscall.Syscall(number, 0, 0, 0)
}

//go:noinline
func deep(depth int, number uintptr) int {
	if depth == 0 {
		raw(number)
		return 0
	}
	return deep(depth-1, number) + 1
}

// Id is what the runtime itself calls the running goroutine: "goroutine 7 [running]:".
func id() string {
	text := make([]byte, 64)
	text = text[:runtime.Stack(text, false)]
	return string(bytes.Fields(text)[1])
}
