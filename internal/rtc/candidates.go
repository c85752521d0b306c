package rtc

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/transport/v4"
)

// candidateLines writes our candidates: UDP before ICE-TCP, IPv4 before IPv6, and
// the given order within a family. Players that use only the first one (FFmpeg)
// so get UDP over IPv4. There is one component, as RTCP is always multiplexed.
func candidateLines(udp, tcp []netip.AddrPort) []string {
	lines := make([]string, 0, len(udp)+len(tcp))
	for i, a := range byFamily(udp) {
		// RFC 8445 §5.1.2: type preference 126 for host, a local preference each.
		priority := 126<<24 | (65535-i)<<8 | 255
		lines = append(lines, fmt.Sprintf("candidate:%d 1 udp %d %s %d typ host",
			len(lines)+1, priority, a.Addr(), a.Port()))
	}
	for i, a := range byFamily(tcp) {
		// RFC 6544 §4.2: below UDP; direction preference 4 is passive host.
		priority := 90<<24 | (4<<13|(8191-i))<<8 | 255
		lines = append(lines, fmt.Sprintf("candidate:%d 1 tcp %d %s %d typ host tcptype passive",
			len(lines)+1, priority, a.Addr(), a.Port()))
	}
	return lines
}

// byFamily moves IPv4 to the front. Loopback goes behind all else, unless it is all.
func byFamily(in []netip.AddrPort) []netip.AddrPort {
	rank := func(a netip.AddrPort) int {
		r := 0
		if a.Addr().Is6() {
			r = 1
		}
		if a.Addr().IsLoopback() {
			r += 2
		}
		return r
	}
	out := slices.Clone(in)
	slices.SortStableFunc(out, func(a, b netip.AddrPort) int { return rank(a) - rank(b) })
	return out
}

// LocalAddresses lists the addresses of the machine's interfaces that candidates
// may name, best first: public and private IPv4, IPv6, those of bridges to
// containers and virtual machines where there is nothing else. Loopback comes
// last and only where no address is public: it serves a browser on the same
// machine, also through the published ports of a container. net nil is the real network.
func LocalAddresses(n transport.Net) ([]netip.Addr, error) {
	if n == nil {
		var err error
		if n, err = realNet(); err != nil {
			return nil, err
		}
	}
	ifs, err := n.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var all []namedAddr
	for _, i := range ifs {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, namedAddr{i.Name, p.Addr().Unmap().WithZone("")})
			}
		}
	}
	return chooseAddresses(all), nil
}

type namedAddr struct {
	iface string
	addr  netip.Addr
}

// chooseAddresses is LocalAddresses without the machine.
func chooseAddresses(all []namedAddr) []netip.Addr {
	var good, bridges, loopback []netip.Addr
	for _, a := range all {
		switch {
		case a.addr.IsLoopback():
			loopback = append(loopback, a.addr)
		case !a.addr.IsGlobalUnicast(): // link-local, multicast, unspecified
		case isBridge(a.iface):
			bridges = append(bridges, a.addr)
		default:
			good = append(good, a.addr)
		}
	}
	if len(good) == 0 {
		good = bridges
	}
	good = append(bounded(good, netip.Addr.Is4), bounded(good, netip.Addr.Is6)...)
	if !slices.ContainsFunc(good, isPublic) {
		good = append(good, bounded(loopback, netip.Addr.Is4)...)
	}
	if len(good) == 0 {
		good = bounded(loopback, netip.Addr.Is6)
	}
	return good
}

func bounded(all []netip.Addr, in func(netip.Addr) bool) []netip.Addr {
	var out []netip.Addr
	for _, a := range all {
		if in(a) && len(out) < maxAddresses && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// isBridge tells interfaces by which a machine talks to its own containers and
// virtual machines; nobody else can reach their addresses.
func isBridge(iface string) bool {
	for _, prefix := range []string{"docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "podman", "lxc", "vmnet"} {
		if strings.HasPrefix(iface, prefix) {
			return true
		}
	}
	return false
}

func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !sharedSpace.Contains(a)
}

var (
	sharedSpace   = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
	containerPool = netip.MustParsePrefix("172.16.0.0/12") // what container engines give out
)

// ReachabilityProblem says in a sentence that names --announce who cannot reach
// any of the candidates; "" when at least one has a public address.
func ReachabilityProblem(candidates []string) string {
	var addrs []netip.Addr
	for _, c := range candidates {
		if f := strings.Fields(c); len(f) > 4 {
			if a, err := netip.ParseAddr(f[4]); err == nil {
				addrs = append(addrs, a)
			}
		}
	}
	others := slices.DeleteFunc(slices.Clone(addrs), netip.Addr.IsLoopback)
	switch {
	case len(addrs) == 0:
		return "No address to announce was found: media cannot reach this node. Set --announce to an address its users can reach."
	case len(others) == 0:
		return fmt.Sprintf("Only %s is announced: media works on this machine alone. Set --announce to an address its users can reach.", addrs[0])
	case slices.ContainsFunc(others, isPublic):
		return ""
	case !slices.ContainsFunc(others, func(a netip.Addr) bool { return !containerPool.Contains(a) }):
		return fmt.Sprintf("Only %s is announced, which looks like the inside of a container: media may not get in. Set --announce to the address of the machine outside.", others[0])
	}
	return fmt.Sprintf("Only private addresses such as %s are announced: media works in this network alone. Set --announce to the public address to let others in.", others[0])
}
