package sdp_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

var (
	h264   = codec.Format{Name: codec.H264, Profile: 0x42e0, Mode: 1}
	opus   = codec.Format{Name: codec.Opus}
	vp8    = codec.Format{Name: codec.VP8}
	noH264 = sdptest.Section("1", sdptest.Replace("96 97 102", "96 97"), sdptest.Without("a=rtpmap:102"), sdptest.Without("a=fmtp:102"))
)

func TestE8_Accepted(t *testing.T) {
	a := viewed(t, sdptest.View())
	if len(a.MediaDescriptions) != 2 || a.formats(0)[0] != "111" {
		t.Errorf("%s", a.text)
	}
}

func TestE11_RefusalsByKind(t *testing.T) {
	refused(t, sdp.Subscriber, "", true, sdp.CodeMalformedSDP)
	refused(t, sdp.Subscriber, "garbage", true, sdp.CodeMalformedSDP)
	refused(t, sdp.Subscriber, sdptest.View(sdptest.Direction("sendonly")), false, sdp.CodeWrongDirection)
	refused(t, sdp.Subscriber, sdptest.View(sdptest.Without("a=group")), false, sdp.CodeNotBundled)
	refused(t, sdp.Subscriber, sdptest.View(sdptest.Without("a=rtcp-mux")), false, sdp.CodeNoRTCPMux)
}

func TestE13_SubscriberDirections(t *testing.T) {
	for _, offer := range []string{sdptest.View(), sdptest.View(sdptest.Direction("sendrecv")), sdptest.View(sdptest.Without("a=recvonly"))} {
		a := viewed(t, offer)
		a.want(t, 0, "sendonly", "")
		a.want(t, 1, "sendonly", "")
		if a.has(0, "recvonly") || a.has(0, "sendrecv") {
			t.Error("a second direction")
		}
	}
	for _, d := range []string{"sendonly", "inactive"} {
		refused(t, sdp.Subscriber, sdptest.View(sdptest.Direction(d)), false, sdp.CodeWrongDirection)
	}
}

func TestE14_PartialAcceptance(t *testing.T) {
	unknownVideo := []sdptest.Mod{sdptest.Replace("VP8/90000", "VP6/90000"), sdptest.Replace("H264/90000", "VP6/90000")}
	a := viewed(t, sdptest.View(unknownVideo...))
	if a.MediaDescriptions[0].MediaName.Port.Value == 0 || a.MediaDescriptions[1].MediaName.Port.Value != 0 {
		t.Errorf("%s", a.text)
	}
	a.want(t, -1, "group", "BUNDLE 0")
	e := refused(t, sdp.Subscriber, sdptest.View(append(unknownVideo, sdptest.Replace("opus/48000/2", "speex/8000"))...), false, sdp.CodeUnsupportedCodec)
	if !strings.Contains(e.Detail, "H264") {
		t.Errorf("the detail does not say what is forwarded: %s", e.Detail)
	}
	refused(t, sdp.Subscriber, sdptest.DataOnly(), false, sdp.CodeNoMedia)

	// More than one section of a kind: the first one that can be served.
	a = viewed(t, sdptest.View(sdptest.Again("1", "2")))
	if a.MediaDescriptions[1].MediaName.Port.Value == 0 || a.MediaDescriptions[2].MediaName.Port.Value != 0 {
		t.Errorf("%s", a.text)
	}
	a = viewed(t, sdptest.View(sdptest.Again("1", "2"), sdptest.Section("1", unknownVideo...)))
	if a.MediaDescriptions[1].MediaName.Port.Value != 0 || a.MediaDescriptions[2].MediaName.Port.Value == 0 {
		t.Errorf("%s", a.text)
	}
	a.want(t, -1, "group", "BUNDLE 0 2")
}

func TestE15_ShapeOfADeclinedSection(t *testing.T) {
	a := viewed(t, sdptest.View(sdptest.Replace("VP8/90000", "VP6/90000"), sdptest.Replace("H264/90000", "VP6/90000")))
	m := a.MediaDescriptions[1]
	if m.MediaName.Port.Value != 0 || m.ConnectionInformation == nil || !slices.Equal(m.MediaName.Formats, []string{"96"}) {
		t.Errorf("%+v", m)
	}
	a.want(t, 1, "mid", "1")
	a.want(t, 1, "inactive", "")
	a.want(t, 1, "rtcp-mux", "")
	a.want(t, 1, "rtpmap", "96 VP6/90000")
}

// The section whose transport all share cannot be declined: Chromium then fails
// the answer. It stays, without media.
func TestE15_TaggedSectionStaysIdle(t *testing.T) {
	unknownAudio := sdptest.Replace("opus/48000/2", "speex/8000")
	for _, offer := range []string{sdptest.View(unknownAudio), sdptest.View(unknownAudio, sdptest.Replace("BUNDLE 0 1", "BUNDLE zz 0 1"))} {
		a := viewed(t, offer)
		m := a.MediaDescriptions[0]
		if m.MediaName.Port.Value != 9 || m.ConnectionInformation == nil || !slices.Equal(m.MediaName.Formats, []string{"111"}) {
			t.Errorf("%+v", m.MediaName)
		}
		a.want(t, -1, "group", "BUNDLE 0 1")
		a.want(t, 0, "inactive", "")
		a.want(t, 0, "mid", "0")
		a.want(t, 0, "rtcp-mux", "")
		a.want(t, 0, "rtpmap", "111 speex/8000")
		a.want(t, 0, "setup", "passive")
		a.want(t, 0, "msid")
		a.want(t, 1, "sendonly", "")
		if !a.has(0, "candidate") || a.has(1, "candidate") || !a.has(0, "ice-ufrag") || !a.has(0, "fingerprint") {
			t.Errorf("transport:\n%s", a.text)
		}
		o := parse(t, sdp.Subscriber, offer)
		if o.Sections[0].Accepted || o.Ufrag == "" {
			t.Errorf("%+v", o.Sections[0])
		}
		if f := fragment(t, string(sdp.WriteFragment(o, ours(o)))); !slices.Equal(f.MIDs, []string{"0"}) {
			t.Errorf("restart names %q", f.MIDs)
		}
	}
	a := viewed(t, sdptest.ViewWithData(sdptest.Replace("BUNDLE 0 1 2", "BUNDLE 2 0 1")))
	if m := a.MediaDescriptions[2]; m.MediaName.Port.Value != 9 {
		t.Errorf("%+v", m.MediaName)
	}
	a.want(t, -1, "group", "BUNDLE 2 0 1")
	a.want(t, 2, "sctp-port", "5000")
	// One that its own offerer rejects is not the tagged one.
	a = viewed(t, sdptest.View(sdptest.Replace("m=audio 9", "m=audio 0")))
	if a.MediaDescriptions[0].MediaName.Port.Value != 0 {
		t.Error("a section the offerer rejected is alive")
	}
	a.want(t, -1, "group", "BUNDLE 1")
}

func TestE16_DataSectionIsDeclined(t *testing.T) {
	a := viewed(t, sdptest.ViewWithData())
	if len(a.MediaDescriptions) != 3 || a.MediaDescriptions[2].MediaName.Port.Value != 0 {
		t.Errorf("%s", a.text)
	}
	a.want(t, 2, "mid", "2")
	a.want(t, -1, "group", "BUNDLE 0 1")
}

func TestE17_ManyPayloadTypes(t *testing.T) {
	text := sdptest.Recorded("chromium-whep")
	o := parse(t, sdp.Subscriber, text)
	if n := len(o.Section(codec.Video).Codecs); n != 15 {
		t.Errorf("%d video formats, want all 15", n)
	}
	for _, source := range []codec.Format{h264, vp8, {Name: codec.VP9}, {Name: codec.VP9, Profile: 2}, {Name: codec.AV1}, {Name: codec.H264, Profile: 0x4d00, Mode: 1}} {
		a := ours(o)
		a.Tracks[0].Source = source
		first := readAnswer(t, o.Answer(a)).formats(0)[0]
		var pt uint8
		for _, c := range o.Sections[0].Codecs {
			if c.Format == source {
				pt = c.PT
			}
		}
		if first != sprintf("%d", pt) {
			t.Errorf("%v: first payload type %s, want %d", source, first, pt)
		}
	}
	seen := map[string]bool{}
	a := viewed(t, text)
	for i := range a.MediaDescriptions {
		for _, pt := range a.formats(i) {
			if seen[pt] {
				t.Errorf("payload type %s twice", pt)
			}
			seen[pt] = true
		}
	}
}

func TestE17_NoCollisionsAcrossSections(t *testing.T) {
	// The audio section uses 96 too: in one bundle it has but one meaning.
	offer := sdptest.View(sdptest.Section("0", sdptest.Replace("111", "96")))
	a := viewed(t, offer)
	if got := append(a.formats(0), a.formats(1)...); !slices.Equal(got, []string{"96", "102"}) {
		t.Errorf("payload types %q", got)
	}
	refused(t, sdp.Publisher, sdptest.Base(sdptest.Section("0", sdptest.Replace("111", "96")), noH264), false, sdp.CodeUnsupportedCodec)
	// A colliding RTX is left out alone.
	a = viewed(t, sdptest.View(sdptest.Section("0", sdptest.Replace("111", "97"))))
	if got := append(a.formats(0), a.formats(1)...); !slices.Equal(got, []string{"97", "96", "102"}) {
		t.Errorf("payload types %q", got)
	}
}

func TestE18_NeededCodecIsNamed(t *testing.T) {
	o := parse(t, sdp.Subscriber, sdptest.View(noH264))
	var e *sdp.Error
	if err := o.MatchSource([]codec.Format{opus, h264}); !errors.As(err, &e) || e.Malformed || e.Code != sdp.CodeUnsupportedCodec || !strings.Contains(e.Detail, "H264") {
		t.Errorf("%v", err)
	}
	if err := o.MatchSource([]codec.Format{{Name: codec.G722}, vp8}); !errors.As(err, &e) || !strings.Contains(e.Detail, "G722") {
		t.Errorf("%v", err)
	}
	for name, formats := range map[string][]codec.Format{
		"both fit": {opus, vp8}, "one alternative fits": {h264, vp8}, "no video": {opus}, "no audio": {vp8}, "nothing yet": nil,
	} {
		if err := o.MatchSource(formats); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := parse(t, sdp.Subscriber, sdptest.View(sdptest.Replace("m=video 9", "m=video 0"))).MatchSource([]codec.Format{opus, {Name: codec.AV1}}); err != nil {
		t.Errorf("audio alone was offered: %v", err)
	}
}

func TestE18_SourceFormatComesFirst(t *testing.T) {
	o := parse(t, sdp.Subscriber, sdptest.View())
	a := ours(o)
	a.Tracks[1].Source = h264
	if got := readAnswer(t, o.Answer(a)).formats(1); !slices.Equal(got, []string{"102", "96", "97"}) {
		t.Errorf("payload types %q", got)
	}
	a.Tracks[1].Source = codec.Format{}
	if got := readAnswer(t, o.Answer(a)).formats(1); !slices.Equal(got, []string{"96", "97", "102"}) {
		t.Errorf("payload types %q", got)
	}
}

func TestE19_H264Matching(t *testing.T) {
	s := parse(t, sdp.Subscriber, sdptest.Recorded("chromium-whep")).Section(codec.Video)
	// An exact profile wins over the offer's order; the mode must be the same.
	if got := s.Preferring(codec.Format{Name: codec.H264, Profile: 0x4d00, Mode: 0})[0]; got.PT != 39 {
		t.Errorf("payload type %d", got.PT)
	}
	var order []uint8
	for _, c := range s.Preferring(codec.Format{Name: codec.VP9, Profile: 1}) {
		order = append(order, c.PT)
	}
	if want := []uint8{35, 96, 98, 100, 37, 102, 104, 108, 114, 116, 39, 41, 43, 45, 47}; !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
	if s.Codecs[0].PT != 96 {
		t.Error("the offer was changed")
	}
	// A profile that nobody offers goes out as the first of the same mode.
	high := codec.Format{Name: codec.H264, Profile: 0x6400, Mode: 1}
	if got := s.Preferring(high)[0]; got.PT != 102 {
		t.Errorf("payload type %d", got.PT)
	}
	o := parse(t, sdp.Subscriber, sdptest.View())
	if err := o.MatchSource([]codec.Format{high}); err != nil {
		t.Error(err)
	}
	var e *sdp.Error
	if err := o.MatchSource([]codec.Format{{Name: codec.H264, Profile: 0x42e0}}); !errors.As(err, &e) || !strings.Contains(e.Detail, "packetization-mode=0") {
		t.Errorf("%v", err)
	}
}

func TestE20_OneStream(t *testing.T) {
	a := viewed(t, sdptest.View())
	a.want(t, 0, "msid", "whippet track0")
	a.want(t, 1, "msid", "whippet track1")
}

func TestE22_BundleAndMux(t *testing.T) {
	a := viewed(t, sdptest.View())
	a.want(t, -1, "group", "BUNDLE 0 1")
	for i := range 2 {
		a.want(t, i, "rtcp-mux", "")
		a.want(t, i, "rtcp-mux-only", "")
	}
}

func TestE23_Setup(t *testing.T) {
	for offered, want := range map[string]string{"actpass": "passive", "active": "passive", "passive": "active"} {
		viewed(t, sdptest.View(sdptest.Replace("setup:actpass", "setup:"+offered))).want(t, 0, "setup", want)
	}
}

func TestE24_Sources(t *testing.T) {
	a := viewed(t, sdptest.View())
	a.want(t, 1, "ssrc-group", "FID 1001 2001")
	a.want(t, 1, "ssrc", "1001 cname:cname", "1001 msid:whippet track1", "2001 cname:cname", "2001 msid:whippet track1")
	// No RTX offered for audio: no retransmission stream, though the caller has one.
	a.want(t, 0, "ssrc-group")
	a.want(t, 0, "ssrc", "1000 cname:cname", "1000 msid:whippet track0")
	// Without a track nothing is declared.
	o := parse(t, sdp.Subscriber, sdptest.View())
	mine := ours(o)
	mine.Tracks = mine.Tracks[:1]
	a = readAnswer(t, o.Answer(mine))
	a.want(t, 1, "ssrc")
	a.want(t, 1, "msid")
	a.want(t, 1, "sendonly", "")
	// A publisher's answer declares nothing, whatever the caller says.
	p := parse(t, sdp.Publisher, sdptest.Base())
	withTracks := ours(p)
	withTracks.Tracks = mine.Tracks
	readAnswer(t, p.Answer(withTracks)).want(t, 0, "ssrc")
}

func TestE25_Extensions(t *testing.T) {
	a := viewed(t, sdptest.Recorded("medooze-whep"))
	a.want(t, 0, "extmap", "1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01")
	for _, v := range a.values(1, "extmap") {
		if strings.Contains(v, "sdes") || strings.Contains(v, "abs-send-time") || strings.Contains(v, "toffset") {
			t.Errorf("extension %s", v)
		}
	}
	ids := parse(t, sdp.Subscriber, sdptest.Recorded("medooze-whep")).Section(codec.Video).ExtensionIDs()
	if ids[codec.PlayoutDelay] != 5 || ids[codec.TransportCC] != 3 || ids[codec.MID] != 0 {
		t.Errorf("ids %v", ids)
	}
	// Transport-wide numbers are of no use without reports on them.
	viewed(t, sdptest.View(sdptest.Without("a=rtcp-fb"))).want(t, 1, "extmap")
}

func TestE26_OpusStereo(t *testing.T) {
	o := parse(t, sdp.Subscriber, sdptest.View())
	a := ours(o)
	if got := readAnswer(t, o.Answer(a)).of(0, "fmtp", "111"); len(got) != 1 || !strings.Contains(got[0], "sprop-stereo=1") || !strings.Contains(got[0], ";stereo=1") {
		t.Errorf("%q", got)
	}
	a.Tracks[0].Mono = true
	if got := readAnswer(t, o.Answer(a)).of(0, "fmtp", "111"); len(got) != 1 || strings.Contains(got[0], "stereo") {
		t.Errorf("%q", got)
	}
}

// Section 3.14: what satisfies every known client.
func TestAnswerThatSatisfiesAll(t *testing.T) {
	everyOffer(t, func(t *testing.T, role sdp.Role, text string) {
		o := parse(t, role, text)
		a := readAnswer(t, o.Answer(ours(o)))
		offered := readAnswer(t, []byte(text))
		for i, s := range o.Sections {
			if !s.Accepted {
				continue
			}
			a.want(t, i, "mid", offered.values(i, "mid")...)
			a.want(t, i, "rtcp-mux", "")
			a.want(t, i, "rtcp-mux-only", "")
			a.want(t, i, "setup", o.AnswerSetup().String())
			a.want(t, i, "ice-ufrag", "ourufrag")
			if !a.has(i, "recvonly") && !a.has(i, "sendonly") {
				t.Error("no direction")
			}
			for _, pt := range a.formats(i) {
				if !slices.Contains(offered.formats(i), pt) {
					t.Errorf("payload type %s was not offered", pt)
				}
				for _, fb := range a.of(i, "rtcp-fb", pt) {
					if !slices.Contains(offered.of(i, "rtcp-fb", pt), fb) {
						t.Errorf("feedback %s of %s was not offered", fb, pt)
					}
				}
			}
			for _, e := range a.values(i, "extmap") {
				if !slices.Contains(offered.values(i, "extmap"), e) {
					t.Errorf("extension %s was not offered", e)
				}
			}
			if a.has(i, "rtcp-rsize") && !offered.has(i, "rtcp-rsize") {
				t.Error("rtcp-rsize was not offered")
			}
			if got, want := len(a.values(i, "rid")), len(offered.values(i, "rid")); got != want {
				t.Errorf("%d rids, offered %d", got, want)
			}
		}
	})
}
