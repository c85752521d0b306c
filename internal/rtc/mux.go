package rtc

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// A mux shares the media sockets among all sessions. Binding requests find their
// session by the ufrag in USERNAME and bind the address they came from to it, if
// they know the password; everything else goes by address. So a new session from
// an address that a dead one still holds gets it at once (page reload, one-socket
// clients), and nobody who cannot see a session's answer can take its address.
//
// STUN goes to the ICE agent of the generation (an ICE restart makes a new one),
// DTLS and media to the session, whichever generation's address they came from.
type mux struct {
	pool       *pool
	endpoints  []*endpoint
	drops      drops
	indication []byte
	afterRead  func()      // Config.AfterRead
	closing    atomic.Bool // the sockets are being closed

	mu          sync.RWMutex
	generations map[string]*muxGeneration   // by our ufrag
	bindings    map[netip.AddrPort]*binding // UDP only: frames of ICE-TCP know theirs
}

// A muxSession is a peer as the mux sees it.
type muxSession struct {
	dtls    *queue         // what the handshake reads
	media   func(*packet)  // takes over RTP and RTCP, on the goroutine that read them
	dropped func(*tcpConn) // told when an ICE-TCP connection of the session has ended

	tcp      map[netip.AddrPort]*tcpConn // mux.mu
	selected netip.AddrPort              // mux.mu; where its media goes
	gone     bool                        // mux.mu
}

// A muxGeneration is one ICE agent of a session.
type muxGeneration struct {
	session    *muxSession
	ufrag, pwd string
	answered   func()           // called by the agent's readers after each answered check
	conns      []*muxConn       // mux.mu; by endpoint, nil where the agent has none
	addrs      []netip.AddrPort // mux.mu; those bound to it, the oldest first
	everBound  int              // mux.mu; with those that are no more
}

// A binding is a remote address and the generation that its packets are for.
type binding struct {
	gen   *muxGeneration
	local netip.Addr // mux.mu; which of our addresses the peer talks to from there

	// source is what to send from for the peer to see local; nil: the system knows.
	source atomic.Pointer[netip.Addr]
}

// from returns what to name as the source of packets to the binding's address.
func (b *binding) from() netip.Addr {
	if b == nil {
		return netip.Addr{}
	}
	if a := b.source.Load(); a != nil {
		return *a
	}
	return netip.Addr{}
}

func newMux(endpoints []*endpoint) *mux {
	return &mux{
		pool:        newPool(),
		afterRead:   func() {},
		indication:  bindingIndication(),
		endpoints:   endpoints,
		generations: make(map[string]*muxGeneration),
		bindings:    make(map[netip.AddrPort]*binding),
	}
}

func (m *mux) newSession() *muxSession {
	return &muxSession{dtls: newQueue(m.pool, maxDTLSQueue), media: m.pool.put, dropped: func(*tcpConn) {}}
}

// add makes a generation known by its ufrag.
func (m *mux) add(s *muxSession, ufrag, pwd string, answered func()) *muxGeneration {
	g := &muxGeneration{session: s, ufrag: ufrag, pwd: pwd, answered: answered, conns: make([]*muxConn, len(m.endpoints))}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generations[ufrag] = g
	return g
}

// retire makes Binding requests for the ufrag unknown. What else comes from the
// generation's addresses still goes to the session.
func (m *mux) retire(ufrag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.generations, ufrag)
}

// remove forgets a session: its addresses, its ICE-TCP connections and what is queued.
// The generations of its agents are gone by then.
func (m *mux) remove(s *muxSession) {
	m.mu.Lock()
	tcp := s.tcp
	s.tcp, s.gone = nil, true
	m.mu.Unlock()
	for _, c := range tcp {
		c.close()
	}
	s.dtls.close()
}

// dispatch hands a datagram to whom it belongs. It returns false if the packet
// remains the caller's, because it was dropped.
func (m *mux) dispatch(p *packet) bool {
	b := p.bytes()
	c := classify(b)
	if c == classUnknown {
		m.drops.count(DropUnknownClass)
		return false
	}
	if c == classSTUN && isBindingRequest(b) {
		g := m.request(p)
		return g != nil && m.pushSTUN(g, p)
	}
	m.mu.RLock()
	to := m.bindings[p.from]
	m.mu.RUnlock()
	if to == nil {
		m.drops.count(DropUnknownAddress)
		return false
	}
	if c == classSTUN {
		return m.answer(to.gen, p)
	}
	return m.pass(to.gen.session, c, p)
}

// answer hands on a response to a check of ours. Other STUN messages are dropped:
// the agent would take them for signs of life, and they are not authentic.
func (m *mux) answer(g *muxGeneration, p *packet) bool {
	if !isBindingSuccess(p.bytes()) {
		m.drops.count(DropUnwantedSTUN)
		return false
	}
	return m.pushSTUN(g, p)
}

// request returns the generation that a Binding request is for, after binding the
// address it came from. It counts the drop when there is none.
func (m *mux) request(p *packet) *muxGeneration {
	b := p.bytes()
	ufrag, nominates, ok := readCheck(b)
	if !ok {
		m.drops.count(DropMalformedSTUN)
		return nil
	}
	m.mu.RLock()
	g, bound := m.generations[string(ufrag)], m.bindings[p.from]
	known := bound != nil && bound.gen == g && (!nominates || bound.local == p.to)
	m.mu.RUnlock()
	switch {
	case g == nil:
		m.drops.count(DropUnknownUfrag)
		return nil
	case known:
		return g
	case !authentic(b, g.pwd):
		m.drops.count(DropBadIntegrity)
		return nil
	case bound != nil && bound.gen == g:
		return g // a nomination counts once it is answered: see follow
	}
	if bound = m.bind(p.from, g, true); bound == nil {
		m.drops.count(DropTooManyAddresses)
		return nil
	}
	m.locate(bound, p.endpoint, p.from, p.to)
	return g
}

// follow locates a binding where its peer nominated us, which has just been answered.
// It would be too early before: until the answer has come a browser drops what is not
// STUN from an address of ours that is new to it.
func (m *mux) follow(b *binding, endpoint int, peer netip.AddrPort, ours netip.Addr) {
	m.mu.RLock()
	there := b.local == ours
	m.mu.RUnlock()
	if !there {
		m.locate(b, endpoint, peer, ours)
	}
}

// locate makes what is sent to a binding's address, peer, come from ours: our address
// that the peer asked first, or nominated since. On a machine with several it drops
// what comes from another.
func (m *mux) locate(b *binding, endpoint int, peer netip.AddrPort, ours netip.Addr) {
	var source *netip.Addr
	if a := m.endpoints[endpoint].SourceFor(peer, ours); a.IsValid() {
		source = &a
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b.local = ours
	b.source.Store(source)
}

// bind makes packets from the address go to the generation. With move it takes the
// address from whoever has it, and room from the generation's oldest. nil: it cannot be.
func (m *mux) bind(addr netip.AddrPort, g *muxGeneration, move bool) *binding {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.bindings[addr]
	if old != nil && old.gen == g {
		return old
	}
	if m.generations[g.ufrag] != g || old != nil && !move || !m.roomLocked(g, move) {
		return nil
	}
	if old != nil {
		old.gen.addrs = slices.DeleteFunc(old.gen.addrs, func(a netip.AddrPort) bool { return a == addr })
	}
	b := &binding{gen: g}
	m.bindings[addr] = b
	g.addrs = append(g.addrs, addr)
	g.everBound++
	return b
}

// roomLocked tells whether a generation may have one more address, after taking the
// oldest one from it where that makes the room; never the one that media goes to.
func (m *mux) roomLocked(g *muxGeneration, yield bool) bool {
	switch {
	case g.everBound >= maxAddressesEver:
		return false
	case len(g.addrs) < maxSessionAddresses:
		return true
	case !yield:
		return false
	}
	oldest := 0
	if g.addrs[0] == g.session.selected {
		oldest = 1
	}
	delete(m.bindings, g.addrs[oldest])
	g.addrs = slices.Delete(g.addrs, oldest, oldest+1)
	return true
}

func (m *mux) pushSTUN(g *muxGeneration, p *packet) bool {
	m.mu.RLock()
	c := g.conns[p.endpoint]
	m.mu.RUnlock()
	if c == nil {
		m.drops.count(DropUnknownAddress)
		return false
	}
	if !c.in.push(p) {
		m.drops.count(DropQueueFull)
		return false
	}
	return true
}

// indicate gives a generation's agent a Binding indication from an address.
func (m *mux) indicate(g *muxGeneration, from netip.AddrPort, endpoint int) {
	p := m.pool.get()
	p.from, p.to, p.endpoint = from, netip.Addr{}, endpoint
	p.n = copy(p.buf[:], m.indication)
	if !m.pushSTUN(g, p) {
		m.pool.put(p)
	}
}

// pass hands media to the session at once and DTLS to its handshake's queue. A goroutine
// to wake for each packet of media would cost more than the packet.
func (m *mux) pass(s *muxSession, c class, p *packet) bool {
	if c == classMedia {
		s.media(p)
		return true
	}
	if !s.dtls.push(p) {
		m.drops.count(DropQueueFull)
		return false
	}
	return true
}

// GetConn returns the conn of an agent on a listen address; part of ice.UDPMux.
// Each conn it returns must be closed once.
func (m *mux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.generations[ufrag]
	if g == nil {
		return nil, errors.New("rtc: no generation with ufrag " + ufrag)
	}
	i := slices.IndexFunc(m.endpoints, func(e *endpoint) bool { return e.listed.String() == addr.String() })
	if i < 0 {
		return nil, errors.New("rtc: no media socket at " + addr.String())
	}
	if g.conns[i] == nil {
		g.conns[i] = &muxConn{mux: m, gen: g, endpoint: i, in: newQueue(m.pool, maxSTUNQueue)}
	}
	g.conns[i].refs++
	return g.conns[i], nil
}

// release undoes one GetConn.
func (m *mux) release(c *muxConn) {
	m.mu.Lock()
	c.refs--
	last := c.refs <= 0 && c.gen.conns[c.endpoint] == c
	if last {
		c.gen.conns[c.endpoint] = nil
		if !slices.ContainsFunc(c.gen.conns, func(c *muxConn) bool { return c != nil }) {
			m.forgetLocked(c.gen)
		}
	}
	m.mu.Unlock()
	if last {
		c.in.close()
	}
}

// forgetLocked removes a generation and all that is bound to it.
func (m *mux) forgetLocked(g *muxGeneration) {
	if m.generations[g.ufrag] == g {
		delete(m.generations, g.ufrag)
	}
	for _, a := range g.addrs {
		delete(m.bindings, a)
	}
	g.addrs = nil
}

// RemoveConnByUfrag closes an agent's conns; part of ice.UDPMux.
func (m *mux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	g := m.generations[ufrag]
	if g == nil { // retired: its agent closes each conn
		m.mu.Unlock()
		return
	}
	conns := slices.Clone(g.conns)
	clear(g.conns)
	m.forgetLocked(g)
	m.mu.Unlock()
	for _, c := range conns {
		if c != nil {
			c.in.close()
		}
	}
}

// GetListenAddresses lists one address per socket and family; part of ice.UDPMux.
func (m *mux) GetListenAddresses() []net.Addr {
	all := make([]net.Addr, len(m.endpoints))
	for i, e := range m.endpoints {
		all[i] = e.listed
	}
	return all
}

// Close does nothing: the sockets are the Transport's; part of ice.UDPMux.
func (m *mux) Close() error { return nil }

// sizes returns how much the mux holds, for tests and metrics.
func (m *mux) sizes() (generations, bindings int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.generations), len(m.bindings)
}
