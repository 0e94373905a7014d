//go:build cgo

package main

/*
#include <sched.h>
#include <sys/resource.h>
*/
import "C"

// Calls that libc makes, and as libc is called by what keeps frame pointers and what does not.
func init() {
	paths["sched_get_priority_max"] = func() { C.sched_get_priority_max(C.SCHED_FIFO) }
	paths["sched_get_priority_min"] = func() { deeper(5) }
	paths["getpriority"] = func() { C.getpriority(C.PRIO_PROCESS, 0) }
}

//go:noinline
func deeper(depth int) int {
	if depth == 0 {
		C.sched_get_priority_min(C.SCHED_FIFO)
		return 0
	}
	return deeper(depth-1) + 1
}
