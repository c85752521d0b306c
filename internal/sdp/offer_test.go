package sdp_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

func TestW2_AnswerKeepsTheSections(t *testing.T) {
	everyOffer(t, func(t *testing.T, role sdp.Role, text string) {
		a := answered(t, role, text)
		var got []string
		for _, m := range a.MediaDescriptions {
			got = append(got, m.MediaName.Media)
		}
		var want []string
		for _, l := range strings.Split(text, "\n") {
			if rest, ok := strings.CutPrefix(l, "m="); ok {
				want = append(want, strings.Fields(rest)[0])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("sections %q, want %q", got, want)
		}
	})
}

func TestW5_AnswerShape(t *testing.T) {
	everyOffer(t, func(t *testing.T, role sdp.Role, text string) {
		o := parse(t, role, text)
		mine := ours(o)
		for len(mine.Candidates) < 12 {
			mine.Candidates = append(mine.Candidates, "candidate:44 1 udp 2130706175 2001:db8:1111:2222:3333:4444:5555:6666 65535 typ host")
		}
		b := string(o.Answer(mine))
		if !strings.HasPrefix(b, "v=0\r\n") || !strings.HasSuffix(b, "\r\n") {
			t.Errorf("begins %q, ends %q", b[:8], b[len(b)-8:])
		}
		if n := strings.Count(b, "\n"); n != strings.Count(b, "\r\n") || n != strings.Count(b, "\r") {
			t.Error("a line end is not CRLF")
		}
		if strings.Contains(b, "\r\n\r\n") {
			t.Error("a line is empty")
		}
		if len(b) >= 8192 {
			t.Errorf("%d bytes", len(b))
		}
	})
}

// Even an offer of as many formats as there can be, each with feedback, RTX and
// parameters as long as can be, gets a small answer that keeps the usual codecs.
func TestW5_FloodOfFormats(t *testing.T) {
	var types, lines strings.Builder
	n := 0
	for pt := 35; pt < 127; pt += 2 {
		if pt >= 63 && pt < 96 {
			continue
		}
		pad := strings.Repeat("x", 180)
		types.WriteString(sprintf(" %d %d", pt, pt+1))
		lines.WriteString(sprintf("a=rtpmap:%d H264/90000\r\na=fmtp:%d packetization-mode=%d;profile-level-id=%04x1f;x-%s=1\r\n", pt, pt, n%2, 0x4200+n, pad))
		lines.WriteString(sprintf("a=rtcp-fb:%d nack\r\na=rtcp-fb:%d nack pli\r\na=rtcp-fb:%d ccm fir\r\na=rtcp-fb:%d transport-cc\r\n", pt, pt, pt, pt))
		lines.WriteString(sprintf("a=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=%d\r\n", pt+1, pt+1, pt))
		n++
	}
	offer := sdptest.Base(
		sdptest.Replace("SAVPF 96 97 102\r\n", "SAVPF 96 97"+types.String()+"\r\n"),
		sdptest.Section("1", sdptest.Without("a=rtpmap:102"), sdptest.Without("a=fmtp:102"), sdptest.Without("a=rtcp-fb:102")),
		sdptest.Media("1", strings.TrimSuffix(lines.String(), "\r\n")))
	a := published(t, offer)
	if len(a.text) >= 8192 {
		t.Errorf("%d bytes", len(a.text))
	}
	o := parse(t, sdp.Publisher, offer)
	video := o.Section(codec.Video)
	if len(video.Codecs) < 5 || video.Codecs[0].Format.Name != codec.VP8 {
		t.Errorf("codecs %v", video.Codecs)
	}
	for _, c := range video.Codecs {
		if c.Format.Name == codec.H264 && c.Format.Mode == 0 {
			t.Error("packetization mode 0 was kept before mode 1")
		}
	}
}

func TestW10_Unparsable(t *testing.T) {
	random := make([]byte, 4096)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	base := sdptest.Base()
	for name, text := range map[string]string{
		"empty":             "",
		"hello":             "hello",
		"v=0 only":          "v=0",
		"v=0 line":          "v=0\r\n",
		"cut in o=":         base[:strings.Index(base, "o=")+12],
		"cut after o=":      base[:strings.Index(base, "s=-")],
		"random":            string(random),
		"other version":     sdptest.Base(sdptest.Replace("v=0", "v=1")),
		"no version":        sdptest.Base(sdptest.Without("v=")),
		"no origin":         sdptest.Base(sdptest.Without("o=")),
		"no name":           sdptest.Base(sdptest.Without("s=")),
		"short m=":          sdptest.Base(sdptest.Replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=audio 9 UDP/TLS/RTP/SAVPF")),
		"port":              sdptest.Base(sdptest.Replace("m=audio 9", "m=audio 65536")),
		"payload type":      sdptest.Base(sdptest.Replace("SAVPF 111", "SAVPF 128")),
		"payload type name": sdptest.Base(sdptest.Replace("SAVPF 111", "SAVPF opus")),
		"control character": sdptest.Base(sdptest.Replace("a=mid:0", "a=mid:0\rx")),
		"in unknown lines":  sdptest.Base(sdptest.Session("a=x:\x01")),
		"NUL":               sdptest.Base(sdptest.Replace("a=mid:0", "a=mid:0\x00")),
		"mid":               sdptest.Base(sdptest.Replace("a=mid:0", "a=mid:a b")),
		"same mid":          sdptest.Base(sdptest.Replace("a=mid:1", "a=mid:0")),
		"JSON":              `{"type":"offer","sdp":"v=0"}`,
		"long line":         sdptest.Base(sdptest.Session("a=x:" + strings.Repeat("x", 9000))),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, sdp.Publisher, text, true, sdp.CodeMalformedSDP)
			refused(t, sdp.Subscriber, text, true, sdp.CodeMalformedSDP)
		})
	}
}

func TestW11_LineFeedsAndUnknownAttributes(t *testing.T) {
	offer := sdptest.Base(sdptest.Session("a=x-foo:1", "a=y", "b=AS:100", "k=clear:x"), sdptest.Media("1", "a=x-foo:1", "b=TIAS:5", "i=title"), sdptest.LF)
	if strings.Contains(offer, "\r") {
		t.Fatal("fixture")
	}
	if got, want := published(t, offer).text, published(t, sdptest.Base()).text; got != want {
		t.Errorf("answers differ:\n%s\n%s", got, want)
	}
}

func TestW35_AnswerIsRecvonly(t *testing.T) {
	a := published(t, sdptest.Base())
	for i := range a.MediaDescriptions {
		a.want(t, i, "recvonly", "")
		if a.has(i, "sendrecv") || a.has(i, "sendonly") || a.has(i, "inactive") {
			t.Errorf("section %d has a second direction", i)
		}
	}
}

func TestW36_PublisherDirections(t *testing.T) {
	for _, d := range []string{"recvonly", "inactive"} {
		refused(t, sdp.Publisher, sdptest.Base(sdptest.Direction(d)), false, sdp.CodeWrongDirection)
		refused(t, sdp.Publisher, sdptest.Base(sdptest.Section("1", sdptest.Direction(d))), false, sdp.CodeWrongDirection)
		session := sdptest.Base(sdptest.Without("a=sendonly"), sdptest.Session("a="+d))
		refused(t, sdp.Publisher, session, false, sdp.CodeWrongDirection)
	}
	a := published(t, sdptest.Base(sdptest.Direction("sendrecv")))
	a.want(t, 0, "recvonly", "")
	a.want(t, 1, "recvonly", "")
	// A section's own direction counts, not the session's.
	published(t, sdptest.Base(sdptest.Session("a=inactive")))
}

func TestW37_NoDirectionMeansSendrecv(t *testing.T) {
	a := published(t, sdptest.Base(sdptest.Without("a=sendonly")))
	a.want(t, 0, "recvonly", "")
	a.want(t, 1, "recvonly", "")
}

func TestW38_OneBundle(t *testing.T) {
	published(t, sdptest.Base()).want(t, -1, "group", "BUNDLE 0 1")
	published(t, sdptest.GStreamer()).want(t, -1, "group", "BUNDLE video0 audio1")
	reversed := published(t, sdptest.Base(sdptest.Replace("BUNDLE 0 1", "BUNDLE 1 0 1")))
	reversed.want(t, -1, "group", "BUNDLE 1 0")
	if reversed.has(0, "candidate") || !reversed.has(1, "candidate") {
		t.Error("candidates are not in the group's first section")
	}
}

func TestW39_MaxBundleOnly(t *testing.T) {
	noBundle := sdptest.Without("a=group:BUNDLE")
	refused(t, sdp.Publisher, sdptest.Base(noBundle), false, sdp.CodeNotBundled)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace("BUNDLE 0 1", "BUNDLE 0")), false, sdp.CodeNotBundled)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace("BUNDLE 0 1", "BUNDLE 0\r\na=group:BUNDLE 1")), false, sdp.CodeNotBundled)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Without("a=mid:")), false, sdp.CodeNotBundled)

	published(t, sdptest.AudioOnly(noBundle)).want(t, -1, "group")
	published(t, sdptest.FFmpegAudioOnly()).want(t, -1, "group", "BUNDLE 0")
	published(t, sdptest.FFmpegVideoOnly()).want(t, -1, "group", "BUNDLE 1")

	// A lone section needs no mid; the answer adds none.
	alone := sdptest.AudioOnly(noBundle, sdptest.Without("a=mid:"))
	published(t, alone).want(t, 0, "mid")
	if mid := parse(t, sdp.Publisher, alone).Sections[0].MID; mid != "0" {
		t.Errorf("MID %q", mid)
	}
}

func TestW40_RTCPMux(t *testing.T) {
	a := published(t, sdptest.Base())
	a.want(t, 0, "rtcp-mux", "")
	a.want(t, 1, "rtcp-mux", "")
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Without("a=rtcp-mux")), false, sdp.CodeNoRTCPMux)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Section("1", sdptest.Without("a=rtcp-mux"))), false, sdp.CodeNoRTCPMux)
}

func TestW41_RTCPMuxOnly(t *testing.T) {
	for _, offer := range []string{sdptest.Base(), sdptest.OBS(), sdptest.FFmpeg()} {
		a := published(t, offer)
		a.want(t, 0, "rtcp-mux-only", "")
		a.want(t, 1, "rtcp-mux-only", "")
	}
}

func TestW42_AnyStreamIDs(t *testing.T) {
	published(t, sdptest.GStreamer())
	published(t, sdptest.BroadcastBox())
	published(t, sdptest.Base(sdptest.Section("1", sdptest.Replace("msid:d46fb922", "msid:ffffffff"))))
	published(t, sdptest.Base(sdptest.Without("a=msid:")))
}

func TestW43_OneSectionPerKind(t *testing.T) {
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Again("1", "2")), false, sdp.CodeTooManySections)
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Again("0", "2")), false, sdp.CodeTooManySections)
	// One that the offerer itself rejects does not count.
	a := published(t, sdptest.Base(sdptest.Again("1", "2"), sdptest.Section("2", sdptest.Replace("m=video 9", "m=video 0"))))
	if a.MediaDescriptions[2].MediaName.Port.Value != 0 {
		t.Error("a rejected section was answered")
	}
}

func TestW44_SomeMedia(t *testing.T) {
	refused(t, sdp.Publisher, sdptest.DataOnly(), false, sdp.CodeNoMedia)
	refused(t, sdp.Publisher, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", false, sdp.CodeNoMedia)
	published(t, sdptest.AudioOnly())
	published(t, sdptest.VideoOnly())
}

func TestW45_NoPartialAcceptance(t *testing.T) {
	vp6 := []sdptest.Mod{sdptest.Replace("VP8/90000", "VP6/90000"), sdptest.Replace("H264/90000", "VP6/90000")}
	e := refused(t, sdp.Publisher, sdptest.Base(vp6...), false, sdp.CodeUnsupportedCodec)
	if !strings.Contains(e.Detail, "H264") {
		t.Errorf("the detail does not say what to offer: %s", e.Detail)
	}
	all := append(vp6, sdptest.Replace("opus/48000/2", "speex/16000"))
	refused(t, sdp.Publisher, sdptest.Base(all...), false, sdp.CodeUnsupportedCodec)
	// No codec of ours, and the right one at the wrong clock or channel count.
	refused(t, sdp.Publisher, sdptest.AudioOnly(sdptest.Replace("opus/48000/2", "opus/16000/2")), false, sdp.CodeUnsupportedCodec)
	refused(t, sdp.Publisher, sdptest.AudioOnly(sdptest.Replace("opus/48000/2", "opus/48000/6")), false, sdp.CodeUnsupportedCodec)
}

func TestW46_DataSectionIsDeclined(t *testing.T) {
	a := published(t, sdptest.WithData())
	m := a.MediaDescriptions[2]
	if m.MediaName.Port.Value != 0 || m.ConnectionInformation == nil || m.MediaName.Formats[0] != "webrtc-datachannel" {
		t.Errorf("declined as %v", m.MediaName)
	}
	a.want(t, 2, "mid", "2")
	a.want(t, -1, "group", "BUNDLE 0 1")
}

func TestW47_BundleOnly(t *testing.T) {
	zero := sdptest.Replace("m=video 9", "m=video 0")
	a := published(t, sdptest.Base(zero, sdptest.Media("1", "a=bundle-only")))
	if a.MediaDescriptions[1].MediaName.Port.Value == 0 {
		t.Error("a bundle-only section was declined")
	}
	a.want(t, -1, "group", "BUNDLE 0 1")
	// Bundle-only sections may leave out what they share (RFC 9143 §7.1.3).
	bare := sdptest.Section("1", sdptest.Without("a=ice-"), sdptest.Without("a=fingerprint"), sdptest.Without("a=setup"), sdptest.Without("a=rtcp-mux"))
	published(t, sdptest.Base(zero, bare, sdptest.Media("1", "a=bundle-only")))

	a = published(t, sdptest.Base(zero))
	if a.MediaDescriptions[1].MediaName.Port.Value != 0 {
		t.Error("a section the offerer rejected was accepted")
	}
	a.want(t, -1, "group", "BUNDLE 0")
	refused(t, sdp.Publisher, sdptest.VideoOnly(zero), false, sdp.CodeNoMedia)
}

func TestW59_Protocols(t *testing.T) {
	for _, proto := range []string{"RTP/SAVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP"} {
		a := published(t, sdptest.Base(sdptest.Replace("UDP/TLS/RTP/SAVPF", proto)))
		for _, m := range a.MediaDescriptions {
			if got := strings.Join(m.MediaName.Protos, "/"); got != proto {
				t.Errorf("answered %s, want %s", got, proto)
			}
		}
	}
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")), false, sdp.CodeUnsupportedTransport)
}
