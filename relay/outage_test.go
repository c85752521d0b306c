package relay_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// TestHigherEpochKeepsItsStream: after an outage in which both leases ended, the node that
// reaches the directory first does not win by that.
func TestHigherEpochKeepsItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2)
		defer w.close()
		low, high := w.nodes[0], w.nodes[1]
		low.publish("x")
		w.set(func() { low.cut = true })
		time.Sleep(2 * relay.LeaseLife)
		w.set(func() { low.unheard = true })
		high.publish("x")
		before, ok := high.keeper.Held("x")
		if old, _ := low.keeper.Held("x"); !ok || !before.Beats(old) {
			t.Fatalf("%+v does not beat %+v", before, old)
		}
		w.set(func() { high.cut = true })
		time.Sleep(2 * relay.LeaseLife)
		w.set(func() { low.cut = false })
		time.Sleep(relay.LeaseLife / 2)
		w.set(func() { high.cut = false })
		time.Sleep(2 * relay.LeaseLife)
		if h, ok := high.keeper.Held("x"); !ok || h != before {
			t.Errorf("it has %+v, had %+v", h, before)
		}
		w.settled("x")

		// A node that nobody contradicts any more goes on.
		low.publish("y")
		w.set(func() { low.cut = true })
		time.Sleep(2 * relay.LeaseLife)
		high.publish("y")
		high.leave("y")
		w.set(func() { low.cut = false })
		time.Sleep(2 * relay.LeaseLife)
		if _, ok := low.keeper.Held("y"); !ok {
			t.Error("a publisher was ended for one that is gone")
		}
		w.settled("y")
	})
}

// TestProvisionalWaitsForTheOthers: a publisher that was accepted without the directory gives
// way to the one that was there before, also if its node is the first to be back.
func TestProvisionalWaitsForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2)
		defer w.close()
		first, second := w.nodes[0], w.nodes[1]
		first.publish("x")
		before, _ := first.keeper.Held("x")
		w.set(func() { first.cut, second.cut, first.unheard = true, true, true })
		w.memory.Forget()
		time.Sleep(2 * relay.LeaseLife)
		second.publish("x")
		second.publish("y")
		if second.keeper.Status().Provisional != 2 {
			t.Fatalf("%+v", second.keeper.Status())
		}
		w.set(func() { second.cut = false })
		time.Sleep(relay.LeaseLife / 2)
		w.set(func() { first.cut = false })
		time.Sleep(2 * relay.LeaseLife)
		if h, ok := first.keeper.Held("x"); !ok || h != before {
			t.Errorf("it has %+v, had %+v", h, before)
		}
		if h, ok := second.keeper.Held("y"); !ok || h.Provisional() {
			t.Errorf("%+v, %v", h, ok)
		}
		w.settled("x")
		w.settled("y")
	})
}

// TestNoEpochHasTwoNodes: publishers that come to a node while the directory is away get epochs
// of their own, though another node took the stream over since, and all of them are beaten by its.
func TestNoEpochHasTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2)
		defer w.close()
		first, second := w.nodes[0], w.nodes[1]
		// Its epochs are ahead of the directory's clock, so that each is the next one.
		last := time.Now().Add(time.Hour).UnixMicro()
		l, err := w.memory.Claim(t.Context(), relay.Claim{Stream: "x", Node: "n9", URL: "http://n9", Last: last})
		if err != nil || w.memory.Release(t.Context(), []relay.Lease{l}) != nil {
			t.Fatal(err)
		}
		first.publish("x")
		w.set(func() { first.cut, first.unheard = true, true })
		second.publish("x") // once the lease has ended
		other, ok := second.keeper.Held("x")
		if !ok {
			t.Fatal("the stream was not taken over")
		}
		given := map[int64]bool{other.Epoch: true}
		for range 20 {
			first.leave("x")
			first.publish("x")
			h, ok := first.keeper.Held("x")
			if !ok || given[h.Epoch] || !other.Beats(h) || h.Provisional() {
				t.Fatalf("%+v, %v, beside %+v", h, ok, other)
			}
			given[h.Epoch] = true
		}
		w.set(func() { first.cut, first.unheard = false, false })
		time.Sleep(2 * relay.LeaseLife)
		w.settled("x")
	})
}
