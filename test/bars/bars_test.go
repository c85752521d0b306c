//go:build bars

package bars

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/test/harness"
)

const (
	joins = 24 // measured joins, at all phases of the keyframe interval

	// joinEvery is the pause between joins. It shares no factor with the keyframe interval, so
	// that they fall on all its phases.
	joinEvery = 1370 * time.Millisecond

	waits = 20 * time.Second // for anything that must happen
)

// bench is what all figures are measured with.
type bench struct {
	*report
	node    *harness.Node
	browser *harness.Browser
	page    string
}

// Each figure is measured on the same node, with one publisher at a time.
func TestBars(t *testing.T) {
	b := &bench{
		report:  &report{},
		node:    harness.StartNode(t, harness.Binary(t, harness.Build{})),
		browser: harness.NewBrowser(t),
		page:    harness.ServePages(t),
	}
	b.Chromium = b.browser.Version()
	defer b.write(t)
	t.Run("FirstKeyframe", b.firstKeyframe)
	t.Run("FirstFrame", b.firstFrame)
	t.Run("Live", b.live)
	t.Run("Restart", b.restart)
	t.Run("Simulcast", b.simulcast)
	t.Run("Layers", b.layers)
	t.Run("Memory", b.memory)
	t.Run("Doors", b.doors)
	t.Run("Cluster", b.clustered)
}

// firstKeyframe measures the time from a subscriber's POST to the first packet of a keyframe, and
// to the whole keyframe, at a client of our own on the same machine: what the node has sent, that
// client has.
func (b *bench) firstKeyframe(t *testing.T) {
	publish(t, b.node.WHIP("first-keyframe"), longInterval)
	warmUp(t, b.node.WHEP("first-keyframe"))
	var first, whole []float64
	for range joins {
		f, w := joinOnce(t, b.node.WHEP("first-keyframe"))
		first, whole = append(first, ms(f)), append(whole, ms(w))
		time.Sleep(joinEvery - min(w, joinEvery)) // to the next phase, see joinEvery
	}
	b.add(t, bar{Name: "POST to first packet of keyframe", Unit: "ms", Samples: first, Quantile: 0.95, Limit: 200})
	b.add(t, bar{Name: "POST to whole keyframe", Unit: "ms", Samples: whole})
}

// warmUp waits until a stream can be watched.
func warmUp(t *testing.T, endpoint string) {
	t.Helper()
	joinOnce(t, endpoint)
}

func joinOnce(t *testing.T, endpoint string) (first, whole time.Duration) {
	t.Helper()
	firstSeen, wholeSeen := make(chan time.Duration, 1), make(chan time.Duration, 1)
	ctx, cancel := context.WithTimeout(t.Context(), waits)
	defer cancel()
	posted := time.Now()
	p, err := client.Play(ctx, client.PlayOptions{
		Options: client.Options{URL: endpoint, Codecs: []codec.Name{codec.H264, codec.Opus}},
		OnRTP: func(kind codec.Kind, _ *rtp.Packet, since time.Duration) {
			if kind == codec.Video {
				offer(firstSeen, since)
			}
		},
		OnFrame: func(kind codec.Kind, f client.Frame) {
			if kind == codec.Video && f.Keyframe {
				offer(wholeSeen, time.Since(posted))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	return receive(t, firstSeen, "packet of video"), receive(t, wholeSeen, "keyframe")
}

// offer sends a value if the channel has room for it.
func offer[T any](c chan<- T, v T) {
	select {
	case c <- v:
	default:
	}
}

func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(waits):
		t.Fatalf("no %s in %v", what, waits)
		panic("unreachable")
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// firstFrame measures the time from POST to the first frame shown in Chromium, and how live the
// picture is one and a half seconds after the POST.
func (b *bench) firstFrame(t *testing.T) {
	p := publish(t, b.node.WHIP("first-frame"), longInterval)
	page := b.browser.Open(t, b.page, harness.View{})
	b.join(t, p, page, "warm up") // the browser's first session starts its processes
	var shown, behind []float64
	for i := range joins {
		s, lag := b.join(t, p, page, fmt.Sprint("join ", i))
		shown, behind = append(shown, s), append(behind, lag)
		time.Sleep(joinEvery / 4) // on to the next phase, see joinEvery
	}
	b.add(t, bar{Name: "POST to first frame in Chromium", Unit: "ms", Samples: shown, Quantile: 0.95, Limit: 500})
	b.add(t, bar{Name: "picture behind publisher, 1.5 s after POST", Unit: "ms", Samples: behind, Quantile: 0.95, Limit: 300})
}

func (b *bench) join(t *testing.T, p *publisher, page *harness.Page, name string) (shown, behind float64) {
	t.Helper()
	s := page.Watch(t, name, harness.Watching{URL: b.node.WHEP("first-frame"), Count: true})
	defer s.Stop(t)
	s.AwaitFrames(t, 1, waits)
	times := s.Times(t)
	at := times.Wall(times.Post).Add(1500 * time.Millisecond)
	time.Sleep(time.Until(at.Add(200 * time.Millisecond))) // the moment to look at must be past
	lag, ok := lagAt(p, s.Counted(t), at)
	if !ok {
		t.Errorf("%s: no counter was readable in the picture 1.5 s after POST", name)
	}
	return times.FirstFrame - times.Post, ms(lag)
}

// lagAt returns how long before a moment the publisher had sent the frame that was shown then.
func lagAt(p *publisher, shown []harness.Counted, at time.Time) (time.Duration, bool) {
	for _, c := range slices.Backward(shown) {
		if c.At.After(at) || c.Number < 0 {
			continue
		}
		sent, ok := p.sentAt(c.Number, c.At)
		return at.Sub(sent), ok
	}
	return 0, false
}

// live measures how far the pictures of players that joined late in a keyframe interval are
// behind that of one that joined on a keyframe, ten seconds after, and whether sound is with them.
func (b *bench) live(t *testing.T) {
	p := publish(t, b.node.WHIP("live"), longInterval)
	p.awaitKeyframe(t)
	fresh := b.watchCounting(t, "fresh")
	start := p.awaitKeyframe(t)
	var late []*harness.Session
	for _, phase := range []time.Duration{3 * time.Second, 6500 * time.Millisecond, 9500 * time.Millisecond} {
		time.Sleep(time.Until(start.Add(phase))) // a phase of the publisher's interval
		late = append(late, b.watchCounting(t, fmt.Sprint("late by ", phase)))
	}
	time.Sleep(11 * time.Second) // what is measured is the picture ten seconds later
	var behind, offsets []float64
	for _, s := range late {
		behind = append(behind, ms(medianLag(t, p, s)-medianLag(t, p, fresh)))
		offsets = append(offsets, apart(t, s))
	}
	b.add(t, bar{Name: "behind a player of a fresh keyframe, 10 s after", Unit: "ms", Samples: behind, Quantile: 1, Limit: 50})
	b.add(t, bar{Name: "picture and sound apart", Unit: "ms", Samples: offsets, Quantile: 1, Limit: 100})
	b.add(t, bar{Name: "picture and sound apart, fresh keyframe", Unit: "ms", Samples: []float64{apart(t, fresh)}, Quantile: 1, Limit: 100})
}

// apart returns how many milliseconds picture and sound are apart, at one look.
func apart(t *testing.T, s *harness.Session) float64 {
	t.Helper()
	look := s.Synchrony(t, 5*time.Second)
	offset, ok := look.Offset()
	if !ok {
		t.Fatalf("never saw three flashes with their beeps: %+v", look)
	}
	t.Logf("%+v", look)
	return math.Abs(offset)
}

func (b *bench) watchCounting(t *testing.T, name string) *harness.Session {
	t.Helper()
	page := b.browser.Open(t, b.page, harness.View{})
	s := page.Watch(t, name, harness.Watching{URL: b.node.WHEP("live"), Count: true})
	s.AwaitFrames(t, 1, waits)
	return s
}

// medianLag returns how far a session's picture was behind the publisher over the last second.
func medianLag(t *testing.T, p *publisher, s *harness.Session) time.Duration {
	t.Helper()
	shown := s.Counted(t)
	var lags []time.Duration
	for _, c := range shown[max(0, len(shown)-30):] {
		if sent, ok := p.sentAt(c.Number, c.At); ok {
			lags = append(lags, c.At.Sub(sent))
		}
	}
	if len(lags) == 0 {
		t.Fatal("no counter was readable in the picture")
	}
	slices.Sort(lags)
	return lags[len(lags)/2]
}

// restart measures how long after the first keyframe of a publisher that replaces a dead one the
// picture moves again, and how long it stood in all.
func (b *bench) restart(t *testing.T) {
	const rounds = 5
	p := publish(t, b.node.WHIP("restart"), longInterval)
	page := b.browser.Open(t, b.page, harness.View{})
	s := page.Watch(t, "watch", harness.Watching{URL: b.node.WHEP("restart"), Count: true})
	s.AwaitFrames(t, 60, waits)
	var after, stood []float64
	for range rounds {
		p.Kill()
		died := time.Now()
		p = publishUntilAccepted(t, b.node.WHIP("restart"))
		s.AwaitFrames(t, 60, waits)
		keyframe, _ := p.firstFrame()
		shown, ok := firstShown(s.Counted(t), keyframe)
		if !ok {
			t.Fatal("no frame was shown after the restart")
		}
		after, stood = append(after, ms(shown.Sub(keyframe))), append(stood, ms(shown.Sub(died)))
	}
	b.add(t, bar{Name: "publisher restart: first keyframe to picture", Unit: "ms", Samples: after, Quantile: 1, Limit: 1000})
	b.add(t, bar{Name: "publisher restart: death to picture", Unit: "ms", Samples: stood})
	if n := page.Posts(t, b.node.WHEP("restart")); n != 1 {
		t.Errorf("the page asked for %d sessions, want 1", n)
	}
}

func publishUntilAccepted(t *testing.T, endpoint string) *publisher {
	t.Helper()
	deadline := time.Now().Add(waits)
	for {
		p, err := tryPublish(endpoint, longInterval)
		if err == nil {
			t.Cleanup(p.Kill)
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("not accepted in %v: %v", waits, err)
		}
		time.Sleep(100 * time.Millisecond) // as a publisher that retries
	}
}

func firstShown(shown []harness.Counted, after time.Time) (time.Time, bool) {
	for _, c := range shown {
		if c.At.After(after) && c.Number >= 0 {
			return c.At, true
		}
	}
	return time.Time{}, false
}
