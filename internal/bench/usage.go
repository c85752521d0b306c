package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A usage is what a process, or the machine, used since its start.
type usage struct {
	cpu          time.Duration // precise
	user, system time.Duration // in ticks of 10 ms: good for their ratio
	switches     int64         // context switches, voluntary or not, of threads that live
	resident     int64         // bytes, now
}

// tick is the unit of CPU times in /proc, the same on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// readUsage reads /proc, which only Linux has.
func readUsage(pid int) (u usage, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	// The name of the program, in parentheses, may hold anything.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const userField, systemField = 11, 12 // after the name
	if len(f) <= systemField {
		return u, errors.New("/proc/PID/stat is cut off")
	}
	u.user, u.system = ticks(f[userField]), ticks(f[systemField])
	if status, err := os.ReadFile(filepath.Join(dir, "status")); err == nil {
		u.resident = statusValue(status, "VmRSS:") << 10
	}
	tasks, err := filepath.Glob(filepath.Join(dir, "task", "*"))
	for _, task := range tasks {
		u.addTask(task)
	}
	if u.cpu = cpuTime(pid); u.cpu == 0 {
		u.cpu = u.user + u.system
	}
	return u, err
}

// addTask adds a thread's context switches; one that has just ended counts as nothing.
func (u *usage) addTask(dir string) {
	if b, err := os.ReadFile(filepath.Join(dir, "status")); err == nil {
		u.switches += statusValue(b, "voluntary_ctxt_switches:") + statusValue(b, "nonvoluntary_ctxt_switches:")
	}
}

func ticks(b []byte) time.Duration {
	n, _ := strconv.ParseInt(string(b), 10, 64) // 0 of nonsense
	return time.Duration(n) * tick
}

// statusValue returns the number of a line of /proc/PID/status.
func statusValue(status []byte, name string) int64 {
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64) // 0 of nonsense
				return n
			}
		}
	}
	return 0
}

func (u usage) minus(o usage) usage {
	return usage{u.cpu - o.cpu, u.user - o.user, u.system - o.system, u.switches - o.switches, u.resident - o.resident}
}

// split divides the precise time in the ratio of the coarse ones.
func (u usage) split() (user, system float64) {
	coarse := float64(u.user + u.system)
	if coarse == 0 {
		return u.cpu.Seconds(), 0
	}
	user = u.cpu.Seconds() * float64(u.user) / coarse
	return user, u.cpu.Seconds() - user
}

// machineTimes returns the idle and the whole time of all processors.
func machineTimes() (idle, whole time.Duration) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	for i, f := range bytes.Fields(line) {
		const idleField, waitField, lastField = 4, 5, 8 // behind come parts of others
		if i == 0 || i > lastField {
			continue
		}
		whole += ticks(f)
		if i == idleField || i == waitField {
			idle += ticks(f)
		}
	}
	return idle, whole
}
