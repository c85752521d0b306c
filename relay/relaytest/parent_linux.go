package relaytest

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the program when the thread that started it does, and so when a test
// is killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
