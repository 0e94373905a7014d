// Command stacks asks for its parent's process id from places of every kind: inlined, generic, through an interface,
// deferred, in a closure, and from C where it has some. Each call passes the goroutine's own number as an argument
// that the kernel ignores.
//
//	stacks ROUNDS
package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

type caller interface{ call(round int) }

type direct struct{ id uintptr }

type nested struct{ direct }

func main() {
	rounds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	var workers sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			work(rounds)
		}()
	}
	workers.Wait()
}

//go:noinline
func work(rounds int) {
	id := goroutine()
	callers := []caller{&direct{id}, nested{direct{id}}}
	for round := 0; round < rounds; round++ {
		for _, caller := range callers {
			caller.call(round)
		}
		generic(id, round)
		generic(struct{ id uintptr }{id}, "round")
		inC(id)
	}
}

func (d *direct) call(round int) {
	defer leaf(d.id)
	first(d.id + uintptr(round)*0)
}

func (n nested) call(round int) {
	n.direct.call(round)
}

// generic has one body for each shape of its types.
//
//go:noinline
func generic[T, R any](value T, round R) {
	switch value := any(value).(type) {
	case uintptr:
		first(value)
	case struct{ id uintptr }:
		func() { leaf(value.id) }()
	}
	runtime.KeepAlive(round)
}

// first and second are inlined, with leaf, where they are called.
func first(id uintptr) { second(id) }

func second(id uintptr) { leaf(id) }

func leaf(id uintptr) {
	syscall.RawSyscall(syscall.SYS_GETPPID, id, 0, 0)
}

// goroutine reads its own number where Go shows it to people.
func goroutine() uintptr {
	text := make([]byte, 64)
	fields := bytes.Fields(text[:runtime.Stack(text, false)])
	id, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		panic(err)
	}
	return uintptr(id)
}
