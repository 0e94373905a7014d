package main

import "time"

// timer sleeps, which starts the poller: epoll_create1, epoll_ctl, eventfd2 or pipe2, and epoll_pwait
// when no goroutine is left to run.
func timer() error {
	time.Sleep(2 * time.Millisecond)
	return nil
}

// wakePoller sets an early timer while another thread sleeps in the poller until a late one: the poller is
// woken by writing to itself, and reads what was written: write, read.
func wakePoller() error {
	late := time.AfterFunc(time.Hour, func() {})
	defer late.Stop()
	// The new goroutine brings up a second thread. That finds nothing more to do while this one is busy,
	// and goes to sleep in the poller.
	go func() {}()
	stayBusy(2 * time.Millisecond)
	early := time.AfterFunc(time.Minute, func() {})
	defer early.Stop()
	return nil
}

// stayBusy keeps the processor, without a call.
func stayBusy(duration time.Duration) {
	for begin := time.Now(); time.Since(begin) < duration; {
	}
}
