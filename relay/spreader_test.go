package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/relay"
)

// A cuttable directory is the others' behind a network that may be cut.
type cuttable struct {
	relay.Directory
	cut        atomic.Bool
	puts, sent atomic.Int64 // exchanges, and revocations in them
	reads      atomic.Int64
}

func (c *cuttable) PutRevocations(ctx context.Context, all []relay.Revocation) error {
	if c.cut.Load() {
		return errNetwork
	}
	c.puts.Add(1)
	c.sent.Add(int64(len(all)))
	return c.Directory.PutRevocations(ctx, all)
}

func (c *cuttable) ReadRevocations(ctx context.Context, at relay.RevocationCursor) (relay.RevocationPage, error) {
	if c.cut.Load() {
		return relay.RevocationPage{}, errNetwork
	}
	c.reads.Add(1)
	return c.Directory.ReadRevocations(ctx, at)
}

// A guard is a node that refuses what its spreader tells it to.
type guard struct {
	*relay.Spreader
	cuttable
	logs bytes.Buffer

	mu      sync.Mutex
	refuses map[string]auth.Revocation // by jti
}

func newGuard(d relay.Directory, kept ...relay.Revocation) *guard {
	g := &guard{cuttable: cuttable{Directory: d}, refuses: map[string]auth.Revocation{}}
	g.Spreader = relay.NewSpreader(relay.SpreaderConfig{
		Directory: &g.cuttable, Logger: slog.New(slog.NewTextHandler(&g.logs, nil)), Learn: g.learn,
	})
	g.learn(g.Restore(kept), nil)
	return g
}

func (g *guard) learn(learned, dropped []relay.Revocation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range dropped {
		delete(g.refuses, r.ID)
	}
	for _, r := range learned {
		delete(g.refuses, r.ID)
		if r.InForce() {
			g.refuses[r.ID] = r.Revocation
		}
	}
}

func (g *guard) list() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(g.refuses)), " ")
}

// revoke does as a node's own API: it refuses, then announces.
func (g *guard) revoke(id string) {
	r, err := auth.Revocation{ID: id}.Check(time.Now())
	if err != nil {
		panic(err)
	}
	g.Announce(r)
}

func (g *guard) allow(id string) { g.Announce(auth.Revocation{ID: id, Until: time.Now()}) }

// guards runs a test with some nodes in virtual time.
func guards(t *testing.T, n int, test func(t *testing.T, m *relay.Memory, all []*guard)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &relay.Memory{}
		var all []*guard
		for range n {
			g := newGuard(m)
			g.Start()
			defer g.Close()
			all = append(all, g)
		}
		test(t, m, all)
	})
}

// after checks what all nodes refuse after a time.
func after(t *testing.T, d time.Duration, want string, all ...*guard) {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	for i, g := range all {
		if got := g.list(); got != want {
			t.Errorf("node %d refuses %q, want %q", i, got, want)
		}
	}
}

const soon = 100 * time.Millisecond

func TestSpread(t *testing.T) {
	guards(t, 3, func(t *testing.T, m *relay.Memory, all []*guard) {
		all[0].revoke("a")
		after(t, soon, "a", all...)
		all[1].revoke("b")
		after(t, soon, "a b", all...)
		all[2].allow("a")
		after(t, soon, "b", all...)
		all[0].revoke("a")
		after(t, soon, "a b", all...)
		late := newGuard(m)
		late.Start()
		defer late.Close()
		after(t, 0, "a b", late) // before it serves anybody
	})
}

// TestSpreadApart: what nodes do while they are cut off is known to all once they are not,
// the last word on each token, and a directory that was emptied is filled again.
func TestSpreadApart(t *testing.T) {
	guards(t, 3, func(t *testing.T, m *relay.Memory, all []*guard) {
		all[0].revoke("a")
		all[0].revoke("b")
		after(t, soon, "a b", all...)
		all[0].cut.Store(true)
		all[0].revoke("c")
		all[1].allow("a")
		all[1].revoke("d")
		after(t, soon, "b d", all[1:]...)
		after(t, 10*time.Second, "a b c", all[0])
		all[0].cut.Store(false)
		after(t, time.Second+soon, "b c d", all...)
		if log := all[0].logs.String(); strings.Count(log, "event=not-spread count=1") != 1 || strings.Count(log, "event=spread") != 1 {
			t.Error(log)
		}

		all[1].cut.Store(true)
		m.Forget()
		late := newGuard(m)
		late.Start()
		defer late.Close()
		after(t, relay.RevokedEvery+soon, "b c d", append(all, late)...)
		m.Forget()
		all[1].revoke("a")
		all[1].cut.Store(false)
		after(t, relay.RevokedEvery+soon, "a b c d", append(all, late)...)
	})
}

// TestSpreadAfterARestart: a node that was away does not bring back what was taken back
// meanwhile, though it has it in its file and the directory lost all.
func TestSpreadAfterARestart(t *testing.T) {
	guards(t, 2, func(t *testing.T, m *relay.Memory, all []*guard) {
		all[0].revoke("a")
		all[0].revoke("b")
		after(t, soon, "a b", all...)
		kept := all[1].List()
		all[1].Close()
		time.Sleep(time.Minute)
		all[0].allow("a")
		after(t, soon, "b", all[0])
		m.Forget()
		back := newGuard(m, kept...)
		after(t, 0, "a b", back)
		back.Start()
		defer back.Close()
		after(t, 2*relay.RevokedEvery+soon, "b", all[0], back)
	})
}

// TestSpreadClosing: what was made last is told before the node is gone.
func TestSpreadClosing(t *testing.T) {
	guards(t, 2, func(t *testing.T, m *relay.Memory, all []*guard) {
		all[0].revoke("a")
		all[0].Close()
		all[0].Close()
		after(t, soon, "a", all[1])
	})
}

// TestSpreadSeeds: whatever is revoked and taken back, by whomever, while nodes are cut off
// and the directory is emptied, all agree in the end, on the last word.
func TestSpreadSeeds(t *testing.T) {
	for seed := range uint64(300) {
		guards(t, 4, func(t *testing.T, m *relay.Memory, all []*guard) {
			random := rand.New(rand.NewPCG(seed, 5))
			last := map[string]bool{}
			for range 60 {
				time.Sleep(time.Duration(1+random.IntN(1000)) * time.Millisecond)
				synctest.Wait()
				g, id := all[random.IntN(len(all))], string(rune('a'+random.IntN(5)))
				switch random.IntN(8) {
				case 0:
					g.cut.Store(true)
				case 1:
					g.cut.Store(false)
				case 2:
					m.Forget()
				case 3, 4:
					if g.allowed(id) {
						last[id] = false
					}
				default:
					last[id] = true
					g.revoke(id)
				}
			}
			for _, g := range all {
				g.cut.Store(false)
			}
			var want []string
			for id, in := range last {
				if in {
					want = append(want, id)
				}
			}
			slices.Sort(want)
			after(t, 2*relay.RevokedEvery+time.Second, strings.Join(want, " "), all...)
			page, err := m.ReadRevocations(t.Context(), relay.RevocationCursor{})
			for i, g := range all {
				if diff := cmp.Diff(sorted(page.Revocations), sorted(g.List())); err != nil || diff != "" {
					t.Errorf("node %d and the directory: %v %s", i, err, diff)
				}
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// allowed takes a revocation back where the node has one.
func (g *guard) allowed(id string) bool {
	g.mu.Lock()
	_, there := g.refuses[id]
	g.mu.Unlock()
	if there {
		g.allow(id)
	}
	return there
}

func sorted(all []relay.Revocation) []relay.Revocation {
	return slices.SortedFunc(slices.Values(all), func(a, b relay.Revocation) int { return strings.Compare(a.ID, b.ID) })
}

// TestSpreadCosts: nothing is sent while nothing changes, and where all nodes find an empty
// directory most is put there once, not by each.
func TestSpreadCosts(t *testing.T) {
	const nodes, revocations = 20, 5000
	guards(t, nodes, func(t *testing.T, m *relay.Memory, all []*guard) {
		for i := range revocations {
			all[i%nodes].revoke(fmt.Sprint(i))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		count := func() (puts, sent, reads int64) {
			for _, g := range all {
				puts, sent, reads = puts+g.puts.Swap(0), sent+g.sent.Swap(0), reads+g.reads.Swap(0)
			}
			return puts, sent, reads
		}
		if _, sent, _ := count(); sent < revocations || sent > 2*revocations {
			t.Errorf("%d were sent", sent)
		}
		time.Sleep(10 * relay.RevokedEvery)
		synctest.Wait()
		if puts, _, reads := count(); puts != 0 || reads > 11*nodes {
			t.Errorf("%d were put and %d times was read while nothing changed", puts, reads)
		}
		m.Forget()
		time.Sleep(2 * relay.RevokedEvery)
		synctest.Wait()
		if _, sent, _ := count(); sent < revocations || sent > nodes*revocations/2 {
			t.Errorf("%d were sent", sent)
		}
		for _, g := range all {
			if len(g.List()) != revocations {
				t.Error(len(g.List()))
			}
		}
	})
}

// TestSpreadBounded: nodes that have more together than are kept agree on which to keep.
func TestSpreadBounded(t *testing.T) {
	guards(t, 2, func(t *testing.T, m *relay.Memory, all []*guard) {
		for _, g := range all {
			g.cut.Store(true)
		}
		for i := range relay.MaxRevocations {
			all[0].Announce(auth.Revocation{ID: fmt.Sprint("short ", i), Until: time.Now().Add(time.Hour + time.Duration(i)*time.Second)})
		}
		const long = 100
		for i := range long {
			all[1].Announce(auth.Revocation{ID: fmt.Sprint("long ", i), Until: time.Now().Add(100 * time.Hour)})
		}
		for _, g := range all {
			g.cut.Store(false)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if all[0].list() != all[1].list() {
			t.Error("they do not agree")
		}
		for _, g := range all {
			g.mu.Lock()
			_, first := g.refuses[fmt.Sprint("short ", long-1)]
			_, next := g.refuses[fmt.Sprint("short ", long)]
			_, other := g.refuses[fmt.Sprint("long ", 0)]
			if len(g.refuses) != relay.MaxRevocations || first || !next || !other {
				t.Errorf("%d are refused; %v %v %v", len(g.refuses), first, next, other)
			}
			g.mu.Unlock()
		}
	})
}

// TestSpreadClockSetBack: the last word counts though the cluster's clock is behind what it
// was at the one before.
func TestSpreadClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Int64 // seconds
		m := &relay.Memory{Clock: func() time.Time { return time.Now().Add(-time.Duration(back.Load()) * time.Second) }}
		a, b := newGuard(m), newGuard(m)
		for _, g := range []*guard{a, b} {
			g.Start()
			defer g.Close()
		}
		a.revoke("a")
		after(t, soon, "a", a, b)
		back.Add(3600)
		b.allow("a")
		after(t, soon, "", a, b)
		back.Add(3600)
		a.revoke("a")
		after(t, soon, "a", a, b)
	})
}
