//go:build bars

package bars

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/relay/relaytest"
	"github.com/whippet-media/whippet/test/harness"
)

const (
	coldStreams = 24 // joins on an edge that has no link for their stream; a quantile of fewer is the worst
	hopFor      = 6 * time.Second
	moves       = 4 // of a publisher from one node to another
)

// cluster is three nodes on the loopback address, and their Redis.
type cluster struct {
	*report
	binary string
	redis  *relaytest.Server
	ports  [3]int
	nodes  [3]*harness.Node
	flags  []string // more of them, of all nodes
}

// clustered measures what a cluster of nodes on one machine promises.
func (b *bench) clustered(t *testing.T) {
	c := &cluster{report: b.report, binary: harness.Binary(t, harness.Build{}), redis: relaytest.Redis(t)}
	for i := range c.nodes {
		c.ports[i] = harness.FreePort(t)
		c.start(t, i)
	}
	t.Run("Joins", c.joins)
	t.Run("Hop", c.hop)
	t.Run("Layers", c.below)
	t.Run("Moves", c.moves)
	t.Run("Parents", b.chained)
}

// start starts a node, also one that was killed.
func (c *cluster) start(t *testing.T, i int) {
	t.Helper()
	c.nodes[i] = harness.StartNodeAt(t, c.binary, c.ports[i], append(slices.Clone(c.flags), "--redis", c.redis.URL(), "--cluster-secret", strings.Repeat("c", 32),
		"--node-id", fmt.Sprint("node-", i), "--node-url", fmt.Sprintf("http://127.0.0.1:%d", c.ports[i]), "--metrics-streams", "100")...)
}

// joins measures the time from POST to keyframe on a cold edge and on a warm one, of publishers with
// ten seconds between keyframes that hear no wishes.
func (c *cluster) joins(t *testing.T) {
	var cold, coldWhole, warm, warmWhole []float64
	for i := range coldStreams {
		name := fmt.Sprint("cold-", i)
		p := publish(t, c.nodes[0].WHIP(name), longInterval)
		warmUp(t, c.nodes[0].WHEP(name))
		time.Sleep(time.Duration(i) * 300 * time.Millisecond) // the phase of the keyframe interval
		first, whole := joinOnce(t, c.nodes[1].WHEP(name))
		cold, coldWhole = append(cold, ms(first)), append(coldWhole, ms(whole))
		first, whole = joinOnce(t, c.nodes[1].WHEP(name))
		warm, warmWhole = append(warm, ms(first)), append(warmWhole, ms(whole))
		p.Kill()
	}
	c.add(t, bar{Name: "cold edge: POST to first packet of keyframe", Unit: "ms", Samples: cold, Quantile: 0.95, Limit: 400})
	c.add(t, bar{Name: "cold edge: POST to whole keyframe", Unit: "ms", Samples: coldWhole})
	c.add(t, bar{Name: "warm edge: POST to first packet of keyframe", Unit: "ms", Samples: warm, Quantile: 0.95, Limit: 200})
	c.add(t, bar{Name: "warm edge: POST to whole keyframe", Unit: "ms", Samples: warmWhole})
}

// arrivals notes when each packet of video came, by what it carries: that is the same on all nodes.
type arrivals struct {
	mu   sync.Mutex
	seed maphash.Seed
	came map[uint64]time.Time // nil: nothing is noted
}

func (a *arrivals) note(kind codec.Kind, p *rtp.Packet, _ time.Duration) {
	now := time.Now()
	if kind != codec.Video {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.came != nil {
		a.came[maphash.Bytes(a.seed, p.Payload)] = now
	}
}

// begin lets noting begin, end ends it.
func (a *arrivals) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.came = map[uint64]time.Time{}
}

func (a *arrivals) end() map[uint64]time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	came := a.came
	a.came = nil
	return came
}

// hop measures how much later each packet comes over one node more.
func (c *cluster) hop(t *testing.T) {
	publish(t, c.nodes[0].WHIP("hop"), longInterval)
	seed := maphash.MakeSeed()
	var at [2]*arrivals
	for i := range at {
		at[i] = &arrivals{seed: seed}
		play(t, c.nodes[i].WHEP("hop"), client.PlayOptions{OnRTP: at[i].note})
	}
	time.Sleep(longInterval / 2) // they catch up with the publisher
	for _, a := range at {
		a.begin()
	}
	time.Sleep(hopFor) // what is measured over
	near, far := at[0].end(), at[1].end()
	var added []float64
	for packet, came := range far {
		if before, ok := near[packet]; ok {
			added = append(added, ms(came.Sub(before)))
		}
	}
	if len(added) < len(near)/2 || len(near) < 100 {
		t.Errorf("%d packets came at the origin, %d at the edge, %d at both", len(near), len(far), len(added))
	}
	c.add(t, bar{Name: "added by one hop", Unit: "ms", Samples: added, Quantile: 0.99, Limit: 2})
}

// below measures what travels to an edge whose only subscriber wants the lowest of three encodings.
func (c *cluster) below(t *testing.T) {
	rates := map[string]int64{"h": 2_500_000, "m": 700_000, "l": 150_000}
	publishSynthetic(t, c.nodes[0].WHIP("below"), rates)
	p := play(t, c.nodes[1].WHEP("below"), client.PlayOptions{KeyframeRequests: true})
	all := c.into(t, 1, "below", 4*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), waits)
	defer cancel()
	if err := p.SelectLayer(ctx, "l"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second) // until the edge has told the origin, and no rest is on its way
	low := c.into(t, 1, "below", 4*time.Second)
	t.Logf("%.0f kbit/s travel while the best is wanted, %.0f while the lowest is", all/1000, low/1000)
	if all < 0.8*float64(rates["h"]) {
		t.Errorf("%.0f bit/s travel while the best encoding of %d is wanted", all, rates["h"])
	}
	// Packets' headers and the words between nodes are some of it.
	c.add(t, bar{Name: "lowest encoding wanted: travels, of it", Unit: "%", Samples: []float64{100 * low / float64(rates["l"])}, Quantile: 1, Limit: 130})
}

// into returns the bits per second that come into a node for a stream, over some time from now.
func (c *cluster) into(t *testing.T, node int, stream string, over time.Duration) float64 {
	t.Helper()
	before, begun := c.nodes[node].BytesIn(t, stream), time.Now()
	time.Sleep(over) // the time measured over
	return 8 * (c.nodes[node].BytesIn(t, stream) - before) / time.Since(begun).Seconds()
}

// publishSynthetic publishes encodings of the given bitrates, in bits per second by RID; it ends with
// the test.
func publishSynthetic(t *testing.T, endpoint string, rates map[string]int64) {
	t.Helper()
	var encodings []client.Encoding
	for i, rid := range []string{"h", "m", "l"} {
		source, err := client.NewSynthetic(client.SyntheticOptions{
			Codec: codec.H264, Width: 1280 >> i, Height: 720 >> i, Bitrate: rates[rid],
		})
		if err != nil {
			t.Fatal(err)
		}
		encodings = append(encodings, client.Encoding{RID: rid, Source: source})
	}
	ctx, cancel := context.WithTimeout(t.Context(), waits)
	defer cancel()
	p, err := client.Publish(ctx, client.PublishOptions{Options: client.Options{URL: endpoint}, Video: encodings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
}

// play begins to watch; it ends with the test.
func play(t *testing.T, endpoint string, o client.PlayOptions) *client.Player {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waits)
	defer cancel()
	o.Options = client.Options{URL: endpoint, Codecs: []codec.Name{codec.H264, codec.Opus}}
	p, err := client.Play(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// moves measures how long after the first keyframe of a publisher that comes back on another node,
// since its own was killed, players of a third node have it, in the session they had.
func (c *cluster) moves(t *testing.T) {
	keyframes := make(chan time.Time, 100)
	publish(t, c.nodes[0].WHIP("moves"), longInterval)
	player := play(t, c.nodes[2].WHEP("moves"), client.PlayOptions{OnFrame: func(kind codec.Kind, f client.Frame) {
		if kind == codec.Video && f.Keyframe {
			offer(keyframes, time.Now())
		}
	}})
	receive(t, keyframes, "keyframe")
	var after, stood []float64
	for i := range moves {
		c.nodes[i%2].Kill()
		died := time.Now()
		p := publishUntilAccepted(t, c.nodes[1-i%2].WHIP("moves"))
		c.start(t, i%2)
		sent, came := p.awaitFirst(t), time.Time{}
		for came.Before(sent) { // those of the publisher before
			came = receive(t, keyframes, "keyframe")
		}
		after, stood = append(after, ms(came.Sub(sent))), append(stood, ms(came.Sub(died)))
	}
	if err := player.Err(); err != nil {
		t.Errorf("the player's session ended: %v", err)
	}
	c.add(t, bar{Name: "origin killed: keyframe on another node to player", Unit: "ms", Samples: after, Quantile: 1, Limit: 2000})
	c.add(t, bar{Name: "origin killed: death to picture", Unit: "ms", Samples: stood})
}

// chained measures how long pictures of an edge stand when its parent is killed: with one link for each
// node the first feeds the second, that one the third.
func (b *bench) chained(t *testing.T) {
	c := &cluster{report: b.report, binary: harness.Binary(t, harness.Build{}), redis: relaytest.Redis(t), flags: []string{"--max-links", "1"}}
	for i := range c.nodes {
		c.ports[i] = harness.FreePort(t)
		c.start(t, i)
	}
	var stood []float64
	for i := range moves {
		stood = append(stood, c.killParent(t, fmt.Sprint("chain-", i)))
		c.start(t, 1)
	}
	c.add(t, bar{Name: "parent of an edge killed: pictures stand", Unit: "ms", Samples: stood, Quantile: 1, Limit: 3000})
}

// killParent lets the second node feed the third with a stream, kills it, and returns for how many ms no
// frame came then.
func (c *cluster) killParent(t *testing.T, stream string) float64 {
	t.Helper()
	publish(t, c.nodes[0].WHIP(stream), longInterval)
	warmUp(t, c.nodes[1].WHEP(stream))
	frames := make(chan time.Time, 1000)
	player := play(t, c.nodes[2].WHEP(stream), client.PlayOptions{OnFrame: func(kind codec.Kind, _ client.Frame) {
		if kind == codec.Video {
			offer(frames, time.Now())
		}
	}})
	receive(t, frames, "frame")
	time.Sleep(time.Second) // it is as live as it gets
	if log := c.nodes[2].Log(); !strings.Contains(log, "stream="+stream+" node=node-1") {
		t.Fatalf("the third node is not fed by the second:\n%s", log)
	}
	c.nodes[1].Kill()
	var stood time.Duration
	for last, end := time.Now(), time.Now().Add(5*time.Second); last.Before(end); {
		now := receive(t, frames, "frame")
		stood, last = max(stood, now.Sub(last)), now
	}
	if err := player.Err(); err != nil {
		t.Errorf("the player's session ended: %v", err)
	}
	return ms(stood)
}

// awaitFirst waits for a publisher's first frame, which is a keyframe.
func (p *publisher) awaitFirst(t *testing.T) time.Time {
	t.Helper()
	for end := time.Now().Add(waits); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if at, ok := p.firstFrame(); ok {
			return at
		}
	}
	t.Fatalf("no frame in %v", waits)
	return time.Time{}
}
