package rtc

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/transport/v4"
)

// announced is what the candidates of a Transport name.
type announced struct{ udp, tcp []netip.AddrPort }

// announce finds the addresses for the candidates of a Config.
func announce(cfg Config) (announced, error) {
	if len(cfg.UDP) == 0 {
		return announced{}, errors.New("rtc: no media socket")
	}
	var a announced
	for _, c := range cfg.UDP {
		all, err := addressesOf(c.LocalAddr(), cfg.Announce, cfg.Net)
		if err != nil {
			return a, err
		}
		a.udp = append(a.udp, all...)
	}
	if cfg.TCP != nil {
		all, err := addressesOf(cfg.TCP.Addr(), cfg.Announce, cfg.Net)
		if err != nil {
			return a, err
		}
		a.tcp = all
	}
	a.udp = distinct(a.udp)
	if len(a.udp) == 0 {
		return a, errors.New("rtc: no address to announce; name one")
	}
	return a, nil
}

// addressesOf lists what stands for one socket or listener.
func addressesOf(local net.Addr, configured []netip.AddrPort, n transport.Net) ([]netip.AddrPort, error) {
	l, ok := addrPortOf(local)
	if !ok {
		return nil, errors.New("rtc: not a UDP or TCP socket: " + local.String())
	}
	if len(configured) > 0 {
		return withPort(configured, l.Port())
	}
	if !l.Addr().IsUnspecified() {
		return []netip.AddrPort{l}, nil
	}
	found, err := LocalAddresses(n)
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for _, a := range found {
		if a.Is4() || l.Addr().Is6() {
			all = append(all, netip.AddrPortFrom(a, l.Port()))
		}
	}
	return all, nil
}

func withPort(in []netip.AddrPort, port uint16) ([]netip.AddrPort, error) {
	var out []netip.AddrPort
	for _, a := range in {
		a = unmap(a)
		if !a.Addr().IsValid() || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
			return nil, errors.New("rtc: cannot announce " + a.String())
		}
		if a.Port() == 0 {
			a = netip.AddrPortFrom(a.Addr(), port)
		}
		out = append(out, a)
	}
	return distinct(out), nil
}

func distinct(in []netip.AddrPort) []netip.AddrPort {
	var out []netip.AddrPort
	for _, a := range in {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// first returns the best announced address of a family; invalid if there is none.
func (a announced) first(in func(netip.Addr) bool) netip.Addr {
	for _, ap := range a.udp {
		if in(ap.Addr()) {
			return ap.Addr()
		}
	}
	return netip.Addr{}
}
