package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/config"
)

func TestResolve(t *testing.T) {
	look := func(_ context.Context, _, host string) ([]netip.Addr, error) {
		switch host {
		case "live.example":
			return []netip.Addr{netip.MustParseAddr("::ffff:203.0.113.7"), netip.MustParseAddr("2001:db8::7")}, nil
		case "gone.example":
			return nil, errors.New("no such host")
		}
		return []netip.Addr{netip.MustParseAddr(host)}, nil
	}
	got, err := resolve(t.Context(), []config.Announce{
		{Host: "live.example", Port: 9000},
		{Host: "198.51.100.1"},
		{Host: "203.0.113.7", Port: 9000}, // again
	}, look)
	want := []netip.AddrPort{
		netip.MustParseAddrPort("203.0.113.7:9000"), netip.MustParseAddrPort("[2001:db8::7]:9000"), netip.MustParseAddrPort("198.51.100.1:0"),
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	_, err = resolve(t.Context(), []config.Announce{{Host: "gone.example"}}, look)
	if err == nil || !strings.Contains(err.Error(), "--announce: gone.example") {
		t.Errorf("%v", err)
	}
}
