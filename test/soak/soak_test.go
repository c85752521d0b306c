//go:build soak

package soak

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/test/harness"
)

const (
	streams     = 3
	subscribers = 12 // of all streams, at most, at a time
	stays       = 3 * time.Second

	// mayGrow is how much more memory the node may have at the end than after its first tenth
	// of the time, when every kind of thing has happened.
	mayGrow = 32 << 20
	// mayStay is how many goroutines and files may be left over from connections that are
	// just ending.
	mayStay = 10
	// settles is how long all that is left of sessions may take to end: one that was killed
	// is noticed when its consent lapses.
	settles = 45 * time.Second
)

func TestSoak(t *testing.T) {
	node := harness.StartNode(t, harness.Binary(t, harness.Build{}))
	idle := count(t, node)
	end := time.Now().Add(soakTime(t))
	w := &world{t: t, node: node, random: rand.New(rand.NewPCG(1, 2))}

	w.run(time.Now().Add(time.Until(end) / 10))
	w.clear()
	early := harness.Memory(t, node.Process)
	w.run(end)
	w.clear()

	harness.Eventually(t, settles, func() error { return back(idle, count(t, node)) })
	late := harness.Memory(t, node.Process)
	t.Logf("%d publishers and %d subscribers came and went; memory %d MB, then %d MB", w.published, w.played, early>>20, late>>20)
	if late-early > mayGrow {
		t.Errorf("memory grew by %d MB, want at most %d", (late-early)>>20, mayGrow>>20)
	}
}

func soakTime(t *testing.T) time.Duration {
	text := os.Getenv("SOAKTIME")
	if text == "" {
		text = "10m"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SOAKTIME: %v", err)
	}
	return d
}

// world is what happens around the node: at random, but the same in every run.
type world struct {
	t      *testing.T
	node   *harness.Node
	random *rand.Rand

	publishers [streams]*client.Publisher
	players    []*client.Player

	published, played int
}

func (w *world) run(until time.Time) {
	for time.Now().Before(until) {
		if !w.node.Running() {
			w.t.Fatalf("the node ended:\n%s", w.node.Log())
		}
		w.step()
		time.Sleep(time.Duration(w.random.Int64N(int64(stays) / subscribers))) // the pace of the crowd
	}
}

func (w *world) step() {
	stream := w.random.IntN(streams)
	switch {
	case w.publishers[stream] == nil:
		w.publish(stream)
	case w.random.IntN(40) == 0:
		w.unpublish(stream)
	case len(w.players) < subscribers:
		w.play(stream)
	default:
		w.leave(w.random.IntN(len(w.players)))
	}
}

func endpoint(base func(string) string, stream int) string {
	return base(fmt.Sprint("soak-", stream))
}

// publish tries once: the node may still hold the name for a publisher that was killed.
func (w *world) publish(stream int) {
	name := []codec.Name{codec.H264, codec.VP8}[w.random.IntN(2)]
	video, audio, err := client.Clip(name, 2*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	p, err := client.Publish(ctx, client.PublishOptions{
		Options: client.Options{URL: endpoint(w.node.WHIP, stream)},
		Video:   []client.Encoding{{Source: video}}, Audio: audio, Loop: true,
	})
	if err == nil {
		w.publishers[stream], w.published = p, w.published+1
	}
}

func (w *world) unpublish(stream int) {
	w.end(w.publishers[stream].Session)
	w.publishers[stream] = nil
}

func (w *world) play(stream int) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	p, err := client.Play(ctx, client.PlayOptions{
		Options: client.Options{URL: endpoint(w.node.WHEP, stream)}, KeyframeRequests: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.players, w.played = append(w.players, p), w.played+1
}

func (w *world) leave(i int) {
	w.end(w.players[i].Session)
	w.players = append(w.players[:i], w.players[i+1:]...)
}

// end ends a session in one of the ways sessions end.
func (w *world) end(s *client.Session) {
	if w.random.IntN(2) == 0 {
		s.Kill()
		return
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil && w.node.Running() {
		w.t.Logf("close: %v", err)
	}
}

func (w *world) clear() {
	for stream, p := range w.publishers {
		if p != nil {
			w.unpublish(stream)
		}
	}
	for len(w.players) > 0 {
		w.leave(0)
	}
}

// counts is what must be as before once everybody has left.
type counts struct{ goroutines, files int }

func back(idle, now counts) error {
	if now.goroutines > idle.goroutines+mayStay || now.files > idle.files+mayStay {
		return fmt.Errorf("%+v are left, %+v before anybody came", now, idle)
	}
	return nil
}

var goroutineTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

func count(t *testing.T, node *harness.Node) counts {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", node.PID()))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(node.Admin + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	profile, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	total := goroutineTotal.FindSubmatch(profile)
	if total == nil {
		t.Fatalf("no goroutine profile at %s: %s", node.Admin, response.Status)
	}
	n, err := strconv.Atoi(string(total[1]))
	if err != nil {
		t.Fatal(err)
	}
	return counts{goroutines: n, files: len(files)}
}
