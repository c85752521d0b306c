package relay_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// The model is two nodes that claim one stream, every short schedule of what they and the
// directory can do, and what each believes. A step is one of these; a capital is of node a,
// the same small letter of node b.
const (
	claims  = "Cc"
	unheard = "Uu" // a claim is done, its answer lost
	takes   = "Tt" // a claim over the lease the last refusal named
	renews  = "Rr"
	givesUp = "Ee"
	half    = "h" // half a life passes
	whole   = "w" // a life
	empties = "f" // the directory forgets
	back    = "b" // its clock is set back
)

// A run is one schedule on one directory.
type run struct {
	c       *cluster
	elapsed time.Duration // of real time
	nodes   [2]believer
	trace   []string

	rough    bool // the directory forgot, or its clock stepped
	takeover bool // somebody took what another one had
	steps    string
}

// A believer is what a node knows.
type believer struct {
	id    string
	lease relay.Lease // zero: none
	until time.Duration
	last  int64 // the greatest epoch it knows
	over  int64 // of the last refusal
}

func newRun(c *cluster, steps string) *run {
	return &run{c: c, steps: steps, nodes: [2]believer{{id: "a"}, {id: "b"}}}
}

func (r *run) fail(format string, args ...any) {
	r.c.t.Helper()
	r.c.t.Fatalf("schedule %s: %s\n%s", r.steps, fmt.Sprintf(format, args...), strings.Join(r.trace, "\n"))
}

func (r *run) note(format string, args ...any) {
	r.trace = append(r.trace, fmt.Sprintf(format, args...))
}

// step does one thing and checks what must hold after each.
func (r *run) step(s rune) {
	n := &r.nodes[0]
	if strings.ContainsRune("cutre", s) {
		n = &r.nodes[1]
	}
	switch kind := string(s); {
	case strings.Contains(claims, kind):
		r.claim(n, 0, true)
	case strings.Contains(unheard, kind):
		r.claim(n, 0, false)
	case strings.Contains(takes, kind):
		r.claim(n, n.over, true)
	case strings.Contains(renews, kind):
		r.renew(n)
	case strings.Contains(givesUp, kind):
		r.release(n)
	case kind == half:
		r.pass(relay.LeaseLife / 2)
	case kind == whole:
		r.pass(relay.LeaseLife)
	case kind == empties:
		r.rough = true
		r.c.forget()
	case kind == back:
		r.rough = true
		r.c.advance(-time.Hour)
	}
	r.check()
}

func (r *run) pass(d time.Duration) {
	r.elapsed += d
	r.c.advance(d)
}

func (r *run) claim(n *believer, over int64, heard bool) {
	c := claim(n.id)
	c.Last, c.Over = n.last, over
	if n.lease.Epoch != 0 && over == 0 {
		c.Over = n.lease.Epoch // its own, for the next publisher
	}
	l, err := r.c.a.Claim(r.c.t.Context(), c)
	r.note("%s claims over %d: %d, %v", n.id, c.Over, l.Epoch, err)
	var held *relay.HeldError
	switch {
	case !heard:
	case errors.As(err, &held):
		n.over, n.last = held.Holder.Epoch, max(n.last, held.Holder.Epoch)
		if n.lease.Epoch != 0 && held.Holder.Beats(n.lease.Holder) {
			n.lease = relay.Lease{}
		}
	case err != nil:
		r.fail("%v", err)
	default:
		r.granted(n, l)
	}
	if err == nil && over != 0 {
		r.takeover = true
	}
}

// granted checks a new lease against what everybody knows.
func (r *run) granted(n *believer, l relay.Lease) {
	if l.Epoch <= n.last {
		r.fail("%s got epoch %d after %d", n.id, l.Epoch, n.last)
	}
	for _, o := range r.nodes {
		if !r.rough && l.Epoch <= o.lease.Epoch {
			r.fail("%s got epoch %d, %s has %d", n.id, l.Epoch, o.id, o.lease.Epoch)
		}
	}
	n.lease, n.last, n.until = l, l.Epoch, r.elapsed+relay.LeaseLife
}

func (r *run) renew(n *believer) {
	if n.lease.Epoch == 0 {
		return
	}
	err := r.c.renew(r.c.a, n.lease)
	r.note("%s renews %d: %v", n.id, n.lease.Epoch, err)
	var held *relay.HeldError
	switch {
	case errors.As(err, &held):
		if !held.Holder.Beats(n.lease.Holder) {
			r.fail("%s lost to %+v", n.id, held.Holder)
		}
		n.last = max(n.last, held.Holder.Epoch)
		n.lease = relay.Lease{}
	case err != nil:
		r.fail("%v", err)
	default:
		n.until = r.elapsed + relay.LeaseLife
	}
}

func (r *run) release(n *believer) {
	if n.lease.Epoch != 0 {
		r.c.release(r.c.a, n.lease)
		r.note("%s releases %d", n.id, n.lease.Epoch)
		n.lease = relay.Lease{}
	}
}

// check: while the directory keeps its word and nobody takes what another one has, at most
// one node has a lease that has not ended for it.
func (r *run) check() {
	if r.rough || r.takeover {
		return
	}
	a, b := r.nodes[0], r.nodes[1]
	if a.lease.Epoch != 0 && b.lease.Epoch != 0 && a.until > r.elapsed && b.until > r.elapsed {
		r.fail("both have a lease: %+v, %+v", a, b)
	}
}

// settle lets everybody renew, in both orders, and checks that one is left: the one with
// the highest epoch, if any had one.
func (r *run) settle() {
	before := r.nodes
	for range 2 {
		r.renew(&r.nodes[0])
		r.renew(&r.nodes[1])
	}
	a, b := r.nodes[0].lease, r.nodes[1].lease
	highest := max(before[0].lease.Epoch, before[1].lease.Epoch)
	switch {
	case a.Epoch+b.Epoch != 0 && max(a.Epoch, b.Epoch) != highest:
		r.fail("a lower epoch than %d is left: %+v, %+v", highest, a, b)
	case a.Epoch != 0 && b.Epoch != 0:
		r.fail("both go on: %+v, %+v", a, b)
	case a.Epoch != 0:
		r.c.holds("a", a.Epoch)
	case b.Epoch != 0:
		r.c.holds("b", b.Epoch)
	case before[0].lease.Epoch != 0 || before[1].lease.Epoch != 0:
		// Whoever they lost to is remembered: a claim whose answer was lost, or a release.
		if !strings.ContainsAny(r.steps, unheard+givesUp) {
			r.fail("nobody is left of %+v", before)
		}
	}
}

// schedules returns all of a length.
func schedules(steps string, length int) []string {
	all := []string{""}
	for range length {
		var longer []string
		for _, s := range all {
			for _, k := range steps {
				longer = append(longer, s+string(k))
			}
		}
		all = longer
	}
	return all
}

const everyStep = claims + unheard + takes + renews + givesUp + half + whole + empties + back

// longer returns some schedules of twelve steps, the same ones each time.
func longer(count int) []string {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]string, count)
	for i := range all {
		b := make([]byte, 12)
		for j := range b {
			b[j] = everyStep[random.IntN(len(everyStep))]
		}
		all[i] = string(b)
	}
	return all
}

// TestEverySchedule: of two claimants one wins, under every schedule of four steps and many
// longer ones, with lost answers, ends of life, an emptied directory and a clock set back.
func TestEverySchedule(t *testing.T) {
	for _, s := range append(schedules(everyStep, 4), longer(30_000)...) {
		r := newRun(memoryCluster(t), s)
		for _, k := range s {
			r.step(k)
		}
		r.settle()
	}
}

// TestEveryScheduleOnRedis runs fewer, and the same on a directory in memory: both must
// answer the same.
func TestEveryScheduleOnRedis(t *testing.T) {
	server := relaytest.Redis(t)
	c := redisCluster(t, server)
	client := server.Client()
	c.forget = func() {
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range append(schedules(everyStep, 3), longer(1500)...) {
		c.forget()
		m := memoryCluster(t)
		c.at.Store(m.at.Load())
		real, model := newRun(c, s), newRun(m, s)
		for _, k := range s {
			real.step(k)
			model.step(k)
		}
		real.settle()
		model.settle()
		if !slices.Equal(real.trace, model.trace) {
			t.Fatalf("schedule %s\nRedis:\n%s\nmemory:\n%s", s, strings.Join(real.trace, "\n"), strings.Join(model.trace, "\n"))
		}
	}
}
