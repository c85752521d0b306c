package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

func TestTenMinutes(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", likeOBS(t))
		w.Run(time.Second)
		sub := w.Subscribe("studio")
		w.Run(2 * time.Minute)
		early := w.Node.Streams().Counts().HistoryBytes
		for range share(8) {
			sub.WantMedia(time.Minute)
			sub.WantLive(100 * time.Millisecond)
			sub.WantSync(10 * time.Millisecond)
		}
		if late := w.Node.Streams().Counts().HistoryBytes; late > early*3/2 {
			t.Errorf("the history grew from %d to %d bytes", early, late)
		}
		sub.WantMissing(codec.Video, 0)
		sub.WantMissing(codec.Audio, 0)
		if s := sub.Stats(); s.Video.Duplicates > 0 || s.Video.DamagedFrames > 0 {
			t.Errorf("%d duplicates, %d damaged frames", s.Video.Duplicates, s.Video.DamagedFrames)
		}
	})
}

// TestSomeOfTenStall: the others must not notice, and they must recover by themselves.
func TestSomeOfTenStall(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", likeOBS(t))
		w.Run(time.Second)
		var subs []*nodetest.Subscriber
		for range 10 {
			subs = append(subs, w.Subscribe("studio"))
		}
		w.Run(time.Second)
		stalled, well := subs[:3], subs[3:]
		for i, link := range []nodetest.Link{
			{Loss: 1}, {Rate: 100_000, Queue: 30_000}, {Loss: 0.5, Delay: time.Second},
		} {
			stalled[i].Host.Set(link)
		}
		w.Run(12 * time.Second)
		for _, s := range well {
			s.WantMissing(codec.Video, 0)
			s.WantMissing(codec.Audio, 0)
			s.WantLive(100 * time.Millisecond)
			if p := s.Pause(codec.Video); p > 100*time.Millisecond {
				t.Errorf("a pause of %v", p)
			}
		}
		for _, s := range stalled {
			s.Host.Set(nodetest.Link{})
		}
		// A picture comes again with a keyframe, once the estimate carries one; a player whose way lost
		// half of all, and took a second, waits for what it still hopes to get before that.
		w.Run(30 * time.Second)
		for _, s := range stalled {
			s.WantMedia(time.Second)
			s.WantLive(100 * time.Millisecond)
		}
	})
}

// delayed is a source whose media begins later. Its first frame is made when it is due.
type delayed struct {
	client.Source
	by      time.Duration
	started bool
}

func (d *delayed) Next() (client.Frame, error) {
	if !d.started {
		d.started = true
		time.Sleep(d.by)
	}
	f, err := d.Source.Next()
	f.At += d.by
	return f, err
}

// layer is an encoding that begins late and may end early.
func layer(t *testing.T, rid string, lines int, from, during time.Duration) client.Encoding {
	return client.Encoding{RID: rid, Source: &delayed{Source: nodetest.Video(t, client.SyntheticOptions{
		Width: lines * 16 / 9, Height: lines, Frames: int(during * 30 / time.Second),
		Bitrate: int64(lines) * 500,
	}), by: from}}
}

// TestW108_LayersComeAndGo: rids are not in order of quality, one layer is missing at
// first, and the best one ends.
func TestW108_LayersComeAndGo(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", func(o *client.PublishOptions) {
			o.Video = []client.Encoding{
				layer(t, "0", 720, 10*time.Second, 20*time.Second),
				layer(t, "1", 180, 0, 0),
				layer(t, "2", 360, time.Second, 0),
			}
		})
		w.Run(3 * time.Second)
		sub := w.Subscribe("studio")
		for _, want := range []struct {
			after time.Duration
			lines int
		}{{2 * time.Second, 360}, {10 * time.Second, 720}, {25 * time.Second, 360}} {
			w.Run(want.after)
			info, _ := w.Node.Streams().Lookup("studio")
			if info.Video == nil {
				t.Fatal("no video")
			}
			if _, lines := info.Video.Size(); lines != want.lines {
				t.Errorf("%d lines, want %d", lines, want.lines)
			}
			sub.WantMedia(3 * time.Second)
			sub.WantLive(100 * time.Millisecond)
		}
		sub.WantMissing(codec.Video, 3)
		if p := sub.Pictures(); p.Broken > 0 || p.Freeze > 3*time.Second {
			t.Errorf("%d broken pictures, a freeze of %v", p.Broken, p.Freeze)
		}
	})
}
