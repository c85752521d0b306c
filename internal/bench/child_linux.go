package bench

import (
	"os/exec"
	"syscall"
)

// isolate keeps the terminal's Ctrl-C from the child, which its parent ends in order,
// and lets it end when its parent dies. To the kernel the parent is the thread that
// started it: no goroutine here may end while it is locked to its thread.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
