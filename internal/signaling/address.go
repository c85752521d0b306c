package signaling

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client returns the address a request comes from: that of the TCP peer, or what trusted
// proxies say about it. Each proxy adds its peer at the end of the list, so it is read
// from there, up to the first that no trusted one vouches for: what stands before that
// anybody can make up. The zero Addr is a client nobody knows: a list that cannot be read,
// or two headers that differ, of which one may be the client's own.
func (b bases) client(r *http.Request) netip.Addr {
	peer := hop(r.RemoteAddr)
	if !b.vouches(peer) {
		return peer
	}
	standard, usual := forwardedFor(r.Header), hops(r.Header)
	switch {
	case len(standard) == 0 && len(usual) == 0:
		return peer
	case len(standard) == 0:
		return b.behind(usual)
	case len(usual) == 0 || b.behind(standard) == b.behind(usual):
		return b.behind(standard)
	}
	return netip.Addr{}
}

// behind returns the last address of a list that is no trusted proxy's, else the first.
func (b bases) behind(list []string) netip.Addr {
	var at netip.Addr
	for _, s := range slices.Backward(list) {
		if at = hop(s); !b.vouches(at) {
			return at
		}
	}
	return at
}

// vouches tells whether the address is that of a trusted proxy.
func (b bases) vouches(at netip.Addr) bool {
	return slices.ContainsFunc(b.trusted, func(p netip.Prefix) bool { return p.Contains(at) })
}

// hop reads an address with or without port and brackets; the zero Addr is none.
func hop(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	at, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return at.Unmap().WithZone("")
}

// hops returns the elements of X-Forwarded-For.
func hops(h http.Header) []string {
	values := h.Values("X-Forwarded-For")
	if len(values) == 0 {
		return nil
	}
	list := strings.Split(strings.Join(values, ","), ",")
	for i := range list {
		list[i] = strings.Trim(list[i], " \t")
	}
	return list
}

// forwardedFor returns all "for" of a Forwarded header (RFC 7239 §5.2), in order.
func forwardedFor(h http.Header) (list []string) {
	rest := strings.Join(h.Values("Forwarded"), ",")
	for rest != "" {
		var name, value string
		if name, value, rest = cutPair(rest); strings.EqualFold(name, "for") {
			list = append(list, value)
		}
	}
	return list
}
