package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

func link() nodetest.Link { return nodetest.Link{} }

// sessions lists those of a stream of one kind.
func (r *rig) sessions(stream string, kind wire.SessionKind) []wire.Session {
	r.t.Helper()
	return read[wire.SessionPage](r.do("GET", "streams/"+stream+"/sessions?kind="+string(kind), "").want(200, "")).Items
}

// statistics returns those of the one session of a kind, of now.
func (r *rig) statistics(stream string, kind wire.SessionKind) wire.SessionStatistics {
	r.t.Helper()
	all := r.sessions(stream, kind)
	if len(all) != 1 {
		r.t.Fatalf("%+v", all)
	}
	path := "streams/" + stream + "/sessions/" + all[0].ID + "/statistics"
	r.do("GET", path, "").want(200, "")
	r.Run(time.Millisecond)
	return read[wire.SessionStatistics](r.do("GET", path, "").want(200, ""))
}

// TestSessions shows who there is, by public ids, and ends one at a time.
func TestSessions(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		began := time.Now()
		pub := r.Publish("studio", func(o *client.PublishOptions) {
			o.Token, o.Header = mint(t, "camera", auth.Publish), http.Header{"User-Agent": {strings.Repeat("encoder ", 40)}}
		})
		first, second := r.subscribe("studio", "alice"), r.subscribe("studio", "bob")
		r.subscribe("other", "alice")
		r.Run(time.Second)
		all := read[wire.SessionPage](r.do("GET", "streams/studio/sessions", "").want(200, "")).Items
		subscribers := r.sessions("studio", wire.SessionKindSubscriber)
		publishers := r.sessions("studio", wire.SessionKindPublisher)
		if len(all) != 3 || len(subscribers) != 2 || len(publishers) != 1 {
			t.Fatalf("%d, %d, %d", len(all), len(subscribers), len(publishers))
		}
		p := publishers[0]
		if p.State != wire.SessionStateConnected || p.CreatedAt.Sub(began).Abs() > time.Second || p.EndsAt.Sub(began.Add(time.Hour)).Abs() > 2*time.Minute ||
			*p.Address != "192.0.2.1" || *p.Issuer != "https://issuer.example" || *p.Subject != "camera" || *p.TokenID != "id-of-camera" || len(*p.UserAgent) != 200 {
			t.Errorf("%+v", p)
		}
		for _, s := range []*client.Session{pub.Session, first.Session, second.Session} {
			if secret := s.URL()[strings.LastIndex(s.URL(), "/")+1:]; strings.Contains(r.do("GET", "streams/studio/sessions", "").text, secret) {
				t.Error("a session's URL is shown")
			}
		}
		bob := subscribers[0]
		if *bob.Subject != "bob" {
			bob = subscribers[1]
		}
		path := "streams/studio/sessions/" + bob.ID
		if got := read[wire.Session](r.do("GET", path, "").want(200, "")); got.ID != bob.ID || *got.Subject != "bob" {
			t.Errorf("%+v", got)
		}
		for _, wrong := range []string{"streams/other/sessions/" + bob.ID, "streams/studio/sessions/none", "streams/nobody/sessions/" + bob.ID} {
			r.do("GET", wrong, "").want(404, "no-such-session")
			r.do("GET", wrong+"/statistics", "").want(404, "no-such-session")
			r.do("GET", wrong+"/layer", "").want(404, "no-such-session")
			r.do("DELETE", wrong, "").want(404, "no-such-session")
		}
		r.do("DELETE", path, "").want(204, "")
		<-second.Done()
		r.do("GET", path, "").want(404, "no-such-session")
		r.do("DELETE", path, "").want(404, "no-such-session")
		first.WantMedia(3 * time.Second)
		r.do("GET", "streams/nobody/sessions", "").want(404, "unknown-stream")
		r.do("GET", "streams/studio/sessions?kind=viewer", "").want(400, "bad-parameter")
	})
}

// TestSessionStates: while it connects, and when its network is gone.
func TestSessionStates(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		sub := r.subscribe("studio", "viewer")
		if s := r.sessions("studio", wire.SessionKindSubscriber); s[0].State != wire.SessionStateConnected {
			t.Errorf("%+v", s)
		}
		sub.Kill()
		r.Run(10 * time.Second)
		if s := r.sessions("studio", wire.SessionKindSubscriber); s[0].State != wire.SessionStateDisconnected {
			t.Errorf("%+v", s)
		}
		token := func(o *client.PlayOptions) { o.Token = mint(t, "viewer", auth.Subscribe) }
		if _, err := r.Host(nodetest.Link{Loss: 1}).TrySubscribe("void", token); err != nil {
			t.Fatal(err)
		}
		if s := r.sessions("void", wire.SessionKindSubscriber); s[0].State != wire.SessionStateConnecting || s[0].Timeline.Dtls != nil {
			t.Errorf("%+v", s)
		}
	})
}

// TestStatistics: of a publisher and of a subscriber whose network loses and delays.
func TestStatistics(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.Host(nodetest.Link{Loss: 0.02, Delay: 20 * time.Millisecond}).Publish("studio", func(o *client.PublishOptions) { o.Token = mint(t, "camera", auth.Publish) })
		host := r.Host(nodetest.Link{Loss: 0.05, Delay: 30 * time.Millisecond})
		host.Subscribe("studio", func(o *client.PlayOptions) { o.Token = mint(t, "viewer", auth.Subscribe) })
		r.Run(30 * time.Second)
		p := r.statistics("studio", wire.SessionKindPublisher)
		s := r.statistics("studio", wire.SessionKindSubscriber)
		if p.Subscriber != nil || p.Publisher == nil || s.Subscriber == nil || s.Publisher != nil {
			t.Fatalf("%+v, %+v", p, s)
		}
		for _, l := range []wire.Timeline{p.Timeline, s.Timeline} {
			wantInOrder(t, l.Answered, l.Ice, l.Dtls, l.FirstPacket, l.FirstKeyframe)
		}
		if u := p.Publisher; u.Bitrate < 250_000 || u.Packets < 1500 || u.Bytes < 1_000_000 || u.Lost < 15 || u.Lost > 200 ||
			u.Repaired < 10 || u.Repaired > u.Lost || u.Nacks < u.Repaired || u.KeyframeRequests < 1 || u.LastPacket == nil || p.At.Sub(*u.LastPacket) > 100*time.Millisecond {
			t.Errorf("%+v", u)
		}
		d := s.Subscriber
		for i := 0; i < 10 && d.Loss == 0; i++ { // a report may tell of a second without a loss
			r.Run(time.Second)
			d = r.statistics("studio", wire.SessionKindSubscriber).Subscriber
		}
		if d.Bitrate < 250_000 || d.Loss <= 0 || d.Loss > 0.3 || *d.RoundTripTime < 50 || *d.RoundTripTime > 90 || *d.Jitter > 50 || d.Nacks < 30 || d.Estimate == 0 {
			t.Errorf("%+v", d)
		}
		if v := d.Video; v.Packets < 1000 || v.Resent < 30 || v.Keyframes < 1 || d.Audio.Packets < 1000 || v.Freezes != 0 {
			t.Errorf("%+v, %+v", v, d.Audio)
		}
		if v := d.Picture; v.Watched < 25_000 || v.BestLayer < 20_000 || v.Frozen > 3000 || v.LowerLayer != 0 {
			t.Errorf("%+v", v)
		}
		if l := d.Layer; l.Paused || !l.Automatic || *l.Height != 360 {
			t.Errorf("%+v", l)
		}
		tr := s.Transport
		if tr.CandidatePair == nil || tr.CandidatePair.Protocol != wire.CandidatePairProtocolUDP || !strings.HasPrefix(tr.CandidatePair.Remote, host.IP().String()+":") ||
			*tr.RoundTripTime < 50 || tr.PacketsSent < 2500 || tr.BytesSent < 1_000_000 || tr.PacketsReceived < 30 {
			t.Errorf("%+v", tr)
		}
	})
}

// wantInOrder wants steps of a time line to have come one after the other within five
// seconds.
func wantInOrder(t *testing.T, steps ...*float64) {
	t.Helper()
	last := 0.0
	for i, s := range steps {
		if s == nil || *s < last || *s > 5000 {
			t.Fatalf("step %d: %v after %v", i, s, last)
		}
		last = *s
	}
}
