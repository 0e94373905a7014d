package main

import (
	"bytes"
	"fmt"
	"runtime"
)

// The way to the last call that was noted. The ways are taken one after the other.
var (
	places [400]uintptr
	depth  int
)

//go:noinline
func note() {
	depth = runtime.Callers(2, places[:])
}

// Noted is the way to the last call, from the function that made it outwards: FUNCTION:LINE.
func noted() (way []string) {
	frames := runtime.CallersFrames(places[:depth])
	for {
		frame, more := frames.Next()
		way = append(way, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return way
		}
	}
}

// Goroutine is what the runtime itself calls the running one: "goroutine 7 [running]:".
func goroutine() string {
	text := make([]byte, 64)
	text = text[:runtime.Stack(text, false)]
	return string(bytes.Fields(text)[1])
}
