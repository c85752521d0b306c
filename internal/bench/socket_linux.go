package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A pollNetwork reads its sockets with one epoll set a thread.
type pollNetwork struct {
	sets   []*pollSet
	next   atomic.Uint32
	wg     sync.WaitGroup
	closed atomic.Bool
	haste  atomic.Int32 // how many wait for an answer
}

// newNetwork returns the network of this system.
func newNetwork() (network, error) {
	n := &pollNetwork{}
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			n.close()
			return nil, fmt.Errorf("epoll: %w", err)
		}
		s := &pollSet{network: n, fd: fd, sockets: map[int32]*pollSocket{}}
		n.sets = append(n.sets, s)
		n.wg.Go(s.run)
	}
	return n, nil
}

func (n *pollNetwork) hurry(by int) { n.haste.Add(int32(by)) } //nolint:gosec // few

// pause lets packets gather.
func (n *pollNetwork) pause() {
	for waited := time.Duration(0); waited < gatherLong; waited += gather {
		time.Sleep(gather)
		if n.haste.Load() > 0 {
			return
		}
	}
}

func (n *pollNetwork) close() {
	n.closed.Store(true)
	n.wg.Wait()
	for _, s := range n.sets {
		_ = unix.Close(s.fd)
	}
}

func (n *pollNetwork) open(local netip.Addr, receive receiver) (socket, error) {
	fd, err := openUDP(local)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	s := &pollSocket{fd: fd, receive: receive}
	bound, err := unix.Getsockname(fd)
	if err == nil {
		s.local = addrPort(bound)
		s.set = n.sets[int(n.next.Add(1))%len(n.sets)]
		err = s.set.add(s)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("socket: %w", err)
	}
	return s, nil
}

func openUDP(local netip.Addr) (int, error) {
	family, at := unix.AF_INET, sockaddr(netip.AddrPortFrom(local, 0))
	if local.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer) // what the system allows
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)    // else they look like the server's losses
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) // else the time of reading
	if err := unix.Bind(fd, at); err != nil {
		_ = unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)) //nolint:gosec // a port
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)) //nolint:gosec // a port
	}
	return netip.AddrPort{}
}

// A pollSet is one thread's sockets.
type pollSet struct {
	network *pollNetwork
	fd      int

	// mu guards the fields below.
	mu      sync.Mutex
	sockets map[int32]*pollSocket
	last    int32
}

// add names the socket by a number of our own: the kernel reuses its numbers.
func (s *pollSet) add(sock *pollSocket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	sock.id = s.last
	err := unix.EpollCtl(s.fd, unix.EPOLL_CTL_ADD, sock.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: sock.id})
	if err == nil {
		s.sockets[sock.id] = sock
	}
	return err
}

func (s *pollSet) remove(id int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, id)
}

func (s *pollSet) find(id int32) *pollSocket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sockets[id]
}

func (s *pollSet) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // else the thread ends, and with it children it started: see isolate
	batch := newBatch()
	events := make([]unix.EpollEvent, 256)
	for !s.network.closed.Load() {
		n, err := unix.EpollWait(s.fd, events, int(closeCheck.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return // the set is closed
		}
		for _, e := range events[:max(n, 0)] {
			if sock := s.find(e.Fd); sock != nil {
				sock.drain(batch)
			}
		}
		if n > 0 {
			s.network.pause()
		}
	}
}

// A pollSocket is one socket.
type pollSocket struct {
	set     *pollSet
	id      int32
	local   netip.AddrPort
	receive receiver
	lost    atomic.Uint32

	// mu guards the fields below, and is held while the receiver runs.
	mu     sync.Mutex
	fd     int
	closed bool
}

func (s *pollSocket) addr() netip.AddrPort { return s.local }

func (s *pollSocket) overflowed() uint32 { return s.lost.Load() }

// send does not take the lock, which may be held by a receiver that sends. Sending on
// a closed socket is the caller's mistake: a socket is closed after its users.
func (s *pollSocket) send(b []byte, to netip.AddrPort) error {
	return unix.Sendto(s.fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, sockaddr(to))
}

func (s *pollSocket) close() {
	s.set.remove(s.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		_ = unix.Close(s.fd)
	}
}

// drainCalls bounds how long one socket is read before the next one's turn.
const drainCalls = 16

func (s *pollSocket) drain(batch *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range drainCalls {
		if s.closed {
			return
		}
		n := batch.read(s.fd)
		for i := range n {
			b, from, at := batch.message(i, &s.lost)
			s.receive(b, from, at)
		}
		if n < batchSize {
			return
		}
	}
}
