package whep_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

// TestE76_E83_SwitchOnTheWire: a selection changes the picture within a keyframe, and the
// player sees one stream.
func TestE76_E83_SwitchOnTheWire(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.publishRungs(t, 0)
		seen := &screen{}
		player := n.Play(t, "live", seen.watch)
		session := signalingtest.PathOf(t, player.URL())
		time.Sleep(5 * time.Second)
		seen.begin()
		for _, c := range []struct {
			body  string
			lines int
		}{
			{`{"rid":"a"}`, 180},
			{`{"rid":"x"}`, 720},
			{`{"maxHeight":400}`, 360},
			{`{"encodingId":"a"}`, 180},
			{`{"maxWidth":640}`, 360},
			{`{"maxWidth":639}`, 180},
			{`{"rid":"x"}`, 720},
			{`{"maxHeight":100}`, 180}, // nothing is so small
			{`{}`, 720},
		} {
			n.Do(t, selectLayer(session, c.body)).Want(t, 200)
			within := time.Second
			if c.lines > 180 && !strings.Contains(c.body, "rid") {
				within = 15 * time.Second // as the estimate grows
			}
			time.Sleep(within)
			if told, got := n.shown(t, session).Current.Height, seen.height(); got != c.lines || told != c.lines {
				t.Errorf("%s: %d lines after %v, %d as the node says, want %d", c.body, got, within, told, c.lines)
			}
			signalingtest.WantPlaying(t, player)
		}
		if s := player.Stats().Video; s.DamagedFrames > 0 || s.Lost > 0 {
			t.Errorf("%+v", s)
		}
		seen.check(t)
	})
}

// A screen is what a player gets of a video in VP8.
type screen struct {
	mu       sync.Mutex
	lines    int // of the last keyframe
	packets  int
	first    rtp.Header
	last     rtp.Header
	atBorder int // keyframes of another size than the one before
	faults   []string
}

// watch lets the screen see what the player gets.
func (s *screen) watch(o *client.PlayOptions) {
	o.OnRTP = func(kind codec.Kind, p *rtp.Packet, _ time.Duration) {
		if kind == codec.Video {
			s.packet(&p.Header)
		}
	}
	o.OnFrame = func(kind codec.Kind, f client.Frame) {
		if kind == codec.Video && f.Keyframe {
			s.keyframe(f.Data)
		}
	}
}

// packet checks that a packet follows the one before in the same stream: nothing is lost or
// out of order on this network.
func (s *screen) packet(h *rtp.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packets++; s.packets == 1 {
		s.first, s.last = *h, *h
		return
	}
	passed := int32(h.Timestamp - s.last.Timestamp)
	switch {
	case h.SSRC != s.first.SSRC, h.PayloadType != s.first.PayloadType:
		s.faults = append(s.faults, fmt.Sprintf("SSRC %d, payload type %d", h.SSRC, h.PayloadType))
	case h.SequenceNumber != s.last.SequenceNumber+1:
		s.faults = append(s.faults, fmt.Sprintf("number %d after %d", h.SequenceNumber, s.last.SequenceNumber))
	case s.last.Marker && passed <= 0, !s.last.Marker && passed != 0, passed > 90_000:
		s.faults = append(s.faults, fmt.Sprintf("timestamp %+d, the packet before ends a frame: %v", passed, s.last.Marker))
	}
	s.last = *h
}

// keyframe reads the height (RFC 6386 §9.1).
func (s *screen) keyframe(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := int(binary.LittleEndian.Uint16(b[8:])) & 0x3fff
	if s.lines != 0 && lines != s.lines {
		s.atBorder++
	}
	s.lines = lines
}

// begin forgets what came so far: a session begins with probes, which send its last packets again. Such a
// copy comes in the same moment, and the player reads repaired packets first.
func (s *screen) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets, s.faults = 0, nil
}

func (s *screen) height() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines
}

func (s *screen) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) > 0 || s.packets < 1000 || s.atBorder < 5 {
		t.Errorf("%d packets, %d changes of size, not one stream: %q", s.packets, s.atBorder, s.faults)
	}
}

// TestE84_SelectedLayerVanishes: video goes on with another.
func TestE84_SelectedLayerVanishes(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.publishRungs(t, 15*time.Second)
		player := n.Play(t, "live")
		session := signalingtest.PathOf(t, player.URL())
		time.Sleep(5 * time.Second)
		n.Do(t, selectLayer(session, `{"rid":"x"}`)).Want(t, 200)
		l := n.listen(t, session, `["layers"]`)
		time.Sleep(3 * time.Second)
		if got := n.shown(t, session).Current; got.RID != "x" {
			t.Fatalf("on %+v", got)
		}
		l.Events()
		time.Sleep(7 * time.Second) // x ends at 15 s
		frames := player.Stats().Video.Frames
		time.Sleep(2 * time.Second)
		if got := player.Stats().Video.Frames - frames; got < 10 {
			t.Errorf("%d frames in the 2 s after the layer ended", got)
		}
		time.Sleep(2 * time.Second)
		signalingtest.WantPlaying(t, player)
		all := l.Named("layers")
		if len(all) == 0 {
			t.Fatal("nothing was said")
		}
		if got := byRID(decode[map[string][]item](t, all[len(all)-1])["1"]); len(got) != 3 || got["x"].Bitrate != 0 {
			t.Errorf("told %+v", got)
		}
		if got := n.shown(t, session); got.Current.RID == "x" || got.selection != `{"rid":"x"}` {
			t.Errorf("%+v", got)
		}
	})
}

// TestE76_ClientSelects: our own client asks as the extension has it.
func TestE76_ClientSelects(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.publishRungs(t, 0)
		player := n.Play(t, "live")
		time.Sleep(5 * time.Second)
		session := signalingtest.PathOf(t, player.URL())
		for rid, want := range map[string]string{"a": `{"rid":"a"}`, "": `{}`} {
			if err := player.SelectLayer(t.Context(), rid); err != nil || n.shown(t, session).selection != want {
				t.Errorf("%q: %v, %s", rid, err, n.shown(t, session).selection)
			}
		}
		var problem *client.ProblemError
		if err := player.SelectLayer(t.Context(), "none"); !errors.As(err, &problem) || problem.Status != 422 {
			t.Errorf("an encoding that is not there: %v", err)
		}
	})
}
