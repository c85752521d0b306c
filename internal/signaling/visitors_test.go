package signaling_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/whippet-media/whippet/internal/signaling"
)

// TestVisitorsAreBounded: who came longest ago is forgotten, and begins anew.
func TestVisitorsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Limits: signaling.Limits{RequestRate: 1},
		})
		from := func(address string) int { return x.Do(t, del("/whip/live/none").From(address)).Status }
		for _, address := range []string{"203.0.113.7", "203.0.113.8"} {
			for range 10 {
				from(address)
			}
		}
		for i := range signaling.MaxVisitors - 2 {
			from(fmt.Sprintf("10.%d.%d.1", i>>8, i&0xff))
		}
		if a, b := from("203.0.113.7"), from("10.255.0.1"); a != 429 || b != 404 {
			t.Errorf("with as many as there may be: %d, %d", a, b)
		}
		if a, b := from("203.0.113.7"), from("203.0.113.8"); a != 429 || b != 404 {
			t.Errorf("the one that came last: %d; the one that was forgotten: %d", a, b)
		}
		if n := x.Service.Visitors(); n != signaling.MaxVisitors {
			t.Errorf("%d are remembered", n)
		}
	})
}

// TestUnknownAddressesAreOne: to send two headers that differ is no way around a bound.
func TestUnknownAddressesAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Limits: signaling.Limits{RequestRate: 1},
		})
		status := map[int]int{}
		for i := range 20 {
			q := del("/whip/live/none").From("203.0.113.7").With("Forwarded", fmt.Sprintf("for=198.51.100.%d", i))
			status[x.Do(t, q).Status]++
		}
		if status[404] != 10 || status[429] != 10 {
			t.Errorf("answers %v", status)
		}
	})
}
