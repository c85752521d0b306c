package rtc

import (
	"bufio"
	"container/list"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A tcpServer takes ICE-TCP connections (RFC 6544, passive side). To the agents
// they are more addresses of the peer: a frame (RFC 4571) is a datagram that came
// from the connection's far end, and what is sent there goes into its queue. So a
// session pays nothing for ICE-TCP until it uses it.
type tcpServer struct {
	mux      *mux
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex
	conns    map[*tcpConn]struct{}
	halfOpen *list.List // of *tcpConn, in order of arrival
	closed   bool
}

func newTCPServer(m *mux, l net.Listener) *tcpServer {
	return &tcpServer{mux: m, listener: l, conns: make(map[*tcpConn]struct{}), halfOpen: list.New()}
}

// serve accepts until the listener is closed.
func (s *tcpServer) serve() {
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(maxReadPause) // out of descriptors: the listener stays readable
			continue
		}
		s.admit(c)
	}
}

// admit starts a connection, or closes it when there are too many. Of those that have
// not named a session the oldest yields: a client that means it does so at once.
func (s *tcpServer) admit(c net.Conn) {
	remote, ok := addrPortOf(c.RemoteAddr())
	endpoint := s.mux.endpointFor(remote.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || endpoint < 0 || s.closed || len(s.conns) >= maxTCP {
		_ = c.Close()
		return
	}
	if s.halfOpen.Len() >= maxHalfOpenTCP {
		oldest := s.halfOpen.Front().Value.(*tcpConn) //nolint:forcetypeassert // the list holds nothing else
		s.namedLocked(oldest)
		oldest.close()
	}
	t := &tcpConn{server: s, conn: c, remote: remote, endpoint: endpoint}
	t.wake.L = &t.wmu
	s.conns[t] = struct{}{}
	t.waiting = s.halfOpen.PushBack(t)
	s.wg.Go(t.run)
}

// opened notes that a connection found its session, and starts its writer.
func (s *tcpServer) opened(t *tcpConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.namedLocked(t)
	s.wg.Go(t.write)
}

// namedLocked takes a connection out of those that have not named a session, once.
func (s *tcpServer) namedLocked(t *tcpConn) {
	if t.waiting != nil {
		s.halfOpen.Remove(t.waiting)
		t.waiting = nil
	}
}

func (s *tcpServer) gone(t *tcpConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, t)
	s.namedLocked(t)
}

// close closes the listener and all connections, and waits for their goroutines.
func (s *tcpServer) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for t := range s.conns {
		t.close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// A tcpConn is one ICE-TCP connection.
type tcpConn struct {
	server   *tcpServer
	conn     net.Conn
	remote   netip.AddrPort
	endpoint int
	waiting  *list.Element  // in tcpServer.halfOpen, nil once it named a session; tcpServer.mu
	gen      *muxGeneration // whom the last authenticated request was for; written by run under mux.mu

	wmu     sync.Mutex
	wake    sync.Cond // wmu
	pending []byte    // frames not yet given to the kernel
	closed  bool
}

// run reads frames until the connection ends, then takes it out everywhere.
func (t *tcpConn) run() {
	defer func() {
		t.close()
		t.server.mux.unbindTCP(t)
		t.server.gone(t)
	}()
	_ = t.conn.SetReadDeadline(time.Now().Add(firstCheckTimeout))
	pool := t.server.mux.pool
	r := bufio.NewReaderSize(t.conn, maxDatagram)
	for {
		p := pool.get()
		p.from, p.to, p.endpoint = t.remote, netip.Addr{}, t.endpoint
		err := readFrame(r, p)
		if err == nil && t.take(p) {
			if r.Buffered() == 0 {
				t.server.mux.afterRead()
			}
			continue
		}
		pool.put(p)
		if err != nil || t.gen == nil { // nothing but a check may come first
			return
		}
	}
}

var errFrameTooLarge = errors.New("rtc: frame too large")

// readFrame reads a frame: its length in two bytes, then the packet (RFC 4571 §2).
func readFrame(r io.Reader, p *packet) error {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	p.n = int(binary.BigEndian.Uint16(size[:]))
	if p.n > maxDatagram {
		return errFrameTooLarge
	}
	_, err := io.ReadFull(r, p.buf[:p.n])
	p.at = time.Now()
	return err
}

// take hands a frame to its session; false if the packet remains the caller's.
func (t *tcpConn) take(p *packet) bool {
	m, b := t.server.mux, p.bytes()
	c := classify(b)
	switch {
	case c == classUnknown:
		m.drops.count(DropUnknownClass)
		return false
	case c == classSTUN && isBindingRequest(b) && !m.requestTCP(b, t):
		return false
	case t.gen == nil:
		m.drops.count(DropUnknownAddress)
		return false
	case c == classSTUN && !isBindingRequest(b):
		return m.answer(t.gen, p)
	case c == classSTUN:
		return m.pushSTUN(t.gen, p)
	}
	return m.pass(t.gen.session, c, p)
}

// send queues one frame. Urgent ones may use a reserve beyond the bound. It
// returns ErrQueueFull when the peer does not keep up, and never blocks.
func (t *tcpConn) send(b []byte, urgent bool) (int, error) {
	limit := maxTCPQueue
	if urgent {
		limit += tcpReserve
	}
	t.wmu.Lock()
	defer t.wmu.Unlock()
	if t.closed {
		return 0, ErrNotConnected
	}
	if len(t.pending)+2+len(b) > limit {
		return 0, ErrQueueFull
	}
	t.pending = binary.BigEndian.AppendUint16(t.pending, uint16(len(b))) //nolint:gosec // at most a datagram
	t.pending = append(t.pending, b...)
	t.wake.Signal()
	return len(b), nil
}

// write gives what is pending to the kernel, all at once.
func (t *tcpConn) write() {
	var spare []byte
	for {
		t.wmu.Lock()
		for len(t.pending) == 0 && !t.closed {
			t.wake.Wait()
		}
		if t.closed {
			t.wmu.Unlock()
			return
		}
		out := t.pending
		t.pending = spare[:0]
		t.wmu.Unlock()
		if _, err := t.conn.Write(out); err != nil {
			t.close()
			return
		}
		spare = out
		if cap(spare) > maxTCPQueue/8 { // a burst has passed
			spare = nil
		}
	}
}

// ended tells whether nothing can be sent any more.
func (t *tcpConn) ended() bool {
	t.wmu.Lock()
	defer t.wmu.Unlock()
	return t.closed
}

// close ends both goroutines. It is safe to call more than once.
func (t *tcpConn) close() {
	t.wmu.Lock()
	t.closed, t.pending = true, nil
	t.wake.Broadcast()
	t.wmu.Unlock()
	_ = t.conn.Close()
}

// endpointFor returns the first endpoint of the address's family, -1 if none.
func (m *mux) endpointFor(a netip.Addr) int {
	for i, e := range m.endpoints {
		if e.listed.AddrPort().Addr().Is4() == a.Is4() {
			return i
		}
	}
	return -1
}

// requestTCP binds a connection to the generation that a Binding request on it is
// for. It returns false if the request must be dropped.
func (m *mux) requestTCP(b []byte, t *tcpConn) bool {
	ufrag, _, ok := readCheck(b)
	if !ok {
		m.drops.count(DropMalformedSTUN)
		return false
	}
	m.mu.RLock()
	g := m.generations[string(ufrag)]
	m.mu.RUnlock()
	switch {
	case g == nil:
		m.drops.count(DropUnknownUfrag)
		return false
	case g == t.gen:
		return true
	case !authentic(b, g.pwd):
		m.drops.count(DropBadIntegrity)
		return false
	}
	first := t.gen == nil
	if !m.bindTCP(t, g) {
		m.drops.count(DropTooManyAddresses)
		return false
	}
	if first {
		_ = t.conn.SetReadDeadline(time.Time{})
		t.server.opened(t)
	}
	return true
}

func (m *mux) bindTCP(t *tcpConn, g *muxGeneration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := g.session
	if s.gone || len(s.tcp) >= maxSessionTCP && s.tcp[t.remote] != t || g.everBound >= maxAddressesEver {
		return false
	}
	g.everBound++
	if t.gen != nil && t.gen.session != s {
		m.unbindTCPLocked(t)
	}
	if s.tcp == nil {
		s.tcp = make(map[netip.AddrPort]*tcpConn)
	}
	s.tcp[t.remote] = t
	t.gen = g
	return true
}

// unbindTCP takes a connection that has ended from its session, and tells it.
func (m *mux) unbindTCP(t *tcpConn) {
	m.mu.Lock()
	g := t.gen
	m.unbindTCPLocked(t)
	m.mu.Unlock()
	if g != nil {
		g.session.dropped(t)
	}
}

func (m *mux) unbindTCPLocked(t *tcpConn) {
	if t.gen != nil && t.gen.session.tcp[t.remote] == t {
		delete(t.gen.session.tcp, t.remote)
	}
}
