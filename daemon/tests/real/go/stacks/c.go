//go:build cgo

package main

/*
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// Go's own thread-local variable has to share the block with these.
static __thread long calls[2];

// A call in the midst of which Go's register holds something else.
static long hidden(long number) {
	calls[1]++;
#ifdef __x86_64__
	register long goroutine __asm__("r14") = calls[0];
	__asm__ volatile("syscall" : "+a"(number) : "D"(0), "S"(0), "r"(goroutine) : "rcx", "r11", "memory");
	return number;
#else
	return syscall(number, 0, 0);
#endif
}

extern void back(void);

static void there(void) { back(); }
*/
import "C"

// Calls that C makes, and as C is called by what keeps frame pointers and what does not.
func init() {
	ways["sched_get_priority_max"] = func() {
		C.sched_get_priority_max(C.SCHED_FIFO)
		note()
	}
	ways["sched_get_priority_min"] = func() { deeper(5) }
	ways["getpriority"] = func() {
		C.getpriority(C.PRIO_PROCESS, 0)
		note()
	}
	ways["sched_rr_get_interval"] = func() {
		C.hidden(C.SYS_sched_rr_get_interval)
		note()
	}
	ways["getresgid"] = func() { C.there() }
}

//go:noinline
func deeper(depth int) int {
	if depth == 0 {
		C.sched_get_priority_min(C.SCHED_FIFO)
		note()
		return 0
	}
	return deeper(depth-1) + 1
}
