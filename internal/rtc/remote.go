package rtc

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/ice/v4"
)

// A remoteCandidate is a peer's candidate that we can use.
type remoteCandidate struct {
	addr     netip.AddrPort
	priority uint32
}

// parseCandidate reads a "candidate:…" value (RFC 8839 §5.1). One that is well
// formed but cannot be used here returns false: a name instead of an address,
// another transport or component, an unknown type, another generation's ufrag.
// ICE-TCP ones are of no use either: the peer connects to us.
func parseCandidate(line, ufrag string) (c remoteCandidate, ok bool, err error) {
	f := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(line, "a="), "candidate:"))
	if len(f) < 8 || f[6] != "typ" || strings.ContainsAny(f[0], "\"{}=") {
		return c, false, fmt.Errorf("%w: %q", ErrBadCandidate, clip(line))
	}
	component, err1 := strconv.ParseUint(f[1], 10, 16)
	priority, err2 := strconv.ParseUint(f[3], 10, 32)
	port, err3 := strconv.ParseUint(f[5], 10, 16)
	if err1 != nil || err2 != nil || err3 != nil {
		return c, false, fmt.Errorf("%w: %q", ErrBadCandidate, clip(line))
	}
	addr, err := netip.ParseAddr(f[4])
	if err != nil || component != 1 || !strings.EqualFold(f[2], "udp") || port == 0 {
		return c, false, nil
	}
	switch f[7] {
	case "host", "srflx", "prflx", "relay":
	default:
		return c, false, nil
	}
	for i := 8; i+1 < len(f); i += 2 {
		if f[i] == "ufrag" && f[i+1] != ufrag {
			return c, false, nil
		}
	}
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() {
		return c, false, nil // multicast, broadcast, unspecified
	}
	return remoteCandidate{netip.AddrPortFrom(addr, uint16(port)), uint32(priority)}, true, nil
}

// parseCandidates reads a list, and fails if one is malformed.
func parseCandidates(lines []string, ufrag string) ([]remoteCandidate, error) {
	var all []remoteCandidate
	for _, l := range lines {
		c, ok, err := parseCandidate(l, ufrag)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, c)
		}
	}
	return all, nil
}

// candidate makes what the agent wants. Every type is a host candidate to it: only
// address and priority matter for checks.
func (c remoteCandidate) candidate() (ice.Candidate, error) {
	return ice.NewCandidateHost(&ice.CandidateHostConfig{
		Network:   "udp",
		Address:   c.addr.Addr().String(),
		Port:      int(c.addr.Port()),
		Component: 1,
		Priority:  c.priority,
	})
}

// checkCredentials holds a peer's credentials to the lengths of RFC 8839 §5.4. Its
// alphabet is not insisted on, as some clients pad base64 with "=".
func checkCredentials(ufrag, pwd string) error {
	if !credential(ufrag, 4) || !credential(pwd, 22) {
		return ErrBadCredentials
	}
	return nil
}

// credential tells whether s is least to 256 visible characters without a colon,
// which separates the two ufrags of a USERNAME.
func credential(s string, least int) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' || r == ':' {
			return false
		}
	}
	return len(s) >= least && len(s) <= 256
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// usableCandidates reads those of an offer. What cannot be read there is ignored
// too: the peer's checks will show where it is.
func usableCandidates(lines []string, ufrag string) []remoteCandidate {
	var all []remoteCandidate
	for _, l := range lines {
		if c, ok, err := parseCandidate(l, ufrag); ok && err == nil {
			all = append(all, c)
		}
	}
	return all
}

// candidateAddr returns the transport address of an agent's candidate.
func candidateAddr(c ice.Candidate) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(c.Address())
	return netip.AddrPortFrom(a.Unmap(), uint16(c.Port())), err == nil //nolint:gosec // a port
}
