// Command metronome makes a known number of calls: nothing else in it calls getppid.
//
//	metronome CALLS          so many, and ends
//	metronome CALLS PERIOD   so many in each period, until SIGTERM; then says how many those were
//	metronome CALLS PERIOD umask   and sets its umask in each period
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	calls, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	if len(os.Args) == 2 {
		call(calls)
		return
	}
	period, err := time.ParseDuration(os.Args[2])
	if err != nil {
		panic(err)
	}
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM)
	ticks := time.NewTicker(period)
	for made := 0; ; made += calls {
		select {
		case <-ticks.C:
			call(calls)
			if len(os.Args) > 3 {
				syscall.Umask(0o22)
			}
		case <-ends:
			fmt.Println(made)
			return
		}
	}
}

func call(times int) {
	for i := 0; i < times; i++ {
		syscall.Getppid()
	}
}
