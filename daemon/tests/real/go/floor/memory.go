package main

import "runtime/debug"

// scavenge gives unused memory back to the kernel: madvise.
func scavenge() error {
	block := make([]byte, 8<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	block = nil
	debug.FreeOSMemory()
	return nil
}

// growHeap keeps more than 8192 spans, the room of the first table of spans: the runtime makes a larger
// one (mmap) and gives the first back (munmap).
func growHeap() error {
	kept := make([]*[8192]byte, 0, 20000)
	for len(kept) < cap(kept) {
		kept = append(kept, new([8192]byte))
	}
	kept[0][0] = byte(len(kept))
	return nil
}
