//go:build cgo

package main

import (
	"C"
	"syscall"
)

// Back is called by C, which was called by Go.
//
//export back
func back() {
	raw(syscall.SYS_GETRESGID)
}
