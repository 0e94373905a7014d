package main

import (
	"io"
	"runtime/pprof"
	"time"
)

// profileCPU takes a CPU profile, as /debug/pprof/profile does: setitimer for the process, timer_create,
// timer_settime and timer_delete for each thread.
func profileCPU() error {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		return err
	}
	stayBusy(20 * time.Millisecond)
	pprof.StopCPUProfile()
	return nil
}
