//go:build unix

package udp

import (
	"net"
	"runtime"
	"syscall"
)

// granted asks the kernel for the sizes of a socket's buffers. Linux reports twice
// what it grants, to account for its own overhead (socket(7)).
func granted(c *net.UDPConn) (read, write int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0
	}
	_ = raw.Control(func(fd uintptr) {
		read, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		write, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	})
	if runtime.GOOS == "linux" {
		read, write = read/2, write/2
	}
	return read, write
}
