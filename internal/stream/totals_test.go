package stream

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// TestTotalsAreSumsOfSubscribers, also of those that left, and no more often than that.
func TestTotalsAreSumsOfSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left []SubscriptionCounts
		r := NewRegistry(Config{Shards: 2, Left: func(c SubscriptionCounts) { left = append(left, c) }})
		defer r.Close()
		c, p, _ := publish(t, r, "a")
		one, k1 := subscribe(t, r, "a")
		_, k2 := subscribe(t, r, "a")
		play(t, p, 0, 100)
		one.Close()
		synctest.Wait()
		play(t, p, 100, 200)
		c.Release()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := r.Counts()
		if want := uint64(len(k1.seqs) + len(k2.seqs)); got.Sent.Packets != want || got.PacketsOut != want || want < 290 {
			t.Errorf("%d packets in the totals, %d at once, want %d", got.Sent.Packets, got.PacketsOut, want)
		}
		if len(left) != 1 || left[0].Video.Packets != uint64(len(k1.seqs)) {
			t.Errorf("%d left: %+v", len(left), left)
		}
		m := got.Sent.Measures
		if m.Watched < 9*time.Second || m.Watched > 11*time.Second || m.Best != m.Watched || m.Frozen != 0 {
			t.Errorf("two subscribers of 3.3 s and 6.6 s: %+v", m)
		}
	})
}

// A busySink takes at least so long for each packet.
type busySink struct {
	sink
	takes time.Duration
}

func (s *busySink) WriteRTP(p *forwarder.OutPacket) error {
	for begun := time.Now(); time.Since(begun) < s.takes; {
	}
	return s.sink.WriteRTP(p)
}

// TestShardsSayHowBusyTheyAre by shard: time in passes, whoever makes them, and subscribers.
func TestShardsSayHowBusyTheyAre(t *testing.T) {
	r := NewRegistry(Config{Shards: 2})
	_, p, _ := publish(t, r, "a")
	k := &busySink{takes: time.Millisecond}
	s, err := r.Subscribe("a", k, videoTrack())
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	for n := range 10 {
		arrive(p, frame(t, 96, n))
	}
	for r.Counts().PacketsOut < 10 {
		time.Sleep(time.Millisecond)
	}
	r.Close()
	shards := r.Counts().Shards
	if len(shards) != 2 || shards[0].Subscribers+shards[1].Subscribers != 1 {
		t.Fatalf("%+v", shards)
	}
	for _, c := range shards {
		served := c.Subscribers * 10
		if c.Busy < time.Duration(served)*k.takes || served > 0 && c.Passes == 0 || served == 0 && c.Busy > time.Second {
			t.Errorf("%d packets: %+v", served, c)
		}
	}
}

// names lists what streams are counted apart, and what others have received.
func names(r *Registry) (list []string, others StreamCounts) {
	for _, c := range r.StreamCounts() {
		if c.Name == "" {
			others = c
			continue
		}
		list = append(list, fmt.Sprintf("%s:%d", c.Name, c.Received.Packets))
	}
	slices.Sort(list)
	return list, others
}

// TestStreamsBeyondTheBoundAreCountedTogether, and those counted apart keep their place
// until they end, so that no sum shrinks.
func TestStreamsBeyondTheBoundAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{CountApart: 2})
		defer r.Close()
		var claims []*Claim
		var pubs []*Publication
		for i := range 4 {
			c, p, _ := publish(t, r, string(rune('a'+i)))
			play(t, p, 0, 10*(i+1))
			claims, pubs = append(claims, c), append(pubs, p)
		}
		sub, _ := subscribe(t, r, "d")
		apart, others := names(r)
		if !slices.Equal(apart, []string{"a:10", "b:20"}) || others.Received.Packets != 70 || others.Subscribers != 1 {
			t.Errorf("%v, others %+v", apart, others)
		}
		claims[0].Release()
		claims[2].Release()
		sub.Close()
		synctest.Wait()
		play(t, pubs[1], 20, 21)
		_, fresh, _ := publish(t, r, "e")
		play(t, fresh, 0, 5)
		apart, others = names(r)
		if !slices.Equal(apart, []string{"b:21", "e:5"}) || others.Received.Packets != 70 || others.Sent.Packets == 0 {
			t.Errorf("%v, others %+v", apart, others)
		}
	})
}

// TestStreamsAreNotCountedApartUnlessWanted.
func TestStreamsAreNotCountedApartUnlessWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		publish(t, r, "a")
		if got := r.StreamCounts(); got != nil {
			t.Errorf("%+v", got)
		}
	})
}

// TestTotalsGrowByEveryCounter: each counter of a subscriber reaches the totals.
func TestTotalsGrowByEveryCounter(t *testing.T) {
	d := forwarder.DownCounts{
		Packets: 1, Bytes: 2, Resent: 3, ResendRefused: 4, ResendForgotten: 5, Probes: 6, Dropped: 7, Late: 8, Pauses: 9,
		Skips: 10, Restarts: 11, KeyframeRequests: 12, Switches: forwarder.Switches{Up: 13, Down: 14, Selected: 15, Published: 16},
	}
	c := SubscriptionCounts{
		Audio: d, Video: d, Session: forwarder.SubscriberCounts{Nacks: 17, Malformed: 18}, Estimate: 19,
		Measures: forwarder.Measures{Watched: 20, Frozen: 21, Best: 22, Lower: 23},
	}
	var one, sum Totals
	one.grow(&SubscriptionCounts{}, &c)
	one.grow(&c, &c)
	sum.add(&one)
	want := Totals{
		Packets: 2, Bytes: 4, Resent: 6, ResendRefused: 8, ResendForgotten: 10, Probes: 12, DroppedLayer: 14, DroppedLate: 16, Pauses: 18,
		Skips: 20, Restarts: 22, Requests: 24, Switches: forwarder.Switches{Up: 26, Down: 28, Selected: 30, Published: 32},
		Nacks: 17, Malformed: 18, Measures: c.Measures, Estimate: 19, Estimated: 1,
	}
	if sum != want {
		t.Errorf("%+v\nwant %+v", sum, want)
	}
	sum.estimated(19, 0)
	if sum.Estimate != 0 || sum.Estimated != 0 {
		t.Errorf("%+v", sum)
	}
}
