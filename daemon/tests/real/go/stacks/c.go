//go:build cgo

package main

/*
#include <sys/syscall.h>
#include <unistd.h>

// Go's own thread-local variable has to share the block with these.
static __thread long calls[2];

static long parent(unsigned long goroutine) {
	calls[1]++;
	return syscall(SYS_getppid, goroutine);
}
*/
import "C"

//go:noinline
func inC(id uintptr) {
	C.parent(C.ulong(id))
}
