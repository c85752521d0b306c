package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestStreams: what is live is shown with its health, what is waited for too.
func TestStreams(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		if got := read[wire.StreamPage](r.do("GET", "streams", "").want(200, "")); len(got.Items) != 0 {
			t.Errorf("%+v", got)
		}
		began := time.Now()
		r.publish("studio", "camera")
		r.subscribe("studio", "viewer")
		r.subscribe("empty", "viewer")
		r.Run(10 * time.Second)
		page := read[wire.StreamPage](r.do("GET", "streams", "").want(200, ""))
		if len(page.Items) != 2 || page.Next != nil || page.Items[0].Name != "empty" || page.Items[1].Name != "studio" {
			t.Fatalf("%+v", page)
		}
		if empty := page.Items[0]; empty.Live || empty.Subscribers != 1 || empty.PublishedSince != nil || empty.Publisher != nil ||
			empty.Bitrate != nil || empty.Audio != nil || len(empty.Encodings) != 0 {
			t.Errorf("%+v", empty)
		}
		s := read[wire.StreamStatus](r.do("GET", "streams/studio", "").want(200, ""))
		if !s.Live || s.Subscribers != 1 || s.Publisher == nil || s.PublishedSince.Sub(began).Abs() > time.Second ||
			*s.Bitrate < 250_000 || *s.Bitrate > 600_000 || s.Audio.Codec != wire.AudioStatusCodecOpus || len(s.Encodings) != 1 || s.Diagnosis == nil {
			t.Errorf("%+v", s)
		}
		e := s.Encodings[0]
		if e.Codec != wire.EncodingCodecVP8 || *e.Height != 360 || !e.Active || *e.FrameRate != 30 || *e.KeyframeInterval != 2 || e.Bitrate < 250_000 {
			t.Errorf("%+v", e)
		}
		owner := read[wire.Session](r.do("GET", "streams/studio/sessions/"+*s.Publisher, "").want(200, ""))
		if owner.Kind != wire.SessionKindPublisher || *owner.Subject != "camera" {
			t.Errorf("%+v", owner)
		}
		r.do("GET", "streams/nobody", "").want(404, "unknown-stream")
		r.do("GET", "streams/.hidden", "").want(404, "no-such-stream")
		r.do("GET", "streams/a%2Fb", "").want(404, "no-such-stream")
	})
}

// TestPages: each item is on one page, whatever the pages' size.
func TestPages(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		for i := range 7 {
			r.subscribe(fmt.Sprintf("cam-%d", i), "viewer")
		}
		var names []string
		pages := 0
		for after := ""; ; pages++ {
			page := read[wire.StreamPage](r.do("GET", "streams?limit=3"+after, "").want(200, ""))
			for _, s := range page.Items {
				names = append(names, s.Name)
			}
			if page.Next == nil {
				break
			}
			after = "&after=" + *page.Next
		}
		if pages != 2 || fmt.Sprint(names) != "[cam-0 cam-1 cam-2 cam-3 cam-4 cam-5 cam-6]" {
			t.Errorf("%d more pages: %v", pages, names)
		}
		if got := read[wire.StreamPage](r.do("GET", "streams?after=cam-5&limit=1", "")); len(got.Items) != 1 || got.Items[0].Name != "cam-6" || got.Next != nil {
			t.Errorf("%+v", got)
		}
		long := fmt.Sprintf("%0161d", 0)
		for _, query := range []string{"limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1&limit=2", "limit=1.5", "after=", "after=" + long, "limit=99999999999999999999"} {
			for _, list := range []string{"streams", "far-streams", "nodes", "revocations", "streams/cam-1/sessions"} {
				r.do("GET", list+"?"+query, "").want(400, "bad-parameter")
			}
		}
	})
}

// TestEndStream ends the sessions of one stream: all of them, or its publisher's.
func TestEndStream(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		other := r.publish("other", "camera")
		pub := r.publish("studio", "camera")
		sub := r.subscribe("studio", "viewer")
		r.Run(time.Second)
		if got := read[wire.Ended](r.do("DELETE", "streams/studio?sessions=publisher", "").want(200, "")); got.Sessions != 1 {
			t.Errorf("%+v", got)
		}
		<-pub.Done()
		if s := read[wire.StreamStatus](r.do("GET", "streams/studio", "").want(200, "")); s.Live || s.Subscribers != 1 {
			t.Errorf("%+v", s)
		}
		again := r.publish("studio", "camera") // it may come back
		sub.WantMedia(3 * time.Second)
		r.do("DELETE", "streams/studio?sessions=some", "").want(400, "bad-parameter")
		if got := read[wire.Ended](r.do("DELETE", "streams/studio", "").want(200, "")); got.Sessions != 2 {
			t.Errorf("%+v", got)
		}
		<-again.Done()
		<-sub.Done()
		r.do("GET", "streams/studio", "").want(404, "unknown-stream")
		r.do("DELETE", "streams/studio", "").want(404, "unknown-stream")
		select {
		case <-other.Done():
			t.Error("another stream ended")
		default:
		}
	})
}

// deaf is a source that does not hear of keyframe requests.
type deaf struct{ client.Source }

// TestDiagnosis shows what is wrong with the publisher's media.
func TestDiagnosis(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.Publish("studio", func(o *client.PublishOptions) {
			o.Token = mint(t, "camera", auth.Publish)
			o.Video = []client.Encoding{{Source: deaf{nodetest.Video(t, client.SyntheticOptions{KeyframeInterval: 12 * time.Second})}}}
		})
		r.subscribe("empty", "viewer")
		r.Run(40 * time.Second)
		d := read[wire.Diagnosis](r.do("GET", "streams/studio/diagnosis", "").want(200, ""))
		if !d.Live || len(d.Findings) == 0 || d.Findings[0].Code != forwarder.FindingLongInterval || d.Findings[0].Text == "" {
			t.Errorf("%+v", d)
		}
		if d := read[wire.Diagnosis](r.do("GET", "streams/empty/diagnosis", "").want(200, "")); d.Live || len(d.Findings) != 0 {
			t.Errorf("%+v", d)
		}
		r.do("GET", "streams/nobody/diagnosis", "").want(404, "unknown-stream")
	})
}

// TestKeyframeWish: the publisher is asked, and by whom does not matter.
func TestKeyframeWish(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		p := r.publish("studio", "camera")
		r.subscribe("empty", "viewer")
		r.Run(5 * time.Second)
		before := asked(p)
		if got := read[wire.KeyframeWish](r.do("POST", "streams/studio/keyframe", "").want(202, "")); got.Encodings != 1 {
			t.Errorf("%+v", got)
		}
		r.Run(time.Second)
		if got := asked(p); got != before+1 {
			t.Errorf("%d requests, %d before", got, before)
		}
		r.do("POST", "streams/studio/keyframe?rid=none", "").want(422, "no-such-layer")
		r.do("POST", fmt.Sprintf("streams/studio/keyframe?rid=%0256d", 0), "").want(400, "bad-parameter")
		if got := r.do("POST", "streams/empty/keyframe", "").want(409, "no-publisher"); got.Header.Get("Retry-After") != "2" {
			t.Errorf("%v", got.Header)
		}
		r.do("POST", "streams/nobody/keyframe", "").want(404, "unknown-stream")
	})
}

// asked counts the keyframe requests that a publisher got.
func asked(p *nodetest.Publisher) (n int64) {
	for _, e := range p.Stats().Encodings {
		n += e.Feedback.PLIs + e.Feedback.FIRs
	}
	return n
}
