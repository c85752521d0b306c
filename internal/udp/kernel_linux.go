package udp

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A kernel is the system calls of the batched paths, so that tests can make them fail.
// Descriptors do not block. An Errno of 0 is success.
type kernel interface {
	sendmmsg(fd uintptr, m []unix.Mmsghdr) (int, syscall.Errno)
	recvmmsg(fd uintptr, m []unix.Mmsghdr) (int, syscall.Errno)
	sendmsg(fd uintptr, h *unix.Msghdr) syscall.Errno
	recvmsg(fd uintptr, h *unix.Msghdr) (int, syscall.Errno)
	// writable waits until the send buffer has room, at most that long.
	writable(fd uintptr, within time.Duration)
	setOption(fd uintptr, level, name, value int) error
	hasOption(fd uintptr, level, name int) error
}

// system is the kernel itself. The pointers that its messages hold are of memory of
// the caller's that the garbage collector knows of; it does not move.
type system struct{}

func (system) sendmmsg(fd uintptr, m []unix.Mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(m))), uintptr(len(m)), 0, 0, 0)
	runtime.KeepAlive(m)
	return result(n, errno)
}

func (system) recvmmsg(fd uintptr, m []unix.Mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(m))), uintptr(len(m)), 0, 0, 0)
	runtime.KeepAlive(m)
	return result(n, errno)
}

func (system) sendmsg(fd uintptr, h *unix.Msghdr) syscall.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(h)), 0)
	runtime.KeepAlive(h)
	return errno
}

func (system) recvmsg(fd uintptr, h *unix.Msghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(h)), 0)
	runtime.KeepAlive(h)
	return result(n, errno)
}

// result is what a call returned: -1 with an error becomes 0.
func result(n uintptr, errno syscall.Errno) (int, syscall.Errno) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func (system) writable(fd uintptr, within time.Duration) {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}                  //nolint:gosec // descriptors are small
	_, _ = unix.Poll(p[:], int((within + time.Millisecond - 1).Milliseconds())) // the next send tells what came of it
}

func (system) setOption(fd uintptr, level, name, value int) error {
	return unix.SetsockoptInt(int(fd), level, name, value) //nolint:wrapcheck // a yes or no
}

func (system) hasOption(fd uintptr, level, name int) error {
	_, err := unix.GetsockoptInt(int(fd), level, name)
	return err //nolint:wrapcheck // a yes or no
}

// force sets buffer sizes past the system's limits, which takes CAP_NET_ADMIN.
func (s *Socket) force(size int) (read, write bool) {
	_ = s.raw.Control(func(fd uintptr) {
		read = s.kernel.setOption(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) == nil
		write = s.kernel.setOption(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size) == nil
	})
	return read, write
}
