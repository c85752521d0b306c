package rtc

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v4"
)

var (
	_ ice.UDPMux               = (*mux)(nil)
	_ ice.AddrPortReaderWriter = (*muxConn)(nil)
)

// A muxConn is what one ICE agent reads and writes on one endpoint: STUN alone.
// Closing it leaves the socket open.
type muxConn struct {
	mux      *mux
	gen      *muxGeneration
	endpoint int
	in       *queue
	refs     int  // mux.mu
	answered bool // the agent's reader; it read a response last

	askedMu   sync.Mutex
	asker     netip.AddrPort // askedMu; where the packet that was read last came from
	asked     netip.Addr     // askedMu; ours that it was sent to
	nominated bool           // askedMu; it nominates that
}

// ReadFromAddrPort returns the next STUN packet for the agent.
func (c *muxConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	if c.answered { // the agent has dealt with the response it read last
		c.answered = false
		c.gen.answered()
	}
	p, err := c.in.pop()
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	c.answered = isBindingSuccess(p.bytes())
	defer c.mux.pool.put(p)
	nominates := false
	if isBindingRequest(p.bytes()) {
		_, nominates, _ = readCheck(p.bytes())
	}
	c.askedMu.Lock()
	c.asker, c.asked, c.nominated = p.from, p.to, nominates
	c.askedMu.Unlock()
	return copy(b, p.bytes()), p.from, nil
}

// answering returns which of our addresses an answer to a peer must come from: where
// its request was sent to; and whether that nominates the address. The agent answers a
// packet before it reads the next.
func (c *muxConn) answering(to netip.AddrPort) (from netip.Addr, nominated bool) {
	c.askedMu.Lock()
	defer c.askedMu.Unlock()
	if c.asker != to {
		return netip.Addr{}, false
	}
	return c.asked, c.nominated
}

// WriteToAddrPort sends a packet at once, over ICE-TCP where the peer uses it.
// The address of a check is bound to the agent unless another has it, for the
// response to find the way back.
func (c *muxConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	m := c.mux
	m.mu.RLock()
	via, bound := c.gen.session.tcp[to], m.bindings[to]
	m.mu.RUnlock()
	if via != nil {
		return via.send(b, true)
	}
	from, nominated := c.answering(to)
	if classify(b) == classSTUN && isBindingRequest(b) {
		if bound == nil {
			bound = m.bind(to, c.gen, false)
		}
		from, nominated = bound.from(), false
	}
	n, err := m.endpoints[c.endpoint].WriteToFrom(b, to, from)
	if nominated && err == nil && isBindingSuccess(b) && bound != nil && bound.gen == c.gen {
		m.follow(bound, c.endpoint, to, from)
	}
	return n, err
}

// ReadFrom is ReadFromAddrPort for net.PacketConn.
func (c *muxConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is WriteToAddrPort for net.PacketConn.
func (c *muxConn) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, ok := addrPortOf(to)
	if !ok {
		return 0, net.InvalidAddrError("rtc: not an IP address and port")
	}
	return c.WriteToAddrPort(b, addr)
}

// Close undoes one GetConn; after the last one reads fail.
func (c *muxConn) Close() error {
	c.mux.release(c)
	return nil
}

// LocalAddr returns the address the endpoint is listed with.
func (c *muxConn) LocalAddr() net.Addr { return c.mux.endpoints[c.endpoint].listed }

// SetDeadline, SetReadDeadline and SetWriteDeadline do nothing: agents only set
// deadlines right before Close, and the socket is shared.
func (c *muxConn) SetDeadline(time.Time) error      { return nil }
func (c *muxConn) SetReadDeadline(time.Time) error  { return nil }
func (c *muxConn) SetWriteDeadline(time.Time) error { return nil }

// A route is where a session's media goes.
type route struct {
	endpoint *endpoint
	via      *tcpConn // ICE-TCP if not nil
	to       netip.AddrPort
	binding  *binding // of to, may be nil
}

// route finds the way for media from the listen address local to the peer, and keeps
// it: from now on the address does not yield to others of the session.
func (m *mux) route(s *muxSession, local, to netip.AddrPort) (*route, bool) {
	i := slices.IndexFunc(m.endpoints, func(e *endpoint) bool { return e.listed.AddrPort() == local })
	if i < 0 {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.selected = to
	r := &route{endpoint: m.endpoints[i], via: s.tcp[to], to: to}
	if b := m.bindings[to]; b != nil && b.gen.session == s {
		r.binding = b
	}
	return r, true
}

// send writes one packet; urgent ones may use the reserve of a full TCP queue.
func (r *route) send(b []byte, urgent bool) error {
	var err error
	if r.via != nil {
		_, err = r.via.send(b, urgent)
	} else {
		_, err = r.endpoint.WriteToFrom(b, r.to, r.binding.from())
	}
	return err
}
