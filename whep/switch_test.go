package whep_test

import (
	"errors"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

// TestE76_E83_SwitchOnTheWire: a selection changes the picture within a keyframe, and the
// player sees one stream.
func TestE76_E83_SwitchOnTheWire(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.publishRungs(t, 0)
		player := n.Play(t, "live")
		session := signalingtest.PathOf(t, player.URL())
		time.Sleep(5 * time.Second)
		ssrc := player.Stats().Video.SSRC
		for _, c := range []struct {
			body  string
			lines int
		}{
			{`{"rid":"a"}`, 180}, {`{"rid":"x"}`, 720}, {`{"maxHeight":400}`, 360}, {`{"encodingId":"a"}`, 180}, {`{}`, 720},
		} {
			n.Do(t, selectLayer(session, c.body)).Want(t, 200)
			within := time.Second
			if c.body == `{}` {
				within = 15 * time.Second // as the estimate grows
			}
			time.Sleep(within)
			if got := n.shown(t, session).Current; got.Height != c.lines {
				t.Errorf("%s: %d lines after %v, want %d", c.body, got.Height, within, c.lines)
			}
			signalingtest.WantPlaying(t, player)
		}
		s := player.Stats().Video
		if s.SSRC != ssrc || s.DamagedFrames > 0 || s.Lost > 0 {
			t.Errorf("SSRC %d (it was %d), %+v", s.SSRC, ssrc, s)
		}
	})
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
