package main

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// partOfGroup is less than half of the ten seconds between publishLikeOBS' keyframes.
const partOfGroup = 4 * time.Second

// publishLikeOBS publishes with a keyframe each ten seconds, whatever is asked.
func publishLikeOBS(t *testing.T, p *process, stream string) *client.Publisher {
	t.Helper()
	video, err := client.NewSynthetic(client.SyntheticOptions{
		Codec: codec.VP8, Width: 1280, Height: 720, Bitrate: 2_500_000, KeyframeInterval: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := client.Publish(t.Context(), client.PublishOptions{
		Options: client.Options{URL: p.base + "/whip/" + stream}, IgnoreKeyframeRequests: true,
		Video: []client.Encoding{{Source: video}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = pub.Close(ctx)
	})
	if err := pub.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	return pub
}

// A watcher is a player that notes when pictures came, and how old they were.
type watcher struct {
	*client.Player

	mu   sync.Mutex
	last time.Time
	lag  []time.Duration
}

func watch(t *testing.T, p *process, stream string) *watcher {
	t.Helper()
	w := &watcher{}
	var err error
	w.Player, err = client.Play(t.Context(), client.PlayOptions{
		Options: client.Options{URL: p.base + "/whep/" + stream}, KeyframeRequests: true, OnFrame: w.onFrame,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = w.Close(ctx)
	})
	return w
}

func (w *watcher) onFrame(_ codec.Kind, f client.Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	if _, made, ok := client.ReadStamp(f.Data); ok {
		w.lag = append(w.lag, time.Since(made))
	}
}

// keyframe returns how long after the POST the first one came, whole.
func (w *watcher) keyframe(t *testing.T) time.Duration {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if d := w.Stats().Video.FirstKeyframeWhole; d > 0 {
			return d
		}
		if time.Now().After(end) {
			t.Fatal("no keyframe")
		}
	}
}

// lags forgets what came so far, and returns the ages of the pictures of the time to come.
func (w *watcher) lags(d time.Duration) []time.Duration {
	w.mu.Lock()
	w.lag = nil
	w.mu.Unlock()
	time.Sleep(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(slices.Values(w.lag))
}

// TestColdEdgeIsFast: the first keyframe on an edge is that of the origin's history, for
// the publisher's next one is seconds away. How fast that is, and what a hop adds, is
// logged: a busy machine must not decide.
func TestColdEdgeIsFast(t *testing.T) {
	redis := relaytest.Redis(t)
	origin, edge := startNode(t, redis), startNode(t, redis)
	publishLikeOBS(t, origin, "studio")
	time.Sleep(partOfGroup) // well into the first group of pictures
	near := watch(t, origin, "studio")
	near.keyframe(t)
	cold := watch(t, edge, "studio")
	first := cold.keyframe(t)
	warm := watch(t, edge, "studio")
	second := warm.keyframe(t)
	t.Logf("first keyframe: %v on the origin, %v on a cold edge, %v on a warm one", near.keyframe(t), first, second)
	if first > partOfGroup || second > partOfGroup {
		t.Errorf("first keyframe: %v on a cold edge, %v on a warm one", first, second)
	}
	time.Sleep(3 * time.Second) // they catch up
	far := make(chan []time.Duration)
	go func() { far <- warm.lags(5 * time.Second) }()
	a, b := near.lags(5*time.Second), <-far
	if len(a) < 100 || len(b) < 100 {
		t.Fatalf("%d and %d pictures in 5 s", len(a), len(b))
	}
	hop := func(share float64) time.Duration {
		return b[int(float64(len(b)-1)*share)] - a[int(float64(len(a)-1)*share)]
	}
	t.Logf("a hop adds %v, p99 %v", hop(0.5), hop(0.99))
}

// TestOriginDies: the next publisher is on another node, and players on a third go on with
// their sessions.
func TestOriginDies(t *testing.T) {
	redis := relaytest.Redis(t)
	first, second, edge := startNode(t, redis), startNode(t, redis), startNode(t, redis)
	publishLikeOBS(t, first, "studio")
	w := watch(t, edge, "studio")
	w.keyframe(t)
	first.kill()
	time.Sleep(4 * time.Second) // its lease ends
	before := w.Stats().Video
	publishLikeOBS(t, second, "studio")
	connected := time.Now()
	for w.Stats().Video.Keyframes == before.Keyframes {
		time.Sleep(5 * time.Millisecond)
		if time.Since(connected) > 10*time.Second {
			t.Fatalf("no picture after the publisher came back: %+v", w.Stats().Video)
		}
	}
	t.Logf("the picture is back %v after the publisher", time.Since(connected))
	if s := w.Stats().Video; s.SSRC != before.SSRC || w.Err() != nil {
		t.Errorf("another session: SSRC %d, then %d; %v", before.SSRC, s.SSRC, w.Err())
	}
}
