package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the CPU time of a process, threads that have ended included, to the
// nanosecond; 0 if the kernel does not tell. See clock_getcpuclockid(3).
func cpuTime(pid int) time.Duration {
	const scheduler, shift = 2, 3
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid<<shift|scheduler), &t) != nil { //nolint:gosec // as the kernel wants it
		return 0
	}
	return time.Duration(t.Nano())
}
