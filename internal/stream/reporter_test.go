package stream

import (
	"context"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
)

// A toldSource notes when it was told something, and by whom.
type toldSource struct {
	source
	at      []time.Time
	serving int // by the caller of Serve
}

func (s *toldSource) WriteRTCP(b []byte) error {
	s.at = append(s.at, time.Now())
	if strings.Contains(string(debug.Stack()), "(*Registry).Serve") {
		s.serving++
	}
	return s.source.WriteRTCP(b)
}

func start(t *testing.T, r *Registry, name string) (*Claim, *Publication, *toldSource) {
	t.Helper()
	c, err := r.Claim(context.Background(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	src := &toldSource{}
	return c, c.Start(src, publisherConfig()), src
}

// Who serves tells the publishers what is due, all of them.
func TestPublishersAreToldInPassing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{Shards: 1})
		defer r.Close()
		_, busy, first := start(t, r, "a")
		_, quiet, second := start(t, r, "b")
		arrive(quiet, frame(t, 96, 0))
		for n := range 5000 {
			if n%33 == 0 {
				busy.PushRTP(frame(t, 96, n/33), time.Now())
			}
			r.Serve()
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		for name, s := range map[string]*toldSource{"busy": first, "quiet": second} {
			if len(s.at) < 4 || s.serving < len(s.at)-1 {
				t.Errorf("%s: told %d times, %d of them in passing", name, len(s.at), s.serving)
			}
		}
	})
}

// While nothing arrives the goroutine tells them, a little later.
func TestPublishersAreToldInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{Shards: 1})
		c, p, src := start(t, r, "a")
		arrive(p, frame(t, 96, 0))
		arrive(p, frame(t, 96, 2)) // one is missing: asked for after 10 ms
		missed := time.Now()
		time.Sleep(10*time.Millisecond + reportSlack)
		synctest.Wait()
		if n := len(src.at); n == 0 || src.at[n-1].Sub(missed) < 10*time.Millisecond || src.serving > 0 {
			t.Errorf("told at %v, missed at %v, %d in passing", src.at, missed, src.serving)
		}
		c.Release()
		told := len(src.at)
		time.Sleep(5 * time.Second)
		r.Serve()
		synctest.Wait()
		if len(src.at) != told {
			t.Error("told after its end")
		}
		r.Close()
	})
}

// A witness notes which passes the shard's own goroutine made.
type witness struct{ here, there int }

func (w *witness) Flush() {
	if strings.Contains(string(debug.Stack()), "serveNow") {
		w.here++
	} else {
		w.there++
	}
}

// As long as media flows the shard's goroutine sleeps, whatever is due meanwhile, and
// whatever subscribers report.
func TestShardSleepsWhileOthersServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &witness{}
		r := NewRegistry(Config{Shards: 1, NewBatch: func() Batch { return w }})
		defer r.Close()
		_, p, _ := publish(t, r, "a")
		var subs []*Subscription
		for range 20 {
			s, _ := subscribe(t, r, "a")
			subs = append(subs, s)
			time.Sleep(7 * time.Millisecond)
		}
		report, err := (&rtcp.ReceiverReport{SSRC: 1}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		play(t, p, 0, 1)
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		*w = witness{}
		for n := range 500 {
			p.PushRTP(frame(t, 96, n+1), time.Now())
			r.Serve()
			time.Sleep(5 * time.Millisecond)
			subs[n%len(subs)].PushRTCP(report)
			r.Serve()
			time.Sleep(5 * time.Millisecond)
			synctest.Wait()
		}
		if w.here < 500 || w.there > 50 {
			t.Errorf("%d passes by others, %d of its own", w.here, w.there)
		}
	})
}

// What is due soon is on time; what is far off may be late by the slack.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sh := &shard{}
		sub := &Subscription{}
		sub.due = newDeadline(sub)
		now := time.Now()
		for _, c := range []struct{ after, want time.Duration }{
			{10 * time.Millisecond, 10 * time.Millisecond},
			{time.Second, time.Second + deadlineSlack},
			{time.Second, time.Second + deadlineSlack},
			{farDeadline - 1, farDeadline - 1},
		} {
			sh.schedule(sub, now.Add(c.after), now)
			if got := sub.due.at.Sub(now); got != c.want || len(sh.due) != 1 {
				t.Errorf("due after %s: set to %s", c.after, got)
			}
		}
		sh.schedule(sub, now.Add(time.Second), now)
		sh.schedule(sub, now.Add(time.Second), now.Add(990*time.Millisecond)) // it is near by now
		if got := sub.due.at.Sub(now); got != time.Second+deadlineSlack {
			t.Errorf("moved to %s", got)
		}
		sh.schedule(sub, time.Time{}, now)
		sh.schedule(sub, time.Time{}, now)
		if len(sh.due) != 0 {
			t.Error("nothing is due, but the shard would wake")
		}
	})
}
