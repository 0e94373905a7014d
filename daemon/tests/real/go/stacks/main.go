// Command stacks makes each of some calls on one way only, and says which goroutine that was, and how it came there by
// the runtime's own account: nothing else in it makes these calls.
//
//	stacks          a line for each call: its name, the goroutine, and FUNCTION:LINE from the call outwards
//	stacks CALLS    after that, so many getppid by the main goroutine, and a while later one more in another way
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	for name, way := range ways {
		var done sync.WaitGroup
		done.Add(1)
		go func() {
			defer done.Done()
			way()
			tell(name)
		}()
		done.Wait()
	}
	raw(syscall.SYS_TIMES)
	tell("times")
	if len(os.Args) > 1 {
		calls, err := strconv.Atoi(os.Args[1])
		if err != nil {
			panic(err)
		}
		for i := 0; i < calls; i++ {
			raw(syscall.SYS_GETPPID)
		}
		time.Sleep(100 * time.Millisecond)
		deep(1, syscall.SYS_GETPPID)
	}
}

func tell(name string) {
	fmt.Printf("%s\t%s\t%s\n", name, goroutine(), strings.Join(noted(), "\t"))
}
