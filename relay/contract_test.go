package relay_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// A cluster is one directory as two nodes see it.
type cluster struct {
	t    *testing.T
	a, b relay.Directory
	at   atomic.Int64 // microseconds

	forget func() // the directory loses all it has
}

func (c *cluster) now() time.Time { return time.UnixMicro(c.at.Load()) }

// advance moves the directory's clock; d may be negative.
func (c *cluster) advance(d time.Duration) { c.at.Add(d.Microseconds()) }

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t}
	c.at.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro())
	return c
}

func memoryCluster(t *testing.T) *cluster {
	c := newCluster(t)
	m := &relay.Memory{Clock: c.now}
	c.a, c.b, c.forget = m, m, m.Forget
	return c
}

// redisCluster has a namespace of its own on the server.
// patience is for a real Redis on a busy machine.
const patience = 20 * time.Second

func redisCluster(t *testing.T, s *relaytest.Server) *cluster {
	c := newCluster(t)
	a, b := open(t, s.URL(), t.Name()), open(t, s.URL(), t.Name())
	a.SetClock(c.now)
	b.SetClock(c.now)
	a.SetPatience(patience)
	b.SetPatience(patience)
	c.a, c.b = a, b
	c.forget = func() { s.Do("FLUSHALL"); s.Do("SCRIPT", "FLUSH") }
	return c
}

func open(t testing.TB, url, namespace string) *relay.Redis {
	t.Helper()
	r, err := relay.OpenRedis(url, namespace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (c *cluster) claim(d relay.Directory, node string) relay.Lease {
	c.t.Helper()
	l, err := d.Claim(c.t.Context(), claim(node))
	if err != nil {
		c.t.Fatalf("%s's claim: %v", node, err)
	}
	return l
}

func claim(node string) relay.Claim {
	return relay.Claim{Stream: "cam", Node: node, URL: "http://" + node}
}

// refused claims and returns why that failed.
func (c *cluster) refused(d relay.Directory, r relay.Claim) *relay.HeldError {
	c.t.Helper()
	l, err := d.Claim(c.t.Context(), r)
	var held *relay.HeldError
	if !errors.As(err, &held) || !errors.Is(err, relay.ErrHeld) {
		c.t.Fatalf("%+v: got %+v, %v", r, l, err)
	}
	return held
}

func (c *cluster) renew(d relay.Directory, l relay.Lease) error {
	c.t.Helper()
	all, err := d.Renew(c.t.Context(), []relay.Lease{l})
	if err != nil || len(all) != 1 || all[0].Lease.Holder != l.Holder || all[0].Lease.Stream != l.Stream {
		c.t.Fatalf("%+v, %v", all, err)
	}
	return all[0].Err
}

func (c *cluster) release(d relay.Directory, l relay.Lease) {
	c.t.Helper()
	if err := d.Release(c.t.Context(), []relay.Lease{l}); err != nil {
		c.t.Fatal(err)
	}
}

// holds checks who is found; "" for nobody.
func (c *cluster) holds(node string, epoch int64) {
	c.t.Helper()
	for _, d := range []relay.Directory{c.a, c.b} {
		h, err := d.Lookup(c.t.Context(), "cam")
		want := relay.Holder{Node: node, URL: "http://" + node, Epoch: epoch}
		if node == "" {
			want = relay.Holder{}
		}
		if h != want || (node == "") != errors.Is(err, relay.ErrAbsent) {
			c.t.Fatalf("found %+v, %v; want %+v", h, err, want)
		}
	}
}

// TestContract holds every directory to the same behaviour.
func TestContract(t *testing.T) {
	server := relaytest.Redis(t)
	for name, open := range map[string]func(t *testing.T) *cluster{
		"memory": memoryCluster,
		"redis":  func(t *testing.T) *cluster { return redisCluster(t, server) },
	} {
		t.Run(name, func(t *testing.T) {
			for name, test := range contract() {
				t.Run(name, func(t *testing.T) { test(open(t)) })
			}
		})
	}
}

func contract() map[string]func(*cluster) {
	return map[string]func(*cluster){
		"first claim":       firstClaim,
		"held":              heldClaim,
		"takeover":          takeover,
		"end of life":       endOfLife,
		"release":           releases,
		"release is final":  releaseIsFinal,
		"renewal heals":     renewalHeals,
		"floor of epochs":   floorOfEpochs,
		"clock set back":    clockSetBack,
		"ties":              ties,
		"watch":             watching,
		"watch many":        watchingMany,
		"nodes":             nodes,
		"many leases":       manyLeases,
		"context":           contextEnds,
		"the cluster clock": clusterClock,

		"revocations":        revocationsAreRead,
		"revocations joined": revocationsAreJoined,
		"end of revocations": revocationsEnd,
		"lost revocations":   revocationsAreLost,
		"watch revocations":  revocationsAreWatched,
		"many revocations":   revocationsAreBounded,
		"missed revocations": revocationsMissed,
	}
}

func firstClaim(c *cluster) {
	c.holds("", 0)
	before := time.Now()
	l := c.claim(c.a, "a")
	if l.Epoch != c.at.Load()/relay.EpochStep*relay.EpochStep || l.Provisional() {
		c.t.Errorf("epoch %d, want the directory's clock %d, or up to %d before", l.Epoch, c.at.Load(), relay.EpochStep)
	}
	if l.Expires.Before(before.Add(relay.LeaseLife)) || l.Expires.After(time.Now().Add(relay.LeaseLife)) {
		c.t.Errorf("expires in %v", time.Until(l.Expires))
	}
	c.holds("a", l.Epoch)
	last := claim("b")
	last.Stream, last.Last = "other", l.Epoch+77
	if o, err := c.b.Claim(c.t.Context(), last); err != nil || o.Epoch != l.Epoch+relay.EpochStep {
		c.t.Errorf("%+v, %v; want an epoch after the claimant's last", o, err)
	}
}

func heldClaim(c *cluster) {
	l := c.claim(c.a, "a")
	c.advance(time.Second)
	held := c.refused(c.b, claim("b"))
	if want := (relay.HeldError{Holder: l.Holder, Left: relay.LeaseLife - time.Second}); *held != want {
		c.t.Errorf("%+v, want %+v", *held, want)
	}
	c.refused(c.a, claim("a")) // nor the holder itself
	c.holds("a", l.Epoch)
}

func takeover(c *cluster) {
	l := c.claim(c.a, "a")
	over := claim("b")
	over.Over = l.Epoch
	n, err := c.b.Claim(c.t.Context(), over)
	if err != nil || n.Epoch != l.Epoch+relay.EpochStep { // the clock stands still
		c.t.Fatalf("%+v, %v", n, err)
	}
	c.holds("b", n.Epoch)
	over.Node = "c"
	if held := c.refused(c.b, over); held.Holder != n.Holder {
		c.t.Errorf("the second takeover of one epoch met %+v", held)
	}
	var held *relay.HeldError
	if err := c.renew(c.a, l); !errors.As(err, &held) || held.Holder != n.Holder || held.Left != relay.LeaseLife {
		c.t.Errorf("the old holder's renewal: %v", err)
	}
	c.release(c.a, l) // too late
	c.holds("b", n.Epoch)
}

func endOfLife(c *cluster) {
	l := c.claim(c.a, "a")
	c.advance(relay.LeaseLife - time.Microsecond)
	c.holds("a", l.Epoch)
	c.refused(c.b, claim("b"))
	if err := c.renew(c.a, l); err != nil {
		c.t.Fatal(err)
	}
	c.advance(relay.LeaseLife - time.Microsecond)
	c.holds("a", l.Epoch)
	c.advance(time.Microsecond)
	c.holds("", 0)
	n := c.claim(c.b, "b")
	if !n.Beats(l.Holder) {
		c.t.Errorf("%+v does not beat %+v", n, l)
	}
}

func releases(c *cluster) {
	l := c.claim(c.a, "a")
	c.release(c.b, l)
	c.holds("", 0)
	n := c.claim(c.b, "b")
	if n.Epoch != l.Epoch+relay.EpochStep {
		c.t.Errorf("epoch %d after %d", n.Epoch, l.Epoch)
	}
}

func releaseIsFinal(c *cluster) {
	l := c.claim(c.a, "a")
	c.release(c.a, l)
	var held *relay.HeldError
	if err := c.renew(c.a, l); !errors.As(err, &held) || held.Holder != l.Holder || held.Left != 0 {
		c.t.Errorf("a released lease's renewal: %v", err)
	}
	c.holds("", 0)
}

func renewalHeals(c *cluster) {
	l := c.claim(c.a, "a")
	c.forget()
	c.holds("", 0)
	if err := c.renew(c.a, l); err != nil {
		c.t.Fatal(err)
	}
	c.holds("a", l.Epoch)
	c.advance(2 * relay.LeaseLife) // also a lease that has ended
	if err := c.renew(c.a, l); err != nil {
		c.t.Fatal(err)
	}
	c.holds("a", l.Epoch)

	c.forget() // somebody else is faster
	n := c.claim(c.b, "b")
	if err := c.renew(c.a, l); !errors.Is(err, relay.ErrHeld) {
		c.t.Errorf("the older lease's renewal: %v", err)
	}
	c.holds("b", n.Epoch)
}

func floorOfEpochs(c *cluster) {
	l := c.claim(c.a, "a")
	c.advance(-time.Hour)
	c.release(c.a, l)
	if n := c.claim(c.b, "b"); n.Epoch != l.Epoch+relay.EpochStep {
		c.t.Errorf("epoch %d after %d by a clock set back", n.Epoch, l.Epoch)
	}
}

// clockSetBack: a dead holder does not keep the stream until the clock has caught up.
func clockSetBack(c *cluster) {
	l := c.claim(c.a, "a")
	c.advance(-time.Hour)
	if held := c.refused(c.b, claim("b")); held.Left != relay.LeaseLife {
		c.t.Errorf("%v left", held.Left)
	}
	if err := c.renew(c.a, l); err != nil {
		c.t.Error(err)
	}
	c.holds("a", l.Epoch)
	c.advance(-time.Hour)
	c.holds("", 0) // a dead holder is not found for an hour
	c.refused(c.b, claim("b"))
	c.advance(relay.LeaseLife)
	if n := c.claim(c.b, "b"); !n.Beats(l.Holder) {
		c.t.Errorf("%+v does not beat %+v", n, l)
	}

	// Emptied and set back: the smaller epoch is given, and gives way.
	c.forget()
	c.advance(-time.Hour)
	low := c.claim(c.a, "a")
	if err := c.renew(c.b, relay.Lease{Stream: "cam", Holder: relay.Holder{Node: "b", URL: "http://b", Epoch: l.Epoch + 1}}); err != nil {
		c.t.Errorf("the greater epoch's renewal: %v", err)
	}
	if err := c.renew(c.a, low); !errors.Is(err, relay.ErrHeld) {
		c.t.Errorf("the smaller epoch's renewal: %v", err)
	}
}

// ties: two masters gave the same epoch. Case tells bytes from a locale's order.
func ties(c *cluster) {
	lease := func(node string) relay.Lease {
		return relay.Lease{Stream: "cam", Holder: relay.Holder{Node: node, URL: "http://" + node, Epoch: c.at.Load()}}
	}
	for _, pair := range [][2]string{{"a", "b"}, {"Z", "a"}, {"a", "aa"}, {"n-10", "n-9"}} {
		small, great := lease(pair[0]), lease(pair[1])
		if !great.Beats(small.Holder) || small.Beats(great.Holder) || small.Beats(small.Holder) {
			c.t.Fatalf("%v: Beats has another order", pair)
		}
		c.forget()
		if err := c.renew(c.a, small); err != nil {
			c.t.Fatal(err)
		}
		if err := c.renew(c.b, great); err != nil {
			c.t.Errorf("%v: the greater id: %v", pair, err)
		}
		if err := c.renew(c.a, small); !errors.Is(err, relay.ErrHeld) {
			c.t.Errorf("%v: the smaller id: %v", pair, err)
		}
	}
}
