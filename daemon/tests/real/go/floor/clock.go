package main

import (
	"crypto/rand"
	"errors"
	"syscall"
	"time"
)

// readClock reads the wall clock and the monotonic clock: clock_gettime where no vDSO answers.
func readClock() error {
	if time.Now().Year() < 2020 {
		return errors.New("the clock is wrong")
	}
	return nil
}

// readTimeOfDay reads the clock the old way: gettimeofday where no vDSO answers.
func readTimeOfDay() error {
	var now syscall.Timeval
	if err := syscall.Gettimeofday(&now); err != nil {
		return err
	}
	if now.Sec == 0 {
		return errors.New("the time of day is zero")
	}
	return nil
}

// readRandom asks for random bytes: getrandom where no vDSO answers, and always before Go 1.24.
func readRandom() error {
	_, err := rand.Read(make([]byte, 16))
	return err
}
