package relay_test

import (
	"context"
	"errors"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/relay"
)

// woken waits for a wake-up.
func (c *cluster) woken(changed <-chan struct{}, why string) {
	c.t.Helper()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		c.t.Fatalf("nobody was woken by %s", why)
	}
}

func watching(c *cluster) {
	changed, stop := c.b.Watch("cam")
	defer stop()
	c.woken(changed, "the watch itself")
	l := c.claim(c.a, "a")
	c.woken(changed, "a claim")
	if err := c.renew(c.a, l); err != nil {
		c.t.Fatal(err)
	}
	again, stopAgain := c.b.Watch("cam") // what is in force already
	c.woken(again, "a second watch")
	if len(changed) > 0 {
		c.t.Error("woken by a mere renewal")
	}
	stopAgain()
	stopAgain()
	over := claim("a")
	over.Over = l.Epoch
	l, err := c.a.Claim(c.t.Context(), over)
	if err != nil {
		c.t.Fatal(err)
	}
	c.woken(changed, "a takeover")
	c.release(c.a, l)
	c.woken(changed, "a release")
	c.forget()
	l.Epoch++
	if err := c.renew(c.a, l); err != nil {
		c.t.Fatal(err)
	}
	c.woken(changed, "a re-claim")
}

// watchingMany: streams are told apart, and one who has stopped is not told.
func watchingMany(c *cluster) {
	cam, stopCam := c.b.Watch("cam")
	other, stopOther := c.b.Watch("cam}") // no name of a stream, but no other's either
	gone, stopGone := c.b.Watch("gone")
	defer stopCam()
	defer stopOther()
	for _, w := range []<-chan struct{}{cam, other, gone} {
		c.woken(w, "the watch itself")
	}
	stopGone()
	g := claim("a")
	g.Stream = "gone"
	if _, err := c.a.Claim(c.t.Context(), g); err != nil {
		c.t.Fatal(err)
	}
	c.claim(c.a, "a")
	c.woken(cam, "a claim")
	if len(other)+len(gone) > 0 {
		c.t.Error("the claim of a stream woke others")
	}
	back, stop := c.b.Watch("gone")
	defer stop()
	c.woken(back, "a watch that came back")
}

func nodes(c *cluster) {
	list := func() []relay.NodeInfo {
		c.t.Helper()
		all, err := c.b.Nodes(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		return all
	}
	announce := func(n relay.NodeInfo) {
		c.t.Helper()
		if err := c.a.AnnounceNode(c.t.Context(), n); err != nil {
			c.t.Fatal(err)
		}
	}
	if got := list(); len(got) != 0 {
		c.t.Fatal(got)
	}
	b := relay.NodeInfo{ID: "b", URL: "http://b", Version: "1", Load: 0.5, Draining: true}
	a := relay.NodeInfo{ID: "a", URL: "http://a"}
	announce(b)
	c.advance(relay.NodeLife / 2)
	announce(a)
	if diff := cmp.Diff([]relay.NodeInfo{a, b}, list()); diff != "" {
		c.t.Error(diff)
	}
	a.Load = 1
	announce(a)
	c.advance(relay.NodeLife / 2)
	if diff := cmp.Diff([]relay.NodeInfo{a}, list()); diff != "" {
		c.t.Error(diff)
	}
	c.advance(-time.Hour)
	if got := list(); len(got) != 0 {
		c.t.Errorf("a clock set back keeps %v", got)
	}
}

func manyLeases(c *cluster) {
	const n = 2500 // more than one pipeline
	leases := make([]relay.Lease, n)
	for i := range leases {
		leases[i] = relay.Lease{
			Stream: "s" + string(rune('a'+i%26)) + time.Duration(i).String(),
			Holder: relay.Holder{Node: "a", URL: "http://a", Epoch: c.at.Load()},
		}
	}
	lost := leases[n/2]
	lost.Node = "b"
	if err := c.renew(c.b, lost); err != nil {
		c.t.Fatal(err)
	}
	all, err := c.a.Renew(c.t.Context(), leases)
	if err != nil || len(all) != n {
		c.t.Fatal(len(all), err)
	}
	for i, r := range all {
		if r.Lease.Stream != leases[i].Stream || errors.Is(r.Err, relay.ErrHeld) != (i == n/2) {
			c.t.Fatalf("%d: %+v", i, r)
		}
	}
	if err := c.a.Release(c.t.Context(), leases); err != nil {
		c.t.Fatal(err)
	}
	if h, err := c.b.Lookup(c.t.Context(), leases[0].Stream); !errors.Is(err, relay.ErrAbsent) {
		c.t.Error(h, err)
	}
	if h, err := c.b.Lookup(c.t.Context(), lost.Stream); err != nil || h.Node != "b" {
		c.t.Error(h, err)
	}
}

func contextEnds(c *cluster) {
	ctx, cancel := context.WithCancel(c.t.Context())
	cancel()
	l := relay.Lease{Stream: "cam", Holder: relay.Holder{Node: "a", Epoch: 1}}
	_, claimed := c.a.Claim(ctx, claim("a"))
	all, renewed := c.a.Renew(ctx, []relay.Lease{l, l})
	_, found := c.a.Lookup(ctx, "cam")
	_, listed := c.a.Nodes(ctx)
	for what, err := range map[string]error{
		"claim": claimed, "renew": renewed, "release": c.a.Release(ctx, []relay.Lease{l}), "lookup": found,
		"announce": c.a.AnnounceNode(ctx, relay.NodeInfo{ID: "a"}), "nodes": listed,
	} {
		if !errors.Is(err, relay.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			c.t.Errorf("%s: %v", what, err)
		}
	}
	if len(all) != 2 || !errors.Is(all[0].Err, relay.ErrUnavailable) || !errors.Is(all[1].Err, relay.ErrUnavailable) || all[1].Lease != l {
		c.t.Errorf("renewals: %+v", all)
	}
	c.holds("", 0)
}

func clusterClock(c *cluster) {
	c.claim(c.a, "a")
	if d := c.a.Now().Sub(c.now()); d < 0 || d > 10*time.Second {
		c.t.Errorf("the directory's clock is %v off", d)
	}
}
