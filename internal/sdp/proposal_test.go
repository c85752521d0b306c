package sdp_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
)

// proposal offers sound and H264 in two profiles to a far end of a role.
func proposal(far sdp.Role) *sdp.Proposal {
	p := &sdp.Proposal{
		Far: far, Ufrag: "ourufrag", Pwd: "ourpasswordourpasswordourpasswor",
		Fingerprint: "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"),
		Candidates:  []string{"candidate:1 1 udp 2130706431 192.0.2.1 8080 typ host"}, SessionID: 4711,
		Sections: []sdp.Proposed{
			{
				Kind: codec.Audio, MID: "0", Extensions: []sdp.Extension{{2, codec.TransportCC}, {3, codec.AudioLevel}},
				Codecs: []sdp.Codec{{Format: codec.Format{Name: codec.Opus}, PT: 111, Channels: 2}},
			},
			{
				Kind: codec.Video, MID: "1", Extensions: []sdp.Extension{{2, codec.TransportCC}, {5, codec.VideoOrientation}},
				Codecs: []sdp.Codec{
					{Format: codec.Format{Name: codec.H264, Profile: 0x640c, Mode: 1}, PT: 96, RTX: 97, Fmtp: "packetization-mode=1;profile-level-id=640c2a"},
					{Format: codec.Format{Name: codec.H264, Profile: 0x42e0, Mode: 1}, PT: 98, RTX: 99, Fmtp: "packetization-mode=1;profile-level-id=42e02a"},
				},
			},
		},
	}
	if far == sdp.Subscriber {
		p.Sections[0].Track = sdp.AnswerTrack{SSRC: 1000, StreamID: "whippet", TrackID: "sound", CNAME: "cname"}
		p.Sections[1].Track = sdp.AnswerTrack{SSRC: 1001, RTXSSRC: 2001, StreamID: "whippet", TrackID: "picture", CNAME: "cname"}
	}
	return p
}

// TestProposalIsAnOffer: what we offer passes our own checks of offers, says who sends, leaves
// the role in DTLS open, and what we answer to it is read as what both sides know.
func TestProposalIsAnOffer(t *testing.T) {
	for far, offerer := range map[sdp.Role]sdp.Role{sdp.Subscriber: sdp.Publisher, sdp.Publisher: sdp.Subscriber} {
		p := proposal(far)
		text := string(p.Text())
		readAnswer(t, []byte(text)) // by another parser
		o := parse(t, offerer, text)
		if o.Setup != sdp.ActPass || o.Ufrag != p.Ufrag || len(o.Candidates) != 1 || len(o.Sections) != 2 {
			t.Errorf("read as %+v", o)
		}
		direction := map[sdp.Role]string{sdp.Subscriber: "a=sendonly", sdp.Publisher: "a=recvonly"}[far]
		if strings.Count(text, direction+"\r\n") != 2 {
			t.Errorf("no %s twice in\n%s", direction, text)
		}
		if far == sdp.Subscriber && (!slices.Equal(o.Sections[1].SSRCs, []uint32{1001}) || o.Sections[1].Repairs[2001] != 1001) {
			t.Errorf("sources %v %v", o.Sections[1].SSRCs, o.Sections[1].Repairs)
		}
		got, err := p.ReadAnswer(o.Answer(ours(o)))
		if err != nil {
			t.Fatal(err)
		}
		video := got.Section(codec.Video)
		if got.Role != far || got.Setup != sdp.Passive || got.Ufrag != "ourufrag" || len(got.Candidates) != 2 || len(video.Codecs) != 2 {
			t.Errorf("answer read as %+v", got)
		}
		want := sdp.Feedback{NACK: true, PLI: true, FIR: true, TransportCC: true}
		if f := video.Feedback(); f != want || video.Codecs[0].RTX != 97 {
			t.Errorf("feedback %+v, codecs %+v", f, video.Codecs)
		}
	}
}

// foreign is an answer in the manner of servers that are not ours.
const foreign = `v=0
o=- 1 2 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0 1
a=fingerprint:sha-256 DD:BF:5D:6F:0C:01:5F:93:A7:CA:86:1D:39:2C:8B:17:21:AB:40:5C:6B:9E:60:FE:26:1A:0D:5A:6C:24:49:D7
a=ice-lite
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=setup:active
a=mid:0
a=ice-ufrag:farufrag
a=ice-pwd:farpasswordfarpasswordfarpasswor
a=candidate:1 1 udp 2130706431 198.51.100.7 9000 typ host
a=candidate:1 1 udp 2130706431 far.example 9000 typ host
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=extmap:9 urn:ietf:params:rtp-hdrext:ssrc-audio-level
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=setup:active
a=mid:1
a=ice-ufrag:farufrag
a=ice-pwd:farpasswordfarpasswordfarpasswor
a=candidate:1 1 udp 2130706431 198.51.100.7 9000 typ host
a=candidate:2 1 udp 2130706175 198.51.100.8 9000 typ host
a=recvonly
a=rtcp-mux
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=42e01f
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
`

func TestReadForeignAnswer(t *testing.T) {
	o, err := proposal(sdp.Subscriber).ReadAnswer([]byte(foreign))
	if err != nil {
		t.Fatal(err)
	}
	if o.Setup != sdp.Active || !o.Lite || len(o.Candidates) != 2 || o.Ufrag != "farufrag" {
		t.Errorf("read as %+v", o)
	}
	if e := o.Section(codec.Audio).Extensions; len(e) != 0 {
		t.Errorf("an extension under an id that was not offered: %v", e)
	}
	video := o.Section(codec.Video)
	want := codec.Format{Name: codec.H264, Profile: 0x640c, Mode: 1} // the far end writes another profile for the same type
	if c := video.Codecs; len(c) != 1 || c[0].Format != want || c[0].PT != 96 || c[0].RTX != 0 {
		t.Errorf("codecs %+v", c)
	}
	if f := video.Feedback(); f != (sdp.Feedback{PLI: true, REMB: true}) {
		t.Errorf("feedback %+v", f)
	}
}

func TestReadAnswerVariants(t *testing.T) {
	without := func(lines ...string) func(string) string {
		return func(s string) string {
			for _, l := range lines {
				s = strings.ReplaceAll(s, l+"\n", "")
			}
			return s
		}
	}
	replace := func(from, to string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, from, to) }
	}
	both := func(o *sdp.Offer) bool { return o.Section(codec.Audio) != nil && o.Section(codec.Video) != nil }
	sound := func(o *sdp.Offer) bool { return o.Section(codec.Audio) != nil && o.Section(codec.Video) == nil }
	for name, c := range map[string]struct {
		change func(string) string
		want   func(*sdp.Offer) bool // nil: refused, with code
		code   string
	}{
		"no role":         {without("a=setup:active"), func(o *sdp.Offer) bool { return both(o) && o.Setup == sdp.Passive }, ""},
		"no mids":         {without("a=mid:0", "a=mid:1"), both, ""},
		"both directions": {replace("a=recvonly", "a=sendrecv"), both, ""},
		"no direction":    {without("a=recvonly"), both, ""},
		"other type":      {replace(":96 ", ":98 "), nil, sdp.CodeUnsupportedCodec}, // the m= line still has 96, which means nothing then
		"own type": {func(s string) string {
			return strings.NewReplacer(":96 ", ":120 ", "SAVPF 96", "SAVPF 120", "profile-level-id=42e01f", "packetization-mode=1;profile-level-id=42e01f").Replace(s)
		}, func(o *sdp.Offer) bool { return both(o) && o.Section(codec.Video).Codecs[0].PT == 120 }, ""},
		"video declined": {func(s string) string {
			return strings.NewReplacer("m=video 9", "m=video 0", "BUNDLE 0 1", "BUNDLE 0").Replace(s)
		}, sound, ""},
		"video inactive": {func(s string) string {
			i := strings.Index(s, "m=video")
			return strings.Replace(s[:i], "BUNDLE 0 1", "BUNDLE 0", 1) + strings.Replace(s[i:], "recvonly", "inactive", 1)
		}, sound, ""},
		"all declined": {replace(" 9 UDP", " 0 UDP"), nil, sdp.CodeNoMedia},
		"sends too":    {replace("a=recvonly", "a=sendonly"), nil, sdp.CodeWrongDirection},
		"unbundled":    {without("a=group:BUNDLE 0 1"), nil, sdp.CodeNotBundled},
		"one section":  {func(s string) string { return s[:strings.Index(s, "m=video")] }, nil, sdp.CodeMalformedSDP},
		"swapped": {func(s string) string {
			return strings.NewReplacer("m=audio", "m=video", "m=video", "m=audio").Replace(s)
		}, nil, sdp.CodeMalformedSDP},
		"other mid":         {replace("a=mid:1", "a=mid:video"), nil, sdp.CodeMalformedSDP},
		"no fingerprint":    {func(s string) string { return replace("a=fingerprint:", "a=x:")(s) }, nil, sdp.CodeNoFingerprint},
		"no credentials":    {without("a=ice-pwd:farpasswordfarpasswordfarpasswor"), nil, sdp.CodeNoICECredentials},
		"no SDP":            {func(string) string { return "<html>" }, nil, sdp.CodeMalformedSDP},
		"codec not offered": {replace("H264/90000", "VP8/90000"), nil, sdp.CodeUnsupportedCodec},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := proposal(sdp.Subscriber).ReadAnswer([]byte(c.change(foreign)))
			var e *sdp.Error
			switch {
			case c.want != nil && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != nil && !c.want(o):
				t.Errorf("read as %+v", o)
			case c.want == nil && (!errors.As(err, &e) || e.Code != c.code):
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

// FuzzReadAnswer: any body is refused with an error of ours, or holds what was proposed.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(foreign))
	for _, far := range []sdp.Role{sdp.Publisher, sdp.Subscriber} {
		f.Add(proposal(far).Text())
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, far := range []sdp.Role{sdp.Publisher, sdp.Subscriber} {
			p := proposal(far)
			o, err := p.ReadAnswer(body)
			var e *sdp.Error
			if err != nil {
				if !errors.As(err, &e) || e.Code == "" || o != nil {
					t.Fatalf("error %#v", err)
				}
				continue
			}
			checkOffer(t, o)
			if o.Setup == sdp.ActPass || len(o.Sections) != 2 {
				t.Fatalf("read as %+v", o)
			}
			for i := range o.Sections {
				for _, c := range o.Sections[i].Codecs {
					offered := func(p sdp.Codec) bool { return p.Format == c.Format }
					if !slices.ContainsFunc(p.Sections[i].Codecs, offered) {
						t.Fatalf("codec %+v", c)
					}
				}
			}
		}
	})
}
