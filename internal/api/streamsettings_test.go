package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/client"
)

func settingsOf(r reply) (maxSubscribers int, maxBitrate, maxSessionBitrate int64) {
	s := read[wire.StreamSettings](r)
	return *s.MaxSubscribers, *s.MaxBitrate, *s.MaxSessionBitrate
}

// TestStreamSettings hold at once, for those who are there and those who come.
func TestStreamSettings(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.publish("studio", "camera") // 300 kbit/s
		sub := r.subscribe("studio", "viewer")
		first := r.do("GET", "streams/studio/settings", "").want(200, "")
		if a, b, c := settingsOf(first); a != 0 || b != 0 || c != 0 || first.Header.Get("ETag") != `"0"` {
			t.Errorf("%d %d %d %v", a, b, c, first.Header)
		}
		changed := r.do("PATCH", "streams/studio/settings", `{"maxSubscribers":1}`, "If-Match", `"0"`).want(200, "")
		if a, b, c := settingsOf(changed); a != 1 || b != 0 || c != 0 || changed.Header.Get("ETag") == `"0"` {
			t.Errorf("%d %d %d %v", a, b, c, changed.Header)
		}
		token := func(o *client.PlayOptions) { o.Token = mint(t, "viewer", auth.Subscribe) }
		if _, err := r.Host(link()).TrySubscribe("studio", token); err == nil {
			t.Error("a second subscriber")
		}
		sub.WantMedia(3 * time.Second)
		// Too little for the video: sound goes on.
		changed = r.do("PATCH", "streams/studio/settings", `{"maxSessionBitrate":100000}`, "If-Match", changed.Header.Get("ETag"),
			"Content-Type", "application/merge-patch+json").want(200, "")
		if a, b, c := settingsOf(changed); a != 1 || b != 0 || c != 100_000 {
			t.Errorf("%d %d %d", a, b, c)
		}
		r.Run(5 * time.Second)
		s := r.statistics("studio", wire.SessionKindSubscriber)
		if !s.Subscriber.Layer.Paused || s.Subscriber.Bitrate > 100_000 || s.Subscriber.Video.Freezes != 1 || s.Subscriber.Picture.Frozen < 3000 || s.Subscriber.Picture.Frozen > 6000 {
			t.Errorf("%+v %+v", s.Subscriber, s.Subscriber.Video)
		}
		if got := r.do("DELETE", "streams/studio/settings", "", "If-Match", "*").want(204, ""); got.text != "" {
			t.Error(got.text)
		}
		r.Run(5 * time.Second)
		if s := r.statistics("studio", wire.SessionKindSubscriber); s.Subscriber.Layer.Paused {
			t.Errorf("%+v", s.Subscriber)
		}
		r.subscribe("studio", "viewer")
		if got := r.do("GET", "streams/studio/settings", ""); got.Header.Get("ETag") != `"0"` {
			t.Errorf("%v", got.Header)
		}
	})
}

// TestStreamSettingsPreconditions: nobody undoes what they have not seen.
func TestStreamSettingsPreconditions(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		const path, body = "streams/studio/settings", `{"maxBitrate":1000000}`
		for _, method := range []string{"PATCH", "DELETE"} {
			r.do(method, path, body).want(428, "if-match-required")
			r.do(method, path, body, "If-Match", " ").want(428, "if-match-required")
			r.do(method, path, body, "If-Match", `"1"`).want(412, "stale-etag")
			r.do(method, path, body, "If-Match", `W/"0"`).want(412, "stale-etag")
			r.do(method, path, body, "If-Match", `0`).want(412, "stale-etag")
			r.do(method, path, body, "If-Match", strings.Repeat(`"9",`, 256)+`"0"`).want(400, "bad-parameter")
		}
		tag := r.do("PATCH", path, body, "If-Match", `"7", "0"`).want(200, "").Header.Get("ETag")
		r.do("PATCH", path, `{"maxBitrate":2}`, "If-Match", `"0"`).want(412, "stale-etag")
		r.do("DELETE", path, "", "If-Match", `"0"`).want(412, "stale-etag")
		if _, b, _ := settingsOf(r.do("GET", path, "")); b != 1_000_000 {
			t.Errorf("%d", b)
		}
		r.do("DELETE", path, "", "If-Match", tag).want(204, "")
		if later := r.do("PATCH", path, body, "If-Match", `"0"`).want(200, "").Header.Get("ETag"); later == tag {
			t.Errorf("%s again", tag)
		}
		r.do("DELETE", "streams/.a/settings", "", "If-Match", "*").want(404, "no-such-stream")
	})
}

// TestStreamSettingsAreChecked: of a request that is wrong nothing is taken.
func TestStreamSettingsAreChecked(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		const path = "streams/studio/settings"
		for body, code := range map[string]string{
			``: "not-json", `[]`: "malformed-json", `null`: "malformed-json", `{`: "malformed-json", `{}{}`: "malformed-json", `"x"`: "malformed-json",
			`{"maxSubscribers":-1}`: "bad-value", `{"maxSubscribers":1000001}`: "bad-value", `{"maxSubscribers":1.5}`: "bad-value",
			`{"maxSubscribers":"1"}`: "bad-value", `{"maxSubscribers":null}`: "bad-value", `{"maxBitrate":1000000000001}`: "bad-value",
			`{"maxSessionBitrate":-1}`: "bad-value", `{"maxSessionBitrate":1e99}`: "bad-value", `{"maxBitrate":1,"MaxBitrate":2}`: "bad-value",
			`{"maxBitrate":1,"other":2}`: "bad-value",
		} {
			status := map[string]int{"not-json": 415, "malformed-json": 400, "bad-value": 422}[code]
			r.do("PATCH", path, body, "If-Match", "*").want(status, code)
		}
		r.do("PATCH", path, `{}`, "If-Match", "*", "Content-Type", "text/plain").want(415, "not-json")
		r.do("PATCH", path, `{"maxBitrate":`+strings.Repeat(" ", 64<<10)+`1}`, "If-Match", "*").want(413, "body-too-large")
		if got := r.do("GET", path, "").want(200, ""); got.Header.Get("ETag") != `"0"` {
			t.Errorf("%v %s", got.Header, got.text)
		}
		r.do("PATCH", path, `{"maxSubscribers":1000000,"maxBitrate":1000000000000,"maxSessionBitrate":1000000000000}`, "If-Match", "*").want(200, "")
	})
}
