package main

import (
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// takeSignal delivers a signal to this process and waits for its handler: rt_sigreturn.
func takeSignal() error {
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGUSR1)
	defer signal.Stop(received)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGUSR1); err != nil {
		return err
	}
	<-received
	return nil
}

// preemptLoop stops the world while a goroutine spins without a call in it; the runtime can get it to a
// stop with a signal only: getpid, tgkill, rt_sigreturn.
func preemptLoop() error {
	var spinning, done uint32
	finished := make(chan struct{})
	go func() {
		atomic.StoreUint32(&spinning, 1)
		for atomic.LoadUint32(&done) == 0 {
		}
		close(finished)
	}()
	for atomic.LoadUint32(&spinning) == 0 {
		runtime.Gosched()
	}
	runtime.GC()
	atomic.StoreUint32(&done, 1)
	<-finished
	return nil
}

// contend lets more threads than there are processors use one channel: whoever finds its lock taken spins
// and then yields the processor: sched_yield.
func contend() error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	shared := make(chan int, 1)
	var workers sync.WaitGroup
	for i := 0; i < 16; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := 0; n < 2000; n++ {
				select {
				case shared <- n:
				case <-shared:
				}
			}
		}()
	}
	workers.Wait()
	return nil
}

// endThread ends a goroutine that is locked to its thread, and the thread with it: exit.
func endThread() error {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(done)
	}()
	<-done
	return nil
}

// waitForSysmon stays busy long enough for sysmon, which looks every 20 µs: nanosleep.
func waitForSysmon() error {
	stayBusy(5 * time.Millisecond)
	return nil
}

// readProcessorLimit stays busy until sysmon has looked whether the processors allowed to this process
// have changed, as it does once a second since Go 1.25: sched_getaffinity, pread64.
func readProcessorLimit() error {
	stayBusy(2 * time.Second)
	return nil
}
