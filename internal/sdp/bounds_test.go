package sdp_test

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

func TestOfferBounds(t *testing.T) {
	section := "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
	if n := len(published(t, sdptest.Base()+strings.Repeat(section, 14)).MediaDescriptions); n != 16 {
		t.Errorf("%d sections", n)
	}
	refused(t, sdp.Publisher, sdptest.Base()+strings.Repeat(section, 15), false, sdp.CodeTooManySections)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Session(strings.Repeat("a=x\r\n", 5000)+"a=x")), false, sdp.CodeTooLarge)
}

func TestFormatBound(t *testing.T) {
	// 62 unknown formats between VP8 with its RTX and H264: H264 is the 65th.
	var types strings.Builder
	for pt := range 62 {
		types.WriteString(sprintf("%d ", pt))
	}
	offer := sdptest.Base(sdptest.Replace("96 97 102", "96 97 "+types.String()+"102"))
	if got := len(parse(t, sdp.Publisher, offer).Section(codec.Video).Codecs); got != 1 {
		t.Errorf("%d codecs, want the first alone", got)
	}
}

func TestFmtpBound(t *testing.T) {
	long := sdptest.Base(sdptest.Replace("profile-level-id=42e01f", "profile-level-id=42e01f;x="+strings.Repeat("x", 256)))
	if _, ok := parse(t, sdp.Publisher, long).Section(codec.Video).Formats()[102]; ok {
		t.Error("long parameters were kept")
	}
	strange := sdptest.Base(sdptest.Replace("profile-level-id=42e01f", "profile-level-id=42e01f;x=ü"))
	if _, ok := parse(t, sdp.Publisher, strange).Section(codec.Video).Formats()[102]; ok {
		t.Error("parameters outside ASCII would be echoed")
	}
	sprop := sdptest.Base(sdptest.Replace("profile-level-id=42e01f", "profile-level-id=42e01f;sprop-parameter-sets="+strings.Repeat("x", 2000)))
	if _, ok := parse(t, sdp.Publisher, sprop).Section(codec.Video).Formats()[102]; !ok {
		t.Error("long parameter sets cost a codec")
	}
}

func TestCandidateBound(t *testing.T) {
	var all []string
	for i := range 300 {
		all = append(all, sprintf("candidate:%d 1 udp 1 192.0.2.%d 5000 typ host", i, i%250))
	}
	if n := len(parse(t, sdp.Publisher, sdptest.Base(sdptest.Candidates("0", all...))).Candidates); n != 64 {
		t.Errorf("%d candidates", n)
	}
	twice := sdptest.Base(sdptest.Candidates("0", good), sdptest.Candidates("1", good, good))
	if n := len(parse(t, sdp.Publisher, twice).Candidates); n != 1 {
		t.Errorf("%d candidates, want one", n)
	}
}

// No error repeats text of the offer.
func TestErrorsDoNotEcho(t *testing.T) {
	for _, offer := range []string{
		sdptest.Base(sdptest.Replace("a=mid:0", "a=mid:<secret>")), sdptest.Base(sdptest.Replace("setup:actpass", "setup:secret")),
		sdptest.Base(sdptest.Replace("SAVPF 111", "SAVPF secret")), sdptest.Base(sdptest.Replace("UDP/TLS/RTP/SAVPF", "secret")),
		sdptest.Base(sdptest.Replace("opus/48000/2", "secret/8000")), sdptest.Base(sdptest.Replace(sdptest.Fingerprint, "sha-256 secret")),
	} {
		if _, err := sdp.ParseOffer([]byte(offer), sdp.Publisher); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v", err)
		}
	}
}
