package relay_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// A team is two nodes with keepers on a real Redis; who is asked answers that its publisher
// lives.
type team struct {
	t       *testing.T
	url     string
	keepers [2]*relay.Keeper
	names   [2]string

	mu   sync.Mutex
	lost map[string]relay.Holder // by node and stream
	dead map[string]bool         // by stream: its publisher, wherever
	mute bool                    // nobody answers
}

func newTeam(t *testing.T, url string) *team {
	tm := &team{t: t, url: url, names: [2]string{"a", "b"}, lost: map[string]relay.Holder{}, dead: map[string]bool{}}
	for i, name := range tm.names {
		tm.keepers[i] = relay.NewKeeper(relay.KeeperConfig{
			Directory: open(t, url, ""), Node: name, NodeURL: "http://" + name, Ask: tm.ask,
		})
		t.Cleanup(tm.keepers[i].Close)
	}
	return tm
}

func (tm *team) ask(_ context.Context, _ relay.Holder, stream, owner string) (relay.Answer, error) {
	tm.mu.Lock()
	defer tm.mu.Unlock()
	if tm.mute {
		return relay.Answer{}, errors.New("mute")
	}
	return relay.Answer{Alive: !tm.dead[stream], SameOwner: owner == "me"}, nil
}

func (tm *team) set(change func()) {
	tm.mu.Lock()
	defer tm.mu.Unlock()
	change()
}

// claim claims on node 0 or 1.
func (tm *team) claim(node int, stream string) (*relay.Hold, error) {
	return tm.keepers[node].Claim(tm.t.Context(), stream, "", func(by relay.Holder) {
		tm.set(func() { tm.lost[tm.names[node]+" "+stream] = by })
	})
}

func (tm *team) mustClaim(node int, stream string) *relay.Hold {
	tm.t.Helper()
	h, err := tm.claim(node, stream)
	if err != nil {
		tm.t.Fatalf("%s, %s: %v", tm.names[node], stream, err)
	}
	return h
}

func (tm *team) hasLost(node int, stream string) bool {
	tm.mu.Lock()
	defer tm.mu.Unlock()
	_, ok := tm.lost[tm.names[node]+" "+stream]
	return ok
}

// found waits until a directory of its own says that the hold's node has the stream.
func (tm *team) found(h *relay.Hold, stream string) {
	tm.t.Helper()
	d := open(tm.t, tm.url, "")
	tm.until("the directory knows "+stream, func() bool {
		got, err := d.Lookup(tm.t.Context(), stream)
		return err == nil && got == h.Holder() && !got.Provisional()
	})
}

func (tm *team) until(what string, done func() bool) {
	tm.t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			tm.t.Fatalf("in vain: %s", what)
		}
	}
}

func (tm *team) refused(node int, stream string) {
	tm.t.Helper()
	if h, err := tm.claim(node, stream); !errors.Is(err, relay.ErrHeld) {
		tm.t.Errorf("%s, %s: got %v, %v", tm.names[node], stream, h, err)
	}
}

// TestKeeperAsks: by what the holder's node says, and by its silence.
func TestKeeperAsks(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	tm := newTeam(t, server.URL())
	first := tm.mustClaim(0, "cam")
	tm.refused(1, "cam")
	tm.set(func() { tm.mute = true })
	begin := time.Now()
	tm.refused(1, "cam") // its lease does not end: it lives
	if took := time.Since(begin); took < relay.LeaseLife-2*relay.RenewEvery || took > relay.LeaseLife+relay.RenewEvery {
		t.Errorf("a silent holder was waited for %v", took)
	}
	if tm.hasLost(0, "cam") {
		t.Error("a live holder lost its stream")
	}
	tm.set(func() { tm.mute, tm.dead["cam"] = false, true })
	second := tm.mustClaim(1, "cam")
	if !second.Holder().Beats(first.Holder()) {
		t.Errorf("%+v does not beat %+v", second.Holder(), first.Holder())
	}
	tm.until("the dead one is told", func() bool { return tm.hasLost(0, "cam") })
	first.Release() // too late
	tm.found(second, "cam")
	second.Release()
	if _, err := tm.keepers[0].Lookup(t.Context(), "cam"); !errors.Is(err, relay.ErrAbsent) {
		t.Error(err)
	}
}

// TestKeeperSameOwner: who comes back through another node replaces itself at once.
func TestKeeperSameOwner(t *testing.T) {
	server := relaytest.Redis(t)
	tm := newTeam(t, server.URL())
	tm.mustClaim(0, "cam")
	tm.refused(1, "cam")
	begin := time.Now()
	h, err := tm.keepers[1].Claim(t.Context(), "cam", "me", func(relay.Holder) {})
	if err != nil || time.Since(begin) > time.Second {
		t.Fatalf("%v after %v", err, time.Since(begin))
	}
	tm.found(h, "cam")
	tm.until("the first is told", func() bool { return tm.hasLost(0, "cam") })
}

// TestKeeperRestartedRedis: killed and back, empty.
func TestKeeperRestartedRedis(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	tm := newTeam(t, server.URL())
	before := tm.mustClaim(0, "before")
	epoch := before.Holder().Epoch
	left := tm.mustClaim(0, "left").Holder().Epoch
	if h, err := tm.keepers[1].Lookup(t.Context(), "before"); err != nil || h != before.Holder() {
		t.Fatal(h, err)
	}
	server.Kill()
	tm.refused(1, "before") // b has heard of it, and asks
	if h, err := tm.keepers[1].Lookup(t.Context(), "before"); err != nil || h != before.Holder() {
		t.Errorf("from memory: %+v, %v", h, err)
	}
	if _, err := tm.keepers[1].Lookup(t.Context(), "unheard"); !errors.Is(err, relay.ErrUnavailable) {
		t.Errorf("of nothing known: %v", err)
	}
	again := tm.mustClaim(0, "left") // the next publisher on the same node
	if again.Holder().Epoch != left+1 {
		t.Errorf("epoch %d after %d", again.Holder().Epoch, left)
	}
	meanwhile := tm.mustClaim(1, "meanwhile")
	if !meanwhile.Holder().Provisional() || tm.keepers[1].Status().Provisional != 1 || tm.keepers[1].Status().Up {
		t.Errorf("%+v, %+v", meanwhile.Holder(), tm.keepers[1].Status())
	}
	server.Start()
	tm.found(before, "before")
	tm.found(again, "left")
	tm.found(meanwhile, "meanwhile")
	if before.Holder().Epoch != epoch || tm.hasLost(0, "before") {
		t.Errorf("epoch %d was %d", before.Holder().Epoch, epoch)
	}
	tm.refused(0, "meanwhile")
}

// TestKeeperProvisionalGivesWay: to any claim, when Redis is back.
func TestKeeperProvisionalGivesWay(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	tm := newTeam(t, server.URL())
	real := tm.mustClaim(0, "cam")
	server.Kill()
	tm.set(func() { tm.mute = true }) // and the nodes do not reach each other
	tm.mustClaim(1, "cam")
	tm.mustClaim(0, "both")
	tm.mustClaim(1, "both")
	server.Start()
	tm.until("the provisional one gives way", func() bool { return tm.hasLost(1, "cam") })
	tm.found(real, "cam")
	tm.until("one of two provisional ones gives way", func() bool { return tm.hasLost(0, "both") || tm.hasLost(1, "both") })
	if tm.hasLost(0, "both") && tm.hasLost(1, "both") {
		t.Error("both gave way")
	}
}

// TestKeeperFrozenRedis: it stands still for longer than leases live. Nobody loses anything,
// and what was asked meanwhile is done late and harms nobody.
func TestKeeperFrozenRedis(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	tm := newTeam(t, server.URL())
	cam := tm.mustClaim(0, "cam")
	epoch := cam.Holder().Epoch
	gone := tm.mustClaim(0, "gone")
	server.Freeze()
	gone.Release()
	begin := time.Now()
	late := tm.mustClaim(1, "late")
	if took := time.Since(begin); took > 3*relay.OpTimeout {
		t.Errorf("a publisher waited for %v", took)
	}
	time.Sleep(relay.LeaseLife)
	server.Thaw()
	tm.found(cam, "cam")
	tm.found(late, "late")
	tm.found(tm.mustClaim(1, "gone"), "gone")
	if cam.Holder().Epoch != epoch || tm.hasLost(0, "cam") || tm.hasLost(1, "late") {
		t.Errorf("epoch %d was %d; lost: %+v", cam.Holder().Epoch, epoch, tm.lost)
	}
}

// TestKeeperReadOnlyRedis: a replica reads and does not write.
func TestKeeperReadOnlyRedis(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	tm := newTeam(t, server.URL())
	cam := tm.mustClaim(0, "cam")
	server.Do("REPLICAOF", "127.0.0.1", "1")
	meanwhile := tm.mustClaim(1, "meanwhile")
	if !meanwhile.Holder().Provisional() {
		t.Errorf("%+v", meanwhile.Holder())
	}
	server.Do("REPLICAOF", "NO", "ONE")
	tm.found(cam, "cam")
	tm.found(meanwhile, "meanwhile")
}

// TestKeeperFailover: Sentinel puts a replica in the place of a master that died. Streams
// stay where they are, and no epoch comes twice.
func TestKeeperFailover(t *testing.T) {
	t.Parallel()
	master, replica := relaytest.Redis(t), relaytest.Redis(t)
	replica.Follow(master)
	sentinel := relaytest.Sentinel(t, master, 1)
	sentinel.Sees(1)
	tm := newTeam(t, "redis-sentinel://"+sentinel.Addr()+"/whippet")
	cam := tm.mustClaim(0, "cam")
	old := tm.mustClaim(0, "old")
	seen := map[int64]bool{cam.Holder().Epoch: true, old.Holder().Epoch: true}
	old.Release() // which the replica may not have heard of
	tm.set(func() { tm.dead["old"] = true })
	master.Kill()
	tm.until("a claim without doubt", func() bool {
		h, err := tm.claim(1, "new")
		return err == nil && !h.Holder().Provisional()
	})
	next := tm.mustClaim(1, "old")
	if e := next.Holder().Epoch; seen[e] || !next.Holder().Beats(old.Holder()) {
		t.Errorf("epoch %d after %v", e, seen)
	}
	tm.found(cam, "cam")
	if tm.hasLost(0, "cam") {
		t.Error("the stream was lost")
	}
	master.Start() // the old one is made a replica, and nobody is led astray
	tm.refused(1, "cam")
	tm.found(cam, "cam")
}

// TestKeeperCloses: what it held is free at once, and nothing is left.
func TestKeeperCloses(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	tm := newTeam(t, server.URL())
	for _, stream := range []string{"x", "y", "z"} {
		tm.mustClaim(0, stream)
	}
	tm.keepers[0].Close()
	tm.keepers[0].Close()
	if _, err := tm.claim(0, "w"); !errors.Is(err, relay.ErrClosed) {
		t.Error(err)
	}
	for _, stream := range []string{"w", "x", "y", "z"} {
		begin := time.Now()
		tm.mustClaim(1, stream)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%s was free after %v", stream, took)
		}
	}
	if len(tm.lost) > 0 {
		t.Errorf("told: %+v", tm.lost)
	}
	nodes, err := open(t, server.URL(), "").Nodes(t.Context())
	if err != nil || len(nodes) < 2 || !nodes[0].Draining || nodes[1].Draining {
		t.Errorf("the first one would still be sent to: %+v, %v", nodes, err)
	}
}

// TestKeeperNodes: nodes know each other, what they carry, and who is going.
func TestKeeperNodes(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	d := open(t, server.URL(), "")
	var mu sync.Mutex
	load, draining := 0.25, false
	k := relay.NewKeeper(relay.KeeperConfig{
		Directory: d, Node: "a", NodeURL: "http://a", Version: "v1", Report: func() (float64, bool) {
			mu.Lock()
			defer mu.Unlock()
			return load, draining
		},
		Sessions: func() int { return 7 },
	})
	defer k.Close()
	tm := &team{t: t}
	is := func(want relay.NodeInfo) func() bool {
		return func() bool {
			all, err := k.Nodes(t.Context())
			if err != nil || len(all) != 1 || all[0].Announced == 0 {
				return false
			}
			got := all[0]
			got.Announced = 0
			return got == want
		}
	}
	tm.until("the node is listed", is(relay.NodeInfo{ID: "a", URL: "http://a", Version: "v1", Load: 0.25, Sessions: 7}))
	mu.Lock()
	load, draining = 1, true
	mu.Unlock()
	tm.until("it is going", is(relay.NodeInfo{ID: "a", URL: "http://a", Version: "v1", Load: 1, Draining: true, Sessions: 7}))
	server.Kill()
	time.Sleep(2 * time.Second)
	if !is(relay.NodeInfo{ID: "a", URL: "http://a", Version: "v1", Load: 1, Draining: true, Sessions: 7})() {
		t.Error("without Redis the list is forgotten")
	}
}
