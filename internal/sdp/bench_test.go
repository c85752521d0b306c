package sdp_test

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

func BenchmarkOfferAnswer(b *testing.B) {
	for _, name := range []string{"chromium-whep", "chromium-whip-simulcast", "obs", "ffmpeg"} {
		body := []byte(sdptest.Recorded(name))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o, err := sdp.ParseOffer(body, roleOf(name))
				if err != nil {
					b.Fatal(err)
				}
				if len(o.Answer(ours(o))) == 0 {
					b.Fatal("no answer")
				}
			}
		})
	}
}

// BenchmarkHostileOffer parses 60 KB of the lines that cost most; compare with
// "unknown", which cost nothing but their length.
func BenchmarkHostileOffer(b *testing.B) {
	for name, line := range map[string]func(i int) string{
		"unknown":   func(int) string { return "a=x-unknown:attribute" },
		"ssrc":      func(i int) string { return sprintf("a=ssrc:%d cname:a", i+1) },
		"fid":       func(i int) string { return sprintf("a=ssrc-group:FID %d %d", 2*i+1, 2*i+2) },
		"candidate": func(i int) string { return sprintf("a=candidate:%d 1 udp 1 192.0.2.1 5000 typ host", i) },
		"rid":       func(i int) string { return sprintf("a=rid:%d recv", i) },
		"extmap":    func(i int) string { return sprintf("a=extmap:%d urn:ietf:params:rtp-hdrext:sdes:mid", i%14+1) },
		"fmtp":      func(i int) string { return sprintf("a=fmtp:%d apt=1", i%128) + strings.Repeat(";", 4000) },
	} {
		var lines []string
		for n := 0; n < 60_000; n += len(lines[len(lines)-1]) + 2 {
			lines = append(lines, line(len(lines)))
		}
		body := []byte(sdptest.Base(sdptest.Media("1", lines...)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				_, _ = sdp.ParseOffer(body, sdp.Publisher)
			}
		})
	}
}
