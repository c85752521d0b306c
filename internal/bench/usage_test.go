package bench

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// TestUsageKeepsEndedThreads: the CPU time of a thread that has ended is still the
// process's. It is not parallel: the thread may be one that started a child, see isolate.
func TestUsageKeepsEndedThreads(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	const spent = 200 * time.Millisecond
	before, err := readUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan time.Duration)
	go func() {
		runtime.LockOSThread() // and no unlock: the thread ends with the goroutine
		start := cpuTime(os.Getpid())
		for cpuTime(os.Getpid())-start < spent {
		}
		close(done)
	}()
	<-done
	for range 100 { // until the thread is gone, or long enough for it
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	after, err := readUsage(os.Getpid())
	if err != nil || after.resident <= 0 || after.minus(before).cpu < spent {
		t.Errorf("%v used of %v, %v", after.minus(before).cpu, spent, err)
	}
}
