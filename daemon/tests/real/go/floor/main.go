// Floor walks one path of the Go runtime at a time, so that a test can tell which system call the path
// needs: it runs a path under a filter that refuses the call, and under one that holds the floors only.
//
//	floor PATH [DURATION]
//
// PATH is walked once, and again until DURATION has passed. The exit code is 0 when every walk did what it
// was to do, 1 when one did not, 2 for an unknown PATH.
package main

import (
	"fmt"
	"os"
	"time"
)

// path walks one path of the runtime and says what went wrong.
type path func() error

var paths = map[string]path{
	"start":    start,
	"signal":   takeSignal,
	"preempt":  preemptLoop,
	"yield":    contend,
	"scavenge": scavenge,
	"grow":     growHeap,
	"timer":    timer,
	"wake":     wakePoller,
	"sysmon":   waitForSysmon,
	"procs":    readProcessorLimit,
	"thread":   endThread,
	"folder":   findFolder,
	"profile":  profileCPU,
	"clock":    readClock,
	"time":     readTimeOfDay,
	"random":   readRandom,
}

func main() {
	// A program that does nothing but start: os.Args is read without a call, and main returns at once.
	if len(os.Args) < 2 {
		return
	}
	walk, known := paths[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "floor: unknown path %q\n", os.Args[1])
		os.Exit(2)
	}
	if err := repeat(walk, os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "floor: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// repeat walks a path once, and again for as long as the arguments say.
func repeat(walk path, args []string) error {
	if len(args) == 0 {
		return walk()
	}
	duration, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	for begin := time.Now(); err == nil && time.Since(begin) < duration; {
		err = walk()
	}
	return err
}

// findFolder asks for the working folder as in a container or a unit, where no shell has set $PWD: getcwd.
func findFolder() error {
	if err := os.Unsetenv("PWD"); err != nil {
		return err
	}
	_, err := os.Getwd()
	return err
}

// start is the empty path: what a program calls before and after main.
func start() error { return nil }
