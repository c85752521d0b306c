package signalingtest

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

var offerRows = []Row{
	{"W36_W39_W40_W43_W44_W45_W51_W52", "E11_E13_E14_E22", "refused_offers", testRefusedOffers},
	{"W37_W42_W46_W47_W49_W50_W59", "E13_E16_E23", "accepted_offers", testAcceptedOffers},
	{"W63", "E53", "recorded_offers", testRecordedOffers},
	{"W64", "E53", "hopeless_candidates", testHopelessCandidates},
	{"W61_W62_W66", "E46", "candidates", testCandidates},
}

// own returns the direction that the protocol's clients offer, and the one they must not.
func own(k signaling.Kind) (direction, wrong string) {
	if k == signaling.WHIP {
		return "sendonly", "recvonly"
	}
	return "recvonly", "sendonly"
}

func testRefusedOffers(t *testing.T, k Kit) {
	x := k.Open(t)
	_, wrong := own(k.Kind)
	for name, c := range map[string]struct {
		status int
		offer  string
	}{
		"wrong direction": {422, x.Offer(sdptest.Direction(wrong))},
		"inactive":        {422, x.Offer(sdptest.Direction("inactive"))},
		"not bundled":     {422, x.Offer(sdptest.Without("a=group:BUNDLE"))},
		"no rtcp-mux":     {422, x.Offer(sdptest.Without("a=rtcp-mux"))},
		"two videos":      {422, x.Offer(sdptest.Again("1", "2"))},
		"data only":       {422, sdptest.DataOnly()},
		"unknown codecs": {422, x.Offer(sdptest.Replace("opus/48000/2", "x/48000/2"),
			sdptest.Replace("VP8/90000", "VP6/90000"), sdptest.Replace("H264/90000", "H262/90000"))},
		"no fingerprint": {400, x.Offer(sdptest.Without("a=fingerprint"))},
		"no ufrag":       {400, x.Offer(sdptest.Without("a=ice-ufrag"))},
	} {
		if name == "two videos" && k.Kind == signaling.WHEP {
			continue // WHEP may decline one of them: E14
		}
		if r := x.Post(t, "live", c.offer, ""); r.Status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, r.Status, c.status, r.Body)
		}
	}
	wantSessions(t, x, 0)
}

func testAcceptedOffers(t *testing.T, k Kit) {
	x := k.Open(t)
	direction, _ := own(k.Kind)
	for name, offer := range map[string]string{
		"sendrecv":     x.Offer(sdptest.Direction("sendrecv")),
		"no direction": x.Offer(sdptest.Without("a=" + direction)),
		"no msid":      x.Offer(sdptest.Without("a=msid")),
		"data channel": x.Offer(sdptest.Again("1", "2"), sdptest.Section("2",
			sdptest.Replace("m=video 9 UDP/TLS/RTP/SAVPF 96 97 102", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"))),
		"bundle-only": x.Offer(sdptest.Section("1", sdptest.Replace("m=video 9", "m=video 0"),
			func(s string) string { return s + "a=bundle-only\r\n" })),
		"active":  x.Offer(sdptest.Replace("a=setup:actpass", "a=setup:active")),
		"passive": x.Offer(sdptest.Replace("a=setup:actpass", "a=setup:passive")),
		"proto":   x.Offer(sdptest.Replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")),
	} {
		stream := strings.ReplaceAll(name, " ", "-")
		r := x.Post(t, stream, offer, "")
		if r.Status != 201 {
			t.Errorf("%s: %d: %s", name, r.Status, r.Body)
			continue
		}
		want := "a=setup:passive"
		if name == "passive" {
			want = "a=setup:active"
		}
		if !strings.Contains(r.Body, want) {
			t.Errorf("%s: no %s in the answer", name, want)
		}
		if got := mediaOf(r.Body); got != mediaOf(offer) {
			t.Errorf("%s: sections %q answered by %q", name, mediaOf(offer), got)
		}
	}
}

func testRecordedOffers(t *testing.T, k Kit) {
	x := k.Open(t)
	n := 0
	for _, name := range sdptest.RecordedNames() {
		if strings.Contains(name, "whep") != (k.Kind == signaling.WHEP) {
			continue
		}
		n++
		offer := sdptest.Recorded(name)
		r := x.Post(t, name, offer, "")
		if r.Status != 201 {
			t.Errorf("%s: %d: %s", name, r.Status, r.Body)
		} else if len(r.Body) >= 8192 && len(offer) < 8192 || mediaOf(r.Body) != mediaOf(offer) {
			t.Errorf("%s: answer of %d bytes with %q", name, len(r.Body), mediaOf(r.Body))
		}
	}
	if n == 0 {
		t.Error("no recorded offers")
	}
}

func testHopelessCandidates(t *testing.T, k Kit) {
	x := k.Open(t)
	offer := x.Offer(sdptest.Candidates("0",
		"candidate:1 1 udp 2113937151 3b1c2d2e-aaaa-bbbb-cccc-0123456789ab.local 50000 typ host",
		"candidate:2 1 udp 2113937150 nosuch.invalid 50000 typ host"))
	r := NewCreated(t, x.Post(t, "live", offer, ""))
	fragment := sdptest.Fragment(sdptest.RFC, sdptest.Ufrag, sdptest.Pwd, "0",
		"candidate:3 1 udp 2113937151 x.local 50000 typ host")
	x.Patch(t, r.Path, r.Tag, fragment).Want(t, 204)
}

func testCandidates(t *testing.T, k Kit) {
	r := k.Open(t).Create(t, "live", "")
	_, rest, _ := strings.Cut(r.Body, "\r\na=candidate:")
	first, _, _ := strings.Cut(rest, "\r\n")
	fields := strings.Fields(strings.ToLower(first))
	if len(fields) < 8 || fields[1] != "1" || fields[2] != "udp" || !strings.Contains(fields[4], ".") || fields[7] != "host" {
		t.Errorf("first candidate %q", first)
	}
	if !strings.Contains(r.Body, "\r\na=end-of-candidates\r\n") || !strings.Contains(r.Body, "a=ice-options:") {
		t.Error("no end-of-candidates or ice-options in the answer")
	}
}
