//go:build unix

package api

import (
	"syscall"
	"time"
)

// cpuTime returns the processor time of the process since its start.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
