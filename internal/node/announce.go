package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/whippet-media/whippet/internal/config"
)

// lookup finds the addresses of a name; network is "ip".
type lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// resolve turns the values of --announce into addresses, in their order, each once.
// A zero port stays zero. A name without an address is an error, since the node
// could not be reached as its owner thinks.
func resolve(ctx context.Context, values []config.Announce, look lookup) ([]netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	var all []netip.AddrPort
	for _, v := range values {
		ips, err := look(ctx, "ip", v.Host)
		if err != nil {
			return nil, fmt.Errorf("--announce: %s: %w", v.Host, err)
		}
		for _, ip := range ips {
			if a := netip.AddrPortFrom(ip.Unmap(), v.Port); !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all, nil
}

// lookupNames asks the operating system; addresses are their own answer.
func lookupNames(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}
