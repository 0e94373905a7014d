//go:build !cgo

package main

func inC(id uintptr) { leaf(id) }
