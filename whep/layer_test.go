package whep_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
)

func decode[T any](t testing.TB, data string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

// An item is a layer as events show it.
type item struct {
	RID        string
	EncodingID string `json:"encodingId"`
	Spatial    int    `json:"spatialLayerId"`
	Temporal   int    `json:"temporalLayerId"`
	Bitrate    int64
	Width      int
	Height     int
}

// rung is an encoding of so many lines, which ends after a while: 0: never.
func rung(t testing.TB, rid string, lines int, during time.Duration) client.Encoding {
	t.Helper()
	s, err := client.NewSynthetic(client.SyntheticOptions{
		Codec: codec.VP8, Width: lines * 16 / 9, Height: lines, KeyframeInterval: time.Second,
		Bitrate: int64(lines) * 500, Frames: int(during * 30 / time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.Encoding{RID: rid, Source: s}
}

// publishRungs publishes three encodings, whose names say nothing of their order. The
// best one ends after a while, 0: never.
func (n *playNode) publishRungs(t testing.TB, best time.Duration) {
	t.Helper()
	n.Publish(t, "live", func(o *client.PublishOptions) {
		o.Video = []client.Encoding{rung(t, "m", 360, 0), rung(t, "x", 720, best), rung(t, "a", 180, 0)}
	})
}

func selectLayer(session, body string) request {
	return request{Method: "POST", Path: session + "/layer", Body: body}.With("Content-Type", "application/json")
}

func TestE67_E81_Layers(t *testing.T) {
	for name, silent := range map[string]bool{"1": false, "0": true} {
		runPlay(t, func(t *testing.T, n *playNode) {
			n.publishRungs(t, 20*time.Second)
			l := n.listen(t, n.playing(t, func(o *client.PlayOptions) { o.NoAudio = silent }), `["layers"]`)
			time.Sleep(5 * time.Second)
			all := l.Named("layers")
			if len(all) == 0 {
				t.Fatal("no layers")
			}
			got := decode[map[string][]item](t, all[len(all)-1])
			if items := got[name]; len(got) != 1 || len(items) != 3 {
				t.Fatalf("section %s: %s", name, all[len(all)-1])
			}
			for rid, lines := range map[string]int{"m": 360, "x": 720, "a": 180} {
				e := byRID(got[name])[rid]
				if e.RID != rid || e.EncodingID != rid || e.Height != lines || e.Width != lines*16/9 || e.Bitrate < int64(lines)*400 || e.Bitrate > int64(lines)*700 {
					t.Errorf("layer %s: %+v", rid, e)
				}
			}
			time.Sleep(10 * time.Second)
			if few := len(l.Named("layers")); few > 4 {
				t.Errorf("%d events in ten seconds without a change", few)
			}
			time.Sleep(10 * time.Second)
			all = l.Named("layers")
			if len(all) == 0 {
				t.Fatal("an encoding paused and nothing was said")
			}
			paused := byRID(decode[map[string][]item](t, all[len(all)-1])[name])
			if len(paused) != 3 || paused["x"].Bitrate != 0 || paused["m"].Bitrate == 0 {
				t.Errorf("while one pauses: %+v", paused)
			}
		})
	}
}

func byRID(items []item) map[string]item {
	all := map[string]item{}
	for _, i := range items {
		all[i.RID] = i
	}
	return all
}

func TestE67_OneEncodingHasLayerIDs(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		p := n.Publish(t, "live")
		l := n.listen(t, n.playing(t), `["layers"]`)
		time.Sleep(3 * time.Second)
		all := l.Named("layers")
		if len(all) == 0 || !strings.HasPrefix(all[0], `{"1":[{"spatialLayerId":0,"temporalLayerId":0,"bitrate":`) {
			t.Errorf("told %q", all)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if all := l.Named("layers"); len(all) == 0 || all[len(all)-1] != `{"1":[]}` {
			t.Errorf("after the end %q", all)
		}
	})
}

// TestE67_NoVideoNoLayers: a session without video has nothing to tell and to choose.
func TestE67_NoVideoNoLayers(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.Publish(t, "live")
		session := n.playing(t, func(o *client.PlayOptions) { o.NoVideo = true })
		l := n.listen(t, session, `["layers"]`)
		time.Sleep(3 * time.Second)
		if got := l.Events(); len(got) != 0 {
			t.Errorf("told %+v", got)
		}
		n.Do(t, selectLayer(session, `{"mediaId":"0"}`)).Want(t, 422)
		n.Do(t, selectLayer(session, `{}`)).Want(t, 422)
		if r := n.Do(t, request{Method: "GET", Path: session + "/layer"}).Want(t, 200); !strings.HasPrefix(r.Body, `{"layers":[],`) {
			t.Errorf("GET: %s", r.Body)
		}
	})
}

func TestE76_E77_E78_E79_Selections(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		n.publishRungs(t, 5*time.Second)
		session := n.playing(t)
		time.Sleep(10 * time.Second) // x pauses
		before := n.shown(t, session)
		for _, c := range []struct {
			body      string
			status    int
			selection string // afterwards
		}{
			{`{}`, 200, `{}`},
			{` {"mediaId":"1"} `, 200, `{}`},
			{`{"mediaId":1}`, 200, `{}`},
			{`{"mediaId":null,"rid":null}`, 200, `{}`},
			{`{"mediaId":"1","rid":"a"}`, 200, `{"rid":"a"}`},
			{`{"encodingId":"m"}`, 200, `{"rid":"m"}`},
			{`{"rid":"a","encodingId":"a"}`, 200, `{"rid":"a"}`},
			{`{"rid":"m","spatialLayerId":0,"temporalLayerId":0}`, 200, `{"rid":"m","spatialLayerId":0,"temporalLayerId":0}`},
			{`{"maxSpatialLayerId":3,"maxTemporalLayerId":7}`, 200, `{"maxSpatialLayerId":3,"maxTemporalLayerId":7}`},
			{`{"maxWidth":320,"maxHeight":65535,"unknown":[1]}`, 200, `{"maxWidth":320,"maxHeight":65535}`},
			{`{"rid":"h"}`, 422, ""},
			{`{"rid":"x"}`, 422, ""},
			{`{"rid":"a","encodingId":"m"}`, 422, ""},
			{`{"rid":"a","spatialLayerId":1}`, 422, ""},
			{`{"temporalLayerId":3}`, 422, ""},
			{`{"spatialLayerId":4}`, 422, ""},
			{`{"spatialLayerId":-1}`, 422, ""},
			{`{"temporalLayerId":8}`, 422, ""},
			{`{"maxSpatialLayerId":4}`, 422, ""},
			{`{"maxTemporalLayerId":256}`, 422, ""},
			{`{"maxWidth":0}`, 422, ""},
			{`{"maxHeight":65536}`, 422, ""},
			{`{"mediaId":"0"}`, 422, ""},
			{`{"mediaId":0}`, 422, ""},
			{`{"mediaId":"2"}`, 422, ""},
			{`{"mediaId":-1}`, 422, ""},
			{`{"mediaId":1.5}`, 422, ""},
			{`{"mediaId":"video"}`, 422, ""},
			{`{"mediaId":"99999999999999999999"}`, 422, ""},
			{`{"mediaId":true}`, 400, ""},
			{`{"mediaId":{}}`, 400, ""},
			{`{"spatialLayerId":"1"}`, 400, ""},
			{`{"spatialLayerId":0.5}`, 400, ""},
			{`{"maxWidth":1e99}`, 400, ""},
			{`{"rid":1}`, 400, ""},
			{`{"rid":"a"`, 400, ""},
			{`{} {}`, 400, ""},
			{`[]`, 400, ""},
			{`null`, 400, ""},
			{`"a"`, 400, ""},
			{``, 400, ""},
		} {
			r := n.Do(t, selectLayer(session, c.body))
			want := c.selection
			if c.status != 200 {
				want = before.selection
			}
			after := n.shown(t, session)
			if r.Status != c.status || after.selection != want {
				t.Errorf("%s: %d, want %d; selection %s, want %s; %s", c.body, r.Status, c.status, after.selection, want, r.Body)
			}
			before = after
		}
		n.Do(t, selectLayer(session, `{}`).With("Content-Type", "text/plain")).Want(t, 415)
		n.Do(t, request{Method: "POST", Path: session + "/layer", Body: `{}`}).Want(t, 415)
		for _, rid := range []string{"m", "x", "a"} {
			r := n.Do(t, selectLayer(session, `{"rid":"h"}`))
			if strings.Contains(r.Problem.Detail, " "+rid) {
				continue
			}
			t.Errorf("what there is: %q", r.Problem.Detail)
		}
	})
}

// TestE78_MIDIsAnAlias: the value of a=mid names the section, unless it is another's index.
func TestE78_MIDIsAnAlias(t *testing.T) {
	n := newPlayNode(t, signaling.Config{}, stream.Config{})
	for mid, want := range map[string]map[string]int{
		"v":  {`"v"`: 200, `"1"`: 200, `1`: 200, `"a"`: 422, `0`: 422},
		"7":  {`"7"`: 200, `7`: 200, `1`: 200},
		"0x": {`"0x"`: 200},
	} {
		offer := strings.NewReplacer("BUNDLE 0 1", "BUNDLE a "+mid, "a=mid:0\r\n", "a=mid:a\r\n", "a=mid:1\r\n", "a=mid:"+mid+"\r\n").Replace(n.Offer())
		session := signalingtest.NewCreated(t, n.Post(t, "live", offer, "")).Path
		for id, status := range want {
			if r := n.Do(t, selectLayer(session, `{"mediaId":`+id+`}`)); r.Status != status {
				t.Errorf("mid %s: %s is %d, want %d: %s", mid, id, r.Status, status, r.Body)
			}
		}
	}
	crossed := strings.NewReplacer("BUNDLE 0 1", "BUNDLE 1 0", "a=mid:0\r\n", "a=mid:1\r\n", "a=mid:1\r\n", "a=mid:0\r\n").Replace(n.Offer())
	session := signalingtest.NewCreated(t, n.Post(t, "live", crossed, "")).Path
	n.Do(t, selectLayer(session, `{"mediaId":"0"}`)).Want(t, 422) // the video's mid, but the sound's index
	n.Do(t, selectLayer(session, `{"mediaId":"1"}`)).Want(t, 200)
}

// shownLayers is what a GET of the layer resource says.
type shownLayers struct {
	MediaID   string
	Layers    []item
	Selection json.RawMessage
	Current   statistics
	selection string // the same as Selection
}

func (n *playNode) shown(t testing.TB, session string) shownLayers {
	t.Helper()
	r := n.Do(t, request{Method: "GET", Path: session + "/layer"}).Want(t, 200)
	if got := r.Header.Get("Content-Type"); got != "application/json" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("GET is %q, %v", got, r.Header)
	}
	s := decode[shownLayers](t, r.Body)
	s.selection = string(s.Selection)
	return s
}

func TestE80_GetAndDelete(t *testing.T) {
	runPlay(t, func(t *testing.T, n *playNode) {
		session := n.playing(t)
		if s := n.shown(t, session); s.MediaID != "1" || s.Layers == nil || len(s.Layers) != 0 || s.selection != `{}` {
			t.Errorf("without a publisher: %+v", s)
		}
		n.publishRungs(t, 0)
		time.Sleep(5 * time.Second)
		n.Do(t, selectLayer(session, `{"rid":"a"}`)).Want(t, 200)
		time.Sleep(2 * time.Second)
		s := n.shown(t, session)
		if len(s.Layers) != 3 || s.selection != `{"rid":"a"}` || s.Current.Automatic {
			t.Errorf("selected: %+v", s)
		}
		n.Do(t, request{Method: "DELETE", Path: session + "/layer"}).Want(t, 200)
		if s := n.shown(t, session); s.selection != `{}` || !s.Current.Automatic {
			t.Errorf("after DELETE: %+v", s)
		}
		n.Do(t, request{Method: "DELETE", Path: session + "/layer"}).Want(t, 200)
		head := n.Do(t, request{Method: "HEAD", Path: session + "/layer"}).Want(t, 200)
		if head.Header.Get("Content-Type") != "application/json" {
			t.Errorf("HEAD: %v", head.Header)
		}
	})
}

func TestE82_LayerAuth(t *testing.T) {
	for strict, anonymous := range map[bool]int{false: 200, true: 401} {
		n := newPlayNode(t, signaling.Config{Verifier: signalingtest.Verifier(t), RequireBearer: strict}, stream.Config{})
		token := signalingtest.Token(t, auth.Subscribe, "live")
		session := n.Create(t, "live", token).Path
		made := n.Do(t, request{Method: "POST", Path: session + "/events"}.With("Authorization", "Bearer "+token))
		stream := signalingtest.NewCreated(t, made).Path
		for _, q := range []request{
			selectLayer(session, `{}`),
			{Method: "GET", Path: session + "/layer"},
			{Method: "DELETE", Path: session + "/layer"},
			{Method: "DELETE", Path: stream},
		} {
			n.Do(t, q.With("Authorization", "Bearer bad")).Want(t, 401)
			n.Do(t, q.With("Authorization", "Bearer "+signalingtest.Token(t, auth.Subscribe, "other"))).Want(t, 403)
			if q.Path != stream {
				n.Do(t, q.With("Authorization", "Bearer "+token)).Want(t, 200)
			}
			if r := n.Do(t, q).Want(t, anonymous); anonymous == 401 && !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s %s: no challenge", q.Method, q.Path)
			}
		}
		n.Do(t, request{Method: "POST", Path: session + "/events"}.With("Authorization", "Bearer bad")).Want(t, 401)
	}
}
