package nodetest

import (
	"fmt"
	"net"
	"sync"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/vnet"
)

// addresses is how many addresses a host can have one after the other; see Host.Move.
const addresses = 4

// A Host is a machine on the network. As a transport.Net it has one interface with
// its address of the moment.
type Host struct {
	transport.Net
	world    *World
	up, down *pipe // towards the network, towards the host

	// mu guards the field below.
	mu  sync.Mutex
	ips []net.IP // the first is the address of now, the others those to come
}

// Host adds a host behind a link.
func (w *World) Host(link Link) *Host {
	w.t.Helper()
	w.hosts++
	h := &Host{
		world: w,
		up:    newPipe(link, w.seed, uint64(2*w.hosts)),
		down:  newPipe(link, w.seed, uint64(2*w.hosts+1)),
	}
	var static []string
	for i := range addresses {
		ip := fmt.Sprintf("10.%d.%d.%d", i+1, w.hosts>>8, w.hosts&0xff)
		static = append(static, ip)
		h.ips = append(h.ips, net.ParseIP(ip).To4())
	}
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: static})
	if err != nil {
		w.t.Fatal(err)
	}
	h.Net = n
	if err := w.router.AddNet(n); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ip := range static {
		w.byIP[ip] = h
	}
	return h
}

// IP returns the host's address of now.
func (h *Host) IP() net.IP {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ips[0]
}

// Move gives the host another address, as when a phone leaves the WLAN. The old one is
// dead at once. A host can move three times.
func (h *Host) Move() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ips) == 1 {
		panic("nodetest: a host can move three times only")
	}
	h.ips = h.ips[1:]
}

// Set changes the host's link. What is under way arrives as it would have.
func (h *Host) Set(l Link) {
	h.up.set(l)
	h.down.set(l)
}

// Cut loses everything the host sends and is sent, until Heal.
func (h *Host) Cut() { h.CutUp(); h.CutDown() }

// CutUp loses everything the host sends, until Heal.
func (h *Host) CutUp() { h.up.setCut(true) }

// CutDown loses everything the host is sent, until Heal.
func (h *Host) CutDown() { h.down.setCut(true) }

// Heal undoes all cuts.
func (h *Host) Heal() { h.up.setCut(false); h.down.setCut(false) }

// Refuse loses what the host sends and drop says yes to; nil ends that. drop must not
// keep the packet.
func (h *Host) Refuse(drop func(packet []byte) bool) { h.up.refuse(drop) }

// Miss loses what the host is sent and drop says yes to, as Refuse does.
func (h *Host) Miss(drop func(packet []byte) bool) { h.down.refuse(drop) }

// Traffic returns what went through the host's link.
func (h *Host) Traffic() (up, down Traffic) { return h.up.traffic(), h.down.traffic() }

// Interfaces returns the one interface.
func (h *Host) Interfaces() ([]*transport.Interface, error) {
	i := transport.NewInterface(net.Interface{
		Index: 1, MTU: 1500, Name: "eth0", Flags: net.FlagUp | net.FlagMulticast | net.FlagRunning,
	})
	i.AddAddress(&net.IPNet{IP: h.IP(), Mask: net.CIDRMask(8, 32)})
	return []*transport.Interface{i}, nil
}

// ListenPacket opens a socket behind the link.
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	a, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	return h.ListenUDP(network, a)
}

// ListenUDP opens a socket behind the link.
func (h *Host) ListenUDP(network string, a *net.UDPAddr) (transport.UDPConn, error) {
	if a == nil || a.IP == nil || a.IP.IsUnspecified() {
		return nil, fmt.Errorf("nodetest: listen on the host's address, not on %v", a)
	}
	c, err := h.Net.ListenUDP(network, a)
	if err != nil {
		return nil, err
	}
	return &socket{c, h}, nil
}

// A socket's packets go through the links of both ends. An address its host has left
// neither sends nor receives.
type socket struct {
	transport.UDPConn
	host *Host
}

// WriteTo hands a packet to the network, which may lose it.
func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	far := s.host.world.at(to)
	if far == nil || !s.host.has(s.LocalAddr()) || s.host.world.parted(s.host, far) {
		return len(b), nil
	}
	s.host.up.send(b, func(b []byte) {
		far.down.send(b, func(b []byte) { _, _ = s.UDPConn.WriteTo(b, to) }) // a closed socket loses it
	})
	return len(b), nil
}

// at returns the host that has an address now; nil if none has.
func (w *World) at(a net.Addr) *Host {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return nil
	}
	w.mu.Lock()
	h := w.byIP[u.IP.String()]
	w.mu.Unlock()
	if h == nil || !h.has(a) {
		return nil
	}
	return h
}

func (h *Host) has(a net.Addr) bool {
	u, ok := a.(*net.UDPAddr)
	return ok && u.IP.Equal(h.IP())
}
