package sdp

import (
	"fmt"
	"net/netip"
	"strings"
)

// A verdict says what to do with a candidate.
type verdict uint8

const (
	unreadable verdict = iota // not the syntax of RFC 8839 §5.1
	useless                   // understood; no packet could reach it from here
	usable
)

// A candidate is a remote ICE candidate that can be paired with ours.
type candidate struct {
	foundation string
	priority   uint32
	addr       netip.AddrPort
	kind       string // host, srflx, prflx or relay
	ufrag      string // the generation it belongs to (RFC 8839 §5.1), "" if it does not say
}

// parseCandidate reads "foundation component transport priority address port
// typ type …", with or without "candidate:" before it. Useless are: an empty one,
// TCP (clients connect to us, never we to them), any component but 1, unknown
// types, names, addresses that cannot be sent to.
func parseCandidate(value string) (candidate, verdict) {
	value = strings.TrimPrefix(value, "candidate:")
	var f [8]string
	for i := range f {
		f[i], value = cutField(value)
	}
	if f == [8]string{} {
		return candidate{}, useless // browsers end a generation so
	}
	component, ok1 := parseUint(f[1], 256)
	priority, ok2 := parseUint(f[3], 1<<32-1)
	port, ok3 := parseUint(f[5], 65535)
	if !ok1 || !ok2 || !ok3 || !isFoundation(f[0]) || !isToken(f[2], "") || f[6] != "typ" || !isToken(f[7], "") || !isVisible(f[4]) {
		return candidate{}, unreadable
	}
	c := candidate{foundation: f[0], priority: uint32(priority), kind: strings.ToLower(f[7])}
	c.ufrag = candidateUfrag(value)
	addr, err := netip.ParseAddr(f[4])
	c.addr = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	// Some clients number components from 0.
	if err != nil || component > 1 || !strings.EqualFold(f[2], "udp") || !isKind(c.kind) || !reachable(c.addr) {
		return c, useless
	}
	return c, usable
}

func isFoundation(s string) bool {
	// RFC 8839 §5.1 allows letters, digits, "+" and "/", 32 of them.
	return len(s) <= 32 && isToken(s, "/")
}

func isKind(s string) bool {
	return s == "host" || s == "srflx" || s == "prflx" || s == "relay"
}

func reachable(a netip.AddrPort) bool {
	ip := a.Addr()
	switch {
	case a.Port() == 0, ip.IsUnspecified(), ip.IsMulticast(), ip.Zone() != "":
		return false
	case ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	}
	return ip.Is4() || !ip.IsLinkLocalUnicast() // which needs a zone of ours
}

// candidateUfrag finds the value of "ufrag" among a candidate's extensions,
// which are pairs of a name and a value.
func candidateUfrag(extensions string) string {
	for extensions != "" {
		var key, value string
		key, extensions = cutField(extensions)
		value, extensions = cutField(extensions)
		if key == "ufrag" {
			return value
		}
	}
	return ""
}

// String returns the candidate as "candidate:…", without extensions. Where the
// client was reached from is not kept, so its related address is blank
// (RFC 8839 §5.1).
func (c candidate) String() string {
	s := fmt.Sprintf("candidate:%s 1 udp %d %s %d typ %s", c.foundation, c.priority, c.addr.Addr(), c.addr.Port(), c.kind)
	switch {
	case c.kind == "host":
		return s
	case c.addr.Addr().Is4():
		return s + " raddr 0.0.0.0 rport 0"
	}
	return s + " raddr :: rport 0"
}
