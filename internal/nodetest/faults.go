package nodetest

import "errors"

// errCut is what a request gets that cannot reach its node.
var errCut = errors.New("nodetest: the network is cut")

// Part loses everything between two nodes, requests too, or ends that.
func (c *Cluster) Part(a, b *Member, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apart == nil {
		c.apart = map[[2]*Host]bool{}
	}
	c.apart[[2]*Host{a.Host, b.Host}], c.apart[[2]*Host{b.Host, a.Host}] = on, on
}

// PartMedia is Part for all but requests.
func (c *Cluster) PartMedia(a, b *Member, on bool) {
	c.Part(a, b, on)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = map[[2]*Host]bool{{a.Host, b.Host}: on, {b.Host, a.Host}: on}
}

// parted tells whether packets between two hosts are lost.
func (w *World) parted(a, b *Host) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.apart[[2]*Host{a, b}]
}

// unreachable tells whether a request to the node of a host name is lost.
func (m *Member) unreachable(name string) bool {
	if m.refuse.Load() {
		return true
	}
	to, ok := m.cluster.by[name].(*Member)
	return ok && (to.dead.Load() || m.cluster.parted(m.Host, to.Host) && !m.cluster.askable(m.Host, to.Host))
}

// askable tells whether requests pass where packets do not.
func (w *World) askable(a, b *Host) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[[2]*Host{a, b}]
}

// Reach lets the node reach the directory, or not.
func (m *Member) Reach(on bool) { m.gate.open(on) }

// Kill lets no packet and no request from or to this node through any more, as when its
// machine dies.
func (m *Member) Kill() {
	m.Refuse(true)
	m.Reach(false)
	m.Host.Refuse(func([]byte) bool { return true })
	m.dead.Store(true)
}

// Dead tells whether the node was killed and not started again.
func (m *Member) Dead() bool { return m.dead.Load() }

// Restart starts a node that was killed anew, with nothing but its name and address.
func (m *Member) Restart() {
	m.cluster.t.Helper()
	m.Close() // of the dead one nobody hears
	m.Host.Refuse(nil)
	m.Reach(true)
	m.Refuse(false)
	m.live()
	m.dead.Store(false)
}
