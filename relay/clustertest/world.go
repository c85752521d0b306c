package clustertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// regions is how many parts of the world the nodes are in, in turn.
const regions = 4

// A world is a cluster with its clients. Not safe for concurrent use.
type world struct {
	queue
	cfg     Config
	rnd     *rand.Rand
	memory  *directory
	nodes   []*node
	byName  map[string]*node
	streams []*stream
	order   []int     // of the nodes, by chance
	popular []float64 // of all subscribers, who want this stream or one before it
	got     tally
}

// A node is one of the cluster.
type node struct {
	w        *world
	i        int
	name     string
	dead     bool
	dir      *relaytest.Counter
	sessions int
	feeds    map[*stream]*edge // what it has, or looks for
	leases   []relay.Lease
	listed   []relay.NodeInfo
	rounds   int
}

// A stream has one publisher, and whoever watches.
type stream struct {
	i      int
	name   string
	origin *edge // nil: nobody publishes
	edges  []*edge
	near   int // nodes that its audience asks first
}

// A directory is one in memory, whose lists of nodes are made again now and then only.
type directory struct {
	*relay.Memory
	w      *world
	list   []relay.NodeInfo
	listed time.Duration // when; 0: never
}

// Nodes implements [relay.Directory].
func (d *directory) Nodes(ctx context.Context) (all []relay.NodeInfo, err error) {
	if d.listed == 0 || d.w.now-d.listed > listLife {
		d.list, err = d.Memory.Nodes(ctx)
		d.listed = d.w.now
	}
	return d.list, err
}

func newWorld(cfg Config) *world {
	w := &world{cfg: cfg, rnd: rand.New(rand.NewPCG(cfg.Seed, 25)), byName: map[string]*node{}}
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.memory = &directory{Memory: &relay.Memory{Clock: func() time.Time { return begun.Add(w.now) }}, w: w}
	for i := range cfg.Nodes {
		n := &node{w: w, i: i, name: fmt.Sprintf("node-%04d", i), dir: relaytest.Count(w.memory), feeds: map[*stream]*edge{}}
		w.nodes = append(w.nodes, n)
		w.byName[n.name] = n
		w.after(time.Duration(w.rnd.Int64N(int64(renewEvery))), n.tick)
	}
	w.order = w.rnd.Perm(cfg.Nodes)
	sum := 0.0
	for i := range cfg.Streams {
		w.streams = append(w.streams, &stream{i: i, name: fmt.Sprintf("stream-%04d", i)})
		sum += cfg.share(i)
		w.popular = append(w.popular, sum)
	}
	for i, s := range w.streams {
		s.near = min(cfg.Nodes, 1+int(float64(cfg.Subscribers)*cfg.share(i)/sum/float64(cfg.Spread)))
	}
	return w
}

// delay is what a message between two nodes takes.
func (n *node) delay(to *node) time.Duration {
	apart := n.i%regions - to.i%regions
	if apart < 0 {
		apart = -apart
	}
	pair := time.Duration((n.i+to.i)*2_654_435_761%2000) * time.Microsecond
	return time.Millisecond + pair + time.Duration(apart)*20*time.Millisecond + n.w.chance(500*time.Microsecond)
}

// toDirectory is what a message to the directory takes, or one back.
func (n *node) toDirectory() time.Duration { return n.delay(n.w.nodes[0]) }

func (w *world) chance(most time.Duration) time.Duration {
	return time.Duration(w.rnd.Int64N(int64(most)))
}

// living returns any node that is not dead.
func (w *world) living() *node {
	for {
		if n := w.nodes[w.rnd.IntN(len(w.nodes))]; !n.dead {
			return n
		}
	}
}

// tick is a keeper's round.
func (n *node) tick() {
	if n.dead {
		return
	}
	ctx := context.Background()
	load := n.load()
	_ = n.dir.AnnounceNode(ctx, relay.NodeInfo{ID: n.name, URL: n.name, PublicURL: n.name, Load: load})
	if len(n.leases) > 0 {
		_, _ = n.dir.Renew(ctx, n.leases)
	}
	if n.rounds++; n.rounds%int(nodesEvery/renewEvery) == 1 {
		n.listed, _ = n.dir.Nodes(ctx)
	}
	n.w.after(renewEvery, n.tick)
}

func (n *node) load() float64 { return float64(n.sessions) / float64(n.w.cfg.Sessions) }

// operations is the sum of all nodes'.
func (w *world) operations() (sum relaytest.Operations) {
	for _, n := range w.nodes {
		sum = relaytest.Operations{}.Minus(relaytest.Operations{}.Minus(sum).Minus(n.dir.Operations()))
	}
	return sum
}
