package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Memory makes goroutines that allocate and wait, collects, and gives the memory back to the kernel.
func memory(r *http.Request) (string, error) {
	var group sync.WaitGroup
	var lock sync.Mutex
	total := 0
	for i := 0; i < number(r, "goroutines"); i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			block := make([]byte, 256<<10)
			for j := 0; j < len(block); j += 4096 {
				block[j] = 1
			}
			time.Sleep(time.Millisecond)
			lock.Lock()
			total += len(block)
			lock.Unlock()
		}()
	}
	group.Wait()
	runtime.GC()
	debug.FreeOSMemory()
	return strconv.Itoa(total), nil
}

// Threads makes threads that end: a goroutine that ends with its thread locked takes the thread with it.
func threads(r *http.Request) (string, error) {
	ids := make(chan int)
	count := number(r, "count")
	for i := 0; i < count; i++ {
		go func() {
			runtime.LockOSThread()
			ids <- syscall.Gettid()
		}()
	}
	for i := 0; i < count; i++ {
		if id := <-ids; id <= 0 {
			return "", fmt.Errorf("a thread without an id")
		}
	}
	return strconv.Itoa(count), nil
}

// MapFile writes to a file through a mapping, under a lock, and reads it back as a file.
func (s *service) mapFile(r *http.Request) (string, error) {
	text := r.URL.Query().Get("text")
	file, err := os.OpenFile(filepath.Join(s.dir, "mapped"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if err := file.Truncate(int64(len(text))); err != nil {
		return "", err
	}
	view, err := syscall.Mmap(int(file.Fd()), 0, len(text), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return "", err
	}
	copy(view, text)
	if err := syscall.Munmap(view); err != nil {
		return "", err
	}
	back := make([]byte, len(text))
	if _, err := file.ReadAt(back, 0); err != nil {
		return "", err
	}
	return strings.ToUpper(string(back)), syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
}
