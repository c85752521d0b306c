package whep_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/whep"
)

// run runs a test in virtual time with an open node.
func run(t *testing.T, f func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target), change ...func(*whep.Config)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, signaling.Config{}, change...)
		f(t, n, n.Target(signaling.WHEP))
	})
}

func requireLive(c *whep.Config) { c.RequireLive = true }

func publishH264(o *client.PublishOptions, t *testing.T) {
	o.Video = []client.Encoding{{Source: signalingtest.Video(t, codec.H264)}}
}

func onlyVP8(offer string) string {
	return sdptest.Section("1", sdptest.Replace("SAVPF 96 97 102", "SAVPF 96 97"), sdptest.Without("a=rtpmap:102"),
		sdptest.Without("a=fmtp:102"), sdptest.Without("a=rtcp-fb:102"))(offer)
}

func TestE14_E15_AudioOnlyOfferIsEnough(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		n.Publish(t, "live")
		time.Sleep(time.Second)
		audio := sdptest.AudioOnly(sdptest.Direction("recvonly"), sdptest.Without("a=msid"))
		r := x.Post(t, "live", audio, "").Want(t, 201)
		if !strings.Contains(r.Body, "a=sendonly\r\n") {
			t.Errorf("audio is not sent:\n%s", r.Body)
		}
		unknownVideo := onlyVP8(x.Offer(sdptest.Replace("VP8/90000", "VP6/90000")))
		x.Post(t, "nobody", unknownVideo, "").Want(t, 201)
	})
}

func TestE17_SourceCodecFirst(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		n.Publish(t, "live", func(o *client.PublishOptions) { publishH264(o, t) })
		time.Sleep(time.Second)
		r := x.Post(t, "live", sdptest.Recorded("chromium-whep"), "").Want(t, 201)
		_, rest, _ := strings.Cut(r.Body, "\r\nm=video 9 UDP/TLS/RTP/SAVPF ")
		first, _, _ := strings.Cut(rest, " ")
		if !strings.Contains(r.Body, "a=rtpmap:"+first+" H264/90000\r\n") {
			t.Errorf("payload type %q comes first in\n%s", first, r.Body)
		}
	})
}

func TestE18_CodecMismatch(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		n.Publish(t, "live", func(o *client.PublishOptions) { publishH264(o, t) })
		time.Sleep(time.Second)
		r := x.Post(t, "live", onlyVP8(x.Offer()), "").Want(t, 422)
		if !strings.Contains(r.Problem.Detail, "H264") {
			t.Errorf("detail %q", r.Problem.Detail)
		}
		if info, _ := n.Streams.Lookup("live"); info.Subscribers != 0 {
			t.Errorf("%d subscribers after a refusal", info.Subscribers)
		}
		x.Post(t, "live", x.Offer(), "").Want(t, 201)
	})
}

func TestE13_E20_E21_E22_E24_E26_AnswerLines(t *testing.T) {
	run(t, func(t *testing.T, _ *signalingtest.Node, x *signalingtest.Target) {
		body := x.Create(t, "live", "").Body
		streams, tracks := map[string]bool{}, map[string]bool{}
		for _, line := range strings.Split(body, "\r\n") {
			if msid, ok := strings.CutPrefix(line, "a=msid:"); ok {
				stream, track, _ := strings.Cut(msid, " ")
				streams[stream], tracks[track] = true, true
			}
		}
		if len(streams) != 1 || len(tracks) != 2 || streams["-"] {
			t.Errorf("streams %v, tracks %v", streams, tracks)
		}
		for part, want := range map[string]int{
			"\r\na=sendonly\r\n": 2, "\r\na=rtcp-mux-only\r\n": 2, "\r\na=ssrc-group:FID ": 1,
			" cname:": 3, "sprop-stereo=1": 1, "\r\na=group:BUNDLE 0 1\r\n": 1,
		} {
			if got := strings.Count(body, part); got != want {
				t.Errorf("%q %d times, want %d", part, got, want)
			}
		}
	})
}

func TestE27_SecondViewerStartsAtOnce(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		n.Publish(t, "live", func(o *client.PublishOptions) {
			o.IgnoreKeyframeRequests = true
			o.Video[0].Source = slowKeyframes(t)
		})
		n.Play(t, "live")
		time.Sleep(4 * time.Second)
		second := n.Play(t, "live")
		time.Sleep(time.Second)
		if d := second.Stats().Video.FirstKeyframeWhole; d == 0 || d > 500*time.Millisecond {
			t.Errorf("first keyframe after %v", d)
		}
	})
}

func slowKeyframes(t *testing.T) client.Source {
	t.Helper()
	s, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, KeyframeInterval: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestE40_RequireLive(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		r := x.Do(t, x.OfferRequest("live", x.Offer(), "").With("Origin", "https://a.example")).Want(t, 409)
		r.WantReadable(t) // Retry-After as well
		if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || s < 1 {
			t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
		}
		n.Publish(t, "live")
		time.Sleep(time.Second)
		x.Post(t, "live", x.Offer(), "").Want(t, 201)
	}, requireLive)
}

func TestE41_WaitForThePublisher(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		player := n.Play(t, "live")
		time.Sleep(5 * time.Second)
		n.Publish(t, "live")
		time.Sleep(2 * time.Second)
		signalingtest.WantPlaying(t, player)
	})
}

func TestE47_RestartKeepsPlaying(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		n.Publish(t, "live")
		player := n.Play(t, "live")
		signalingtest.WantPlaying(t, player)
		for range 3 {
			if err := player.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			signalingtest.WantPlaying(t, player)
		}
	})
}

func TestE47_TrickledCandidates(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		n.Publish(t, "live", func(o *client.PublishOptions) { o.Trickle = true })
		signalingtest.WantPlaying(t, n.Play(t, "live", func(o *client.PlayOptions) { o.Trickle = true }))
	})
}

func TestE49_DeleteEndsTransport(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		n.Publish(t, "live")
		player := n.Play(t, "live")
		path := signalingtest.PathOf(t, player.URL())
		x.Do(t, signalingtest.Request{Method: "DELETE", Path: path}).Want(t, 200)
		select {
		case <-player.Done():
		case <-time.After(2 * time.Second):
			t.Errorf("the player is still %v", player.State())
		}
		wantSubscribers(t, n, 0)
		x.Do(t, signalingtest.Request{Method: "DELETE", Path: path}).Want(t, 404)
	})
}

func wantSubscribers(t *testing.T, n *signalingtest.Node, want int) {
	t.Helper()
	if info, _ := n.Streams.Lookup("live"); info.Subscribers != want {
		t.Errorf("%d subscribers, want %d", info.Subscribers, want)
	}
}

func TestE51_KilledPlayerEnds(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		n.Publish(t, "live")
		player := n.Play(t, "live")
		wantSubscribers(t, n, 1)
		player.Kill()
		x.Gone(t, signalingtest.PathOf(t, player.URL()), 35*time.Second)
		wantSubscribers(t, n, 0)
	})
}

func TestE51_ClosedPlayerEnds(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, x *signalingtest.Target) {
		n.Publish(t, "live")
		player := n.Play(t, "live")
		if err := player.PeerConnection().Close(); err != nil {
			t.Fatal(err)
		}
		x.Gone(t, signalingtest.PathOf(t, player.URL()), 5*time.Second)
		wantSubscribers(t, n, 0)
	})
}

func TestE24_E52_PublisherComesBack(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		first := n.Publish(t, "live")
		player := n.Play(t, "live")
		signalingtest.WantPlaying(t, player)
		ssrc := player.Stats().Video.SSRC
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		n.Publish(t, "live")
		time.Sleep(2 * time.Second)
		signalingtest.WantPlaying(t, player)
		if got := player.Stats().Video.SSRC; got != ssrc {
			t.Errorf("SSRC %d, it was %d", got, ssrc)
		}
	})
}

func TestE52_AnotherCodecComesBack(t *testing.T) {
	run(t, func(t *testing.T, n *signalingtest.Node, _ *signalingtest.Target) {
		first := n.Publish(t, "live")
		player := n.Play(t, "live")
		signalingtest.WantPlaying(t, player)
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.Publish(t, "live", func(o *client.PublishOptions) { publishH264(o, t) })
		time.Sleep(2 * time.Second)
		signalingtest.WantPlaying(t, player)
		if got := player.Stats().Video.Codec; got != codec.H264 {
			t.Errorf("codec %v", got)
		}
	})
}
