package relay_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// A world is some nodes with their keepers around one directory in memory, in virtual
// time. It records what the directory gives and checks it.
type world struct {
	t      *testing.T
	random *rand.Rand // of the schedule; owned by its goroutine
	memory *relay.Memory
	nodes  []*simNode

	flying sync.WaitGroup // requests

	mu      sync.Mutex
	step    time.Duration // what the directory's clock is set off by
	dice    *rand.Rand    // of the network
	loss    float64       // of requests and of answers
	back    bool          // it was set back
	granted map[string]bool
	told    tally
}

// A tally counts what happened, so that a schedule in which nothing does is noticed.
type tally struct{ claimed, refused, lost, provisional int }

func (a *tally) add(b tally) {
	a.claimed += b.claimed
	a.refused += b.refused
	a.lost += b.lost
	a.provisional += b.provisional
}

// A simNode is a node with publishers that live until they leave or lose.
type simNode struct {
	w      *world
	id     string
	keeper *relay.Keeper

	// The world's mu guards the fields below.
	cut        bool // from the directory
	unheard    bool // no node reaches it
	publishers map[string]*publisher
}

type publisher struct{ hold *relay.Hold } // nil: its claim is not decided yet

func newWorld(t *testing.T, seed uint64, nodes int) *world {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), dice: rand.New(rand.NewPCG(seed, 2)), granted: map[string]bool{},
	}
	w.memory = &relay.Memory{Clock: func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.Now().Add(w.step)
	}}
	for i := range nodes {
		n := &simNode{w: w, id: fmt.Sprintf("n%d", i), publishers: map[string]*publisher{}}
		n.keeper = relay.NewKeeper(relay.KeeperConfig{
			Directory: &network{Memory: w.memory, node: n}, Node: n.id, NodeURL: "http://" + n.id, Ask: w.ask,
		})
		w.nodes = append(w.nodes, n)
	}
	return w
}

func (w *world) close() {
	for _, n := range w.nodes {
		n.keeper.Close()
	}
	w.flying.Wait()
}

// grant checks that no lease is given twice, also by a directory that forgets: unless its
// clock was set back, too, and an answer was lost.
func (w *world) grant(l relay.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := fmt.Sprintf("%s %d", l.Stream, l.Epoch)
	if w.granted[name] && !w.back {
		w.t.Errorf("%s was given twice", name)
	}
	w.granted[name] = true
}

// ask is a question from node to node.
func (w *world) ask(_ context.Context, h relay.Holder, stream, _ string) (relay.Answer, error) {
	time.Sleep(5 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		if n.id == h.Node && !n.unheard {
			return relay.Answer{Alive: n.publishers[stream] != nil}, nil
		}
	}
	return relay.Answer{}, errors.New("no answer")
}

// publish lets a publisher begin, unless the node has one of the stream.
func (n *simNode) publish(stream string) {
	w := n.w
	p := &publisher{}
	w.mu.Lock()
	busy := n.publishers[stream] != nil
	if !busy {
		n.publishers[stream] = p
	}
	w.mu.Unlock()
	if busy {
		return
	}
	h, err := n.keeper.Claim(context.Background(), stream, "", func(relay.Holder) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told.lost++
		if n.publishers[stream] == p {
			delete(n.publishers, stream)
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.told.refused++
		delete(n.publishers, stream)
		return
	}
	w.told.claimed++
	p.hold = h
}

// leave ends a publisher.
func (n *simNode) leave(stream string) {
	var hold *relay.Hold
	n.w.set(func() {
		if p := n.publishers[stream]; p != nil && p.hold != nil {
			hold = p.hold
			delete(n.publishers, stream)
		}
	})
	if hold != nil {
		hold.Release()
	}
}

// holders returns who believes to hold a stream.
func (w *world) holders(stream string) []relay.Holder {
	var all []relay.Holder
	for _, n := range w.nodes {
		if h, ok := n.keeper.Held(stream); ok {
			all = append(all, h)
		}
	}
	return all
}

// settled checks a stream after all nodes could reach the directory for a while: at most
// one holds it, and the directory says so.
func (w *world) settled(stream string) {
	w.t.Helper()
	all := w.holders(stream)
	found, err := w.memory.Lookup(w.t.Context(), stream)
	if len(all) == 0 && err == nil {
		// A dead node's lease, which a clock set back made last longer: it ends.
		time.Sleep(relay.LeaseLife)
		found, err = w.memory.Lookup(w.t.Context(), stream)
	}
	switch {
	case len(all) > 1:
		w.t.Errorf("%s is held by %+v", stream, all)
	case len(all) == 1 && (err != nil || found != all[0]):
		w.t.Errorf("%s is held by %+v; the directory says %+v, %v", stream, all[0], found, err)
	case len(all) == 0 && err == nil:
		w.t.Errorf("nobody holds %s; the directory says %+v", stream, found)
	}
	for _, n := range w.nodes {
		w.mu.Lock()
		p := n.publishers[stream]
		w.mu.Unlock()
		if _, ok := n.keeper.Held(stream); ok != (p != nil) {
			w.t.Errorf("%s: %s has a publisher: %v, a lease: %v", stream, n.id, p != nil, ok)
		}
	}
}

// TestSimulation: whatever happens to directory and network, in the end each stream has one
// publisher or none, and the directory knows it. The seeds are schedules.
func TestSimulation(t *testing.T) {
	var all tally
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed, 3)
			defer w.close()
			w.run(60*time.Second, true)
			w.calm()
			time.Sleep(15 * time.Second)
			for _, stream := range []string{"x", "y"} {
				w.settled(stream)
			}
			all.add(w.told)
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if min(all.claimed, all.refused, all.lost, all.provisional) < 100 {
		t.Errorf("too little happened: %+v", all)
	}
	t.Logf("%+v", all)
}

// run lets things happen for a while; rough: the directory forgets and its clock steps.
func (w *world) run(d time.Duration, rough bool) {
	var acting sync.WaitGroup
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Duration(w.random.IntN(400)) * time.Millisecond)
		n := w.nodes[w.random.IntN(len(w.nodes))]
		stream := []string{"x", "y"}[w.random.IntN(2)]
		switch k := w.random.IntN(20); {
		case k < 8:
			acting.Go(func() { n.publish(stream) })
		case k < 12:
			acting.Go(func() { n.leave(stream) })
		case k < 15:
			w.set(func() { n.unheard = !n.unheard })
		case k < 17:
			w.set(func() { w.loss = []float64{0, 0.1, 0.5}[w.random.IntN(3)] })
		case rough:
			w.shake(n)
		}
		w.count()
	}
	acting.Wait()
}

// shake does what only a rough schedule has.
func (w *world) shake(n *simNode) {
	switch w.random.IntN(4) {
	case 0:
		w.memory.Forget()
	case 1:
		by := time.Duration(w.random.IntN(20)-10) * time.Second
		w.set(func() { w.step, w.back = w.step+by, w.back || by < 0 })
	case 2:
		w.set(func() { n.cut = !n.cut })
	case 3:
		down := w.random.IntN(2) == 0
		w.set(func() {
			for _, n := range w.nodes {
				n.cut = down
			}
		})
	}
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// calm ends all faults.
func (w *world) calm() {
	w.set(func() {
		w.loss = 0
		for _, n := range w.nodes {
			n.cut, n.unheard = false, false
		}
	})
}

func (w *world) count() {
	for _, n := range w.nodes {
		p := n.keeper.Status().Provisional
		w.set(func() { w.told.provisional += p })
	}
}

// TestSimulationOfLeases: while the directory keeps what it has and its clock only goes
// forward, no two nodes have a lease of one stream at the same time, whatever requests and
// answers are lost or late.
func TestSimulationOfLeases(t *testing.T) {
	overlaps, leases := 0, 0
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed, 3)
			defer w.close()
			stop := make(chan struct{})
			var watching sync.WaitGroup
			watching.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(7 * time.Millisecond):
						for _, stream := range []string{"x", "y"} {
							n := w.leased(stream)
							leases += min(n, 1)
							overlaps += max(n-1, 0)
						}
					}
				}
			})
			w.run(30*time.Second, false)
			close(stop)
			watching.Wait()
		})
		if overlaps > 0 {
			t.Fatalf("seed %d: two nodes had a lease at the same time", seed)
		}
	}
	if leases < 10_000 {
		t.Errorf("only %d times somebody had a lease", leases)
	}
}

// leased counts the nodes that have a lease which has not ended for them, and is not their
// predecessor's whose publisher left.
func (w *world) leased(stream string) int {
	count := 0
	for _, n := range w.nodes {
		if l, ok := n.keeper.Lease(stream); ok && !l.Provisional() && time.Now().Before(l.Expires) {
			count++
		}
	}
	return count
}
