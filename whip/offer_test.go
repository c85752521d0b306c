package whip_test

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

func TestW54_ObsAnswer(t *testing.T) {
	x := newNode(t, signaling.Config{}, stream.Config{}).Target(signaling.WHIP)
	r := x.Post(t, "live", sdptest.OBS(), "").Want(t, 201)
	for _, line := range []string{"m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=video 9 UDP/TLS/RTP/SAVPF 96"} {
		if !strings.Contains(r.Body, line+"\r\n") {
			t.Errorf("no %q in the answer:\n%s", line, r.Body)
		}
	}
	seven := sdptest.FFmpeg(sdptest.Replace("profile-level-id=42", "profile-level-id=042"))
	x.Post(t, "seven", seven, "").Want(t, 201)
}

func TestW35_W38_W41_AnswerLines(t *testing.T) {
	x := newNode(t, signaling.Config{}, stream.Config{}).Target(signaling.WHIP)
	body := x.Post(t, "live", sdptest.GStreamer(), "").Want(t, 201).Body
	for line, want := range map[string]int{
		"a=recvonly": 2, "a=rtcp-mux": 2, "a=rtcp-mux-only": 2, "a=group:BUNDLE video0 audio1": 1,
	} {
		if got := strings.Count(body, "\r\n"+line+"\r\n"); got != want {
			t.Errorf("%q %d times, want %d", line, got, want)
		}
	}
}

func TestW45_NoPartialAcceptance(t *testing.T) {
	x := newNode(t, signaling.Config{}, stream.Config{}).Target(signaling.WHIP)
	offer := sdptest.Base(sdptest.Replace("VP8/90000", "VP6/90000"), sdptest.Replace("H264/90000", "H262/90000"))
	x.Post(t, "live", offer, "").Want(t, 422)
}

func TestW105_EveryLayerAnswered(t *testing.T) {
	x := newNode(t, signaling.Config{}, stream.Config{}).Target(signaling.WHIP)
	for n := 2; n <= 5; n++ {
		r := x.Post(t, "live"+string(rune('0'+n)), sdptest.OBSSim(n), "").Want(t, 201)
		_, rest, _ := strings.Cut(r.Body, "\r\na=simulcast:recv ")
		layers, _, _ := strings.Cut(rest, "\r\n")
		if got := len(strings.Split(layers, ";")); got != n || layers == "" {
			t.Errorf("%d layers offered, %q answered", n, layers)
		}
	}
}

func TestW109_TooManyLayers(t *testing.T) {
	x := newNode(t, signaling.Config{}, stream.Config{}).Target(signaling.WHIP)
	x.Post(t, "live", sdptest.OBSSim(40), "").Want(t, 422)
}
