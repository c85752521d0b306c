//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/test/harness"
)

// askAgain is how long a viewer who was refused waits.
const askAgain = 300 * time.Millisecond

// A crowd is viewers of a stream who hear no events: each has one session, and begins another at
// the next node, as behind a load balancer, when that has ended.
type crowd struct {
	nodes   []*harness.Node
	stream  string
	going   []atomic.Bool // nodes that end, or have ended
	viewers []*viewer
}

// A viewer is one of them.
type viewer struct {
	mu       sync.Mutex
	player   *client.Player // the present session's; nil: none
	sessions int
	lost     []string // sessions that ended though their node did not
}

// gather brings viewers, spread over the nodes, who leave at the end of the test.
func (c *cinema) gather(stream string, viewers int) *crowd {
	c.t.Helper()
	all := &crowd{nodes: append([]*harness.Node{}, c.Nodes...), stream: stream, going: make([]atomic.Bool, len(c.Nodes))}
	ctx, cancel := context.WithCancel(context.Background())
	var left sync.WaitGroup
	c.t.Cleanup(func() {
		cancel()
		left.Wait()
	})
	for i := range viewers {
		v := &viewer{}
		all.viewers = append(all.viewers, v)
		left.Go(func() { v.stay(ctx, all, i%len(all.nodes)) })
	}
	all.wantAll(c.t, "the viewers have come")
	return all
}

// stay watches until ctx ends, first at the node of a number.
func (v *viewer) stay(ctx context.Context, c *crowd, node int) {
	for ; ctx.Err() == nil; node = (node + 1) % len(c.nodes) {
		p, err := client.Play(ctx, client.PlayOptions{
			Options:          client.Options{URL: c.nodes[node].WHEP(c.stream)},
			NoAudio:          true,
			KeyframeRequests: true,
		})
		if err != nil {
			time.Sleep(askAgain)
			continue
		}
		v.begin(p)
		select {
		case <-p.Done():
			v.end(c, p)
		case <-ctx.Done():
		}
		_ = p.Close(context.WithoutCancel(ctx)) // its node may be gone
	}
}

func (v *viewer) begin(p *client.Player) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.player = p
	v.sessions++
}

func (v *viewer) end(c *crowd, p *client.Player) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.player = nil
	for i, n := range c.nodes {
		if strings.HasPrefix(p.URL(), n.URL+"/") && !c.going[i].Load() {
			v.lost = append(v.lost, fmt.Sprintf("at node %d: %v", i, p.Err()))
		}
	}
}

// pictures returns how many came in the present session.
func (v *viewer) pictures() (n int64, of *client.Player) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.player == nil {
		return 0, nil
	}
	return v.player.Stats().Video.Frames, v.player
}

// wantAll checks that all viewers get pictures from now on.
func (c *crowd) wantAll(t *testing.T, when string) {
	t.Helper()
	type state struct {
		pictures int64
		of       *client.Player
	}
	begun := time.Now()
	before := make([]state, len(c.viewers))
	for i, v := range c.viewers {
		before[i].pictures, before[i].of = v.pictures()
	}
	harness.Eventually(t, goesOnWithin, func() (err error) {
		for i, v := range c.viewers {
			now, of := v.pictures()
			if of != before[i].of {
				before[i] = state{now, of}
			}
			if of == nil || now < before[i].pictures+5 {
				err = fmt.Errorf("%s: viewer %d has %d new pictures", when, i, now-before[i].pictures)
			}
		}
		return err
	})
	t.Logf("%s: all %d viewers get pictures after %v", when, len(c.viewers), time.Since(begun).Round(10*time.Millisecond))
}

// wantFew checks that each viewer began a new session at the end of its node only.
func (c *crowd) wantFew(t *testing.T) {
	t.Helper()
	all := 0
	for i, v := range c.viewers {
		v.mu.Lock()
		all += v.sessions
		if most := 1 + len(c.nodes); v.sessions > most || len(v.lost) > 0 {
			t.Errorf("viewer %d had %d sessions, want at most %d; lost: %v", i, v.sessions, most, v.lost)
		}
		v.mu.Unlock()
	}
	t.Logf("%d viewers had %d sessions", len(c.viewers), all)
}
