package whip_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
)

// run runs a test in virtual time with an open node.
func run(t *testing.T, cfg stream.Config, f func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, signaling.Config{}, cfg)
		f(t, n, n.Target(signaling.WHIP))
	})
}

func TestW15_W30_ConflictIsRefused(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		first := n.Publish(t, "live")
		player := n.Play(t, "live")
		signalingtest.WantPlaying(t, player)
		r := x.Do(t, x.OfferRequest("live", x.Offer(), "").With("Origin", "https://a.example")).Want(t, 409)
		r.WantReadable(t)
		if r.Problem.Type != "urn:whippet:problem:stream-busy" {
			t.Errorf("type %q", r.Problem.Type)
		}
		signalingtest.WantPlaying(t, player)
		x.Do(t, signalingtest.Request{Method: "GET", Path: signalingtest.PathOf(t, first.URL())}).Want(t, 204)
	})
}

func TestW15_Takeover(t *testing.T) {
	run(t, stream.Config{Takeover: true}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		first := n.Publish(t, "live")
		player := n.Play(t, "live")
		signalingtest.WantPlaying(t, player)
		n.Publish(t, "live")
		x.Gone(t, signalingtest.PathOf(t, first.URL()), 2*time.Second)
		select {
		case <-first.Done(): // it got the DTLS close
		case <-time.After(2 * time.Second):
			t.Error("the replaced publisher was not told")
		}
		time.Sleep(time.Second) // the next keyframe
		signalingtest.WantPlaying(t, player)
	})
}

func TestW16_DeadPublisherDoesNotBlock(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		dead := n.Publish(t, "live")
		time.Sleep(time.Second)
		dead.Kill()
		x.Post(t, "live", x.Offer(), "").Want(t, 409)
		time.Sleep(2500 * time.Millisecond)
		n.Publish(t, "live")
		x.Gone(t, signalingtest.PathOf(t, dead.URL()), time.Second)
	})
}

func TestW16_SameTokenTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, signaling.Config{Verifier: signalingtest.Verifier(t)}, stream.Config{})
		x := n.Target(signaling.WHIP)
		token := signalingtest.Token(t, auth.Publish, "live")
		other := signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) { c.Subject = "other" })
		withToken := func(o *client.PublishOptions) { o.Token = token }
		first := n.Publish(t, "live", withToken)
		time.Sleep(time.Second)
		x.Post(t, "live", x.Offer(), other).Want(t, 409)
		second := n.Publish(t, "live", withToken)
		x.Gone(t, signalingtest.PathOf(t, first.URL()), time.Second)
		x.Do(t, signalingtest.Request{Method: "GET", Path: signalingtest.PathOf(t, second.URL())}).Want(t, 204)
	})
}

func TestW48_W49_W50_SetupRoles(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		for setup, want := range map[client.Setup]string{
			client.ActPass: "a=setup:passive", client.Active: "a=setup:passive", client.Passive: "a=setup:active",
		} {
			p := n.Publish(t, "live-"+string(setup), func(o *client.PublishOptions) { o.Setup = setup })
			if !strings.Contains(p.Answer(), want) {
				t.Errorf("offer %s: no %s in the answer", setup, want)
			}
		}
	})
}

func TestW51_WrongFingerprint(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		p, err := n.TryPublish(t, "live", func(o *client.PublishOptions) {
			o.EditOffer = func(offer string) string {
				i := strings.Index(offer, "a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
				return strings.ReplaceAll(offer, offer[i:i+95], strings.Repeat("AB:", 31)+"AB")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		x.Gone(t, signalingtest.PathOf(t, p.URL()), signaling.DefaultConnectTimeout+2*time.Second)
		if info, _ := n.Streams.Lookup("live"); info.Live() {
			t.Error("media was taken from a peer with the wrong certificate")
		}
		n.Publish(t, "live")
	})
}

func TestW63_NoCandidatesNoPatch(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		p := n.Publish(t, "live", func(o *client.PublishOptions) { o.NoCandidates = true })
		if strings.Contains(p.Offer(), "a=candidate") {
			t.Fatal("the offer has candidates")
		}
		if d := p.ConnectedAfter(); d > 3*time.Second {
			t.Errorf("connected after %v", d)
		}
		signalingtest.WantPlaying(t, n.Play(t, "live"))
	})
}

func TestW67_KilledPublisherEnds(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		p := n.Publish(t, "live")
		p.Kill()
		x.Gone(t, signalingtest.PathOf(t, p.URL()), 35*time.Second)
		if all, _ := n.Service.Sessions(); all != 0 {
			t.Errorf("%d sessions", all)
		}
	})
}

func TestW68_DeleteRevokesConsent(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		p := n.Publish(t, "live")
		x.Do(t, signalingtest.Request{Method: "DELETE", Path: signalingtest.PathOf(t, p.URL())}).Want(t, 200)
		select {
		case <-p.Done():
		case <-time.After(2 * time.Second):
			t.Errorf("the client is still %v", p.State())
		}
	})
}

func TestW69_CloseNotifyEnds(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		p := n.Publish(t, "live")
		if err := p.PeerConnection().Close(); err != nil {
			t.Fatal(err)
		}
		path := signalingtest.PathOf(t, p.URL())
		x.Gone(t, path, 5*time.Second)
		// OBS does this and takes anything but 200 for a failure.
		x.Do(t, signalingtest.Request{Method: "DELETE", Path: path}).Want(t, 200)
		x.Do(t, signalingtest.Request{Method: "DELETE", Path: path}).Want(t, 404)
	})
}

func TestW69_GraveIsForgotten(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		p := n.Publish(t, "live")
		if err := p.PeerConnection().Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		x.Do(t, signalingtest.Request{Method: "DELETE", Path: signalingtest.PathOf(t, p.URL())}).Want(t, 404)
	})
}

func TestW71_SessionOutlivesItsRequest(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		ctx, cancel := context.WithCancel(t.Context())
		p, err := n.TryPublish(t, "live", func(o *client.PublishOptions) { o.HTTP = n.ClientWith(ctx) })
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(10 * time.Second)
		signalingtest.WantPlaying(t, n.Play(t, "live"))
		if p.Err() != nil {
			t.Error(p.Err())
		}
	})
}

func TestW77_ExpiredTokenStillDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, signaling.Config{Verifier: signalingtest.Verifier(t)}, stream.Config{})
		x := n.Target(signaling.WHIP)
		token := signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) { c.Expires = time.Now().Add(2 * time.Second) })
		p := n.Publish(t, "live", func(o *client.PublishOptions) { o.Token = token })
		time.Sleep(time.Second + auth.Leeway)
		select {
		case <-p.Done():
			t.Error("the session ended before its grant")
		default:
		}
		time.Sleep(3 * time.Second)
		<-p.Done() // told by DTLS
		x.Post(t, "live", x.Offer(), token).Want(t, 401)
		q := signalingtest.Request{Method: "DELETE", Path: signalingtest.PathOf(t, p.URL())}.With("Authorization", "Bearer "+token)
		x.Do(t, q).Want(t, 200)
	})
}

func TestW78_DeleteFreesTheName(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		p := n.Publish(t, "live")
		time.Sleep(time.Second)
		x.Do(t, signalingtest.Request{Method: "DELETE", Path: signalingtest.PathOf(t, p.URL())}).Want(t, 200)
		x.Post(t, "live", x.Offer(), "").Want(t, 201)
	})
}

func TestW80_SessionsOfOneEndpointOnly(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		whip := x.Create(t, "live", "").Path
		whep := n.Target(signaling.WHEP).Create(t, "live", "").Path
		for _, path := range []string{
			strings.Replace(whip, "/whip/", "/whep/", 1), strings.Replace(whep, "/whep/", "/whip/", 1),
			strings.Replace(whip, "/live/", "/other/", 1),
		} {
			for _, method := range []string{"GET", "PATCH", "DELETE"} {
				x.Do(t, signalingtest.Request{Method: method, Path: path}).Want(t, 404)
			}
		}
		x.Do(t, signalingtest.Request{Method: "GET", Path: whip}).Want(t, 204)
		x.Do(t, signalingtest.Request{Method: "GET", Path: whep}).Want(t, 204)
	})
}

func TestW90_MediaResumesAfterRestart(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		p := n.Publish(t, "live")
		player := n.Play(t, "live")
		signalingtest.WantPlaying(t, player)
		for range 3 {
			was := p.ETag()
			if err := p.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if p.ETag() == was {
				t.Error("the tag did not change")
			}
			time.Sleep(time.Second)
			signalingtest.WantPlaying(t, player)
		}
	})
}

func TestW92_W95_RefusedRestartsLeaveMediaAlone(t *testing.T) {
	run(t, stream.Config{}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		p := n.Publish(t, "live")
		player := n.Play(t, "live")
		if err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		path := signalingtest.PathOf(t, p.URL())
		first := credentials(p.Offer())
		x.Patch(t, path, "*", "a=ice-ufrag:"+first[0]+"\r\na=ice-pwd:"+first[1]+"\r\na=end-of-candidates\r\n").Want(t, 412)
		x.Patch(t, path, "*", "a=ice-ufrag:abc\r\na=ice-pwd:"+first[1]+"\r\n").Want(t, 400)
		signalingtest.WantPlaying(t, player)
	})
}

// credentials returns ufrag and pwd of a description.
func credentials(description string) [2]string {
	var c [2]string
	for i, name := range []string{"a=ice-ufrag:", "a=ice-pwd:"} {
		_, rest, _ := strings.Cut(description, name)
		c[i], _, _ = strings.Cut(rest, "\r\n")
	}
	return c
}

// TestW15_TakeoverBeforeConnected: a publisher that is replaced before its transport is up learns it as
// soon as that is, not by a timeout of ICE, and has lost the name and its session's URL at once.
func TestW15_TakeoverBeforeConnected(t *testing.T) {
	run(t, stream.Config{Takeover: true}, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		first, err := n.TryPublish(t, "live")
		if err != nil {
			t.Fatal(err)
		}
		second, err := n.TryPublish(t, "live")
		if err != nil {
			t.Fatal(err)
		}
		x.Gone(t, signalingtest.PathOf(t, first.URL()), 0)
		select {
		case <-first.Done():
		case <-time.After(2 * time.Second):
			t.Error("the replaced publisher was not told")
		}
		if err := second.WaitConnected(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
