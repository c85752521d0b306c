package sdp_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

var sprintf = fmt.Sprintf

func TestW54_PayloadTypes(t *testing.T) {
	a := published(t, sdptest.OBS())
	if got := append(a.formats(0), a.formats(1)...); !slices.Equal(got, []string{"111", "96"}) {
		t.Errorf("payload types %q", got)
	}
	a = published(t, sdptest.Base())
	if got := a.formats(1); !slices.Equal(got, []string{"96", "97", "102"}) {
		t.Errorf("payload types %q", got)
	}
	a.want(t, 1, "rtpmap", "96 VP8/90000", "97 rtx/90000", "102 H264/90000")
	a.want(t, 1, "fmtp", "97 apt=96", "102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
}

func TestW54_H264Profiles(t *testing.T) {
	for fmtp, want := range map[string]codec.Format{
		"packetization-mode=1;profile-level-id=42e01f":                              {Name: codec.H264, Profile: 0x42e0, Mode: 1},
		"packetization-mode=1;profile-level-id=640033":                              {Name: codec.H264, Profile: 0x6400, Mode: 1},
		"profile-level-id=4D001F":                                                   {Name: codec.H264, Profile: 0x4d00},
		" Packetization-Mode=0 ; PROFILE-LEVEL-ID=42c01f;sprop-parameter-sets=Z0==": {Name: codec.H264, Profile: 0x42c0},
		"packetization-mode=1;profile-level-id=422001f":                             {Name: codec.H264, Profile: 0x42e0, Mode: 1}, // FFmpeg 8.0
		"level-asymmetry-allowed=1":                                                 {Name: codec.H264, Profile: 0x4200},
	} {
		offer := sdptest.Base(sdptest.Replace("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", fmtp))
		s := parse(t, sdp.Publisher, offer).Section(codec.Video)
		if got := s.Formats()[102]; got != want {
			t.Errorf("%q: %+v, want %+v", fmtp, got, want)
		}
		if !strings.Contains(published(t, offer).text, "a=rtpmap:102 H264/90000\r\n") {
			t.Errorf("%q: payload type not answered", fmtp)
		}
	}
	for _, fmtp := range []string{"profile-level-id=xyz", "profile-level-id=42", "packetization-mode=3", "packetization-mode=", "profile-level-id=42e01f00"} {
		offer := sdptest.Base(sdptest.Replace("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", fmtp))
		if _, ok := parse(t, sdp.Publisher, offer).Section(codec.Video).Formats()[102]; ok {
			t.Errorf("%q was accepted", fmtp)
		}
	}
}

func TestW54_OtherProfiles(t *testing.T) {
	s := parse(t, sdp.Publisher, sdptest.Chrome()).Section(codec.Video)
	formats := s.Formats()
	for pt, want := range map[uint8]codec.Format{
		98: {Name: codec.VP9}, 100: {Name: codec.VP9, Profile: 2}, 45: {Name: codec.AV1}, 96: {Name: codec.VP8},
	} {
		if formats[pt] != want {
			t.Errorf("payload type %d: %+v, want %+v", pt, formats[pt], want)
		}
	}
	if got := s.RepairTypes(); got[97] != 96 || got[46] != 45 || len(got) != len(s.Codecs) {
		t.Errorf("repair types %v", got)
	}
	h265 := sdptest.Base(sdptest.Replace("H264/90000", "H265/90000"), sdptest.Replace("profile-level-id=42e01f", "level-id=93"))
	if got := parse(t, sdp.Publisher, h265).Section(codec.Video).Formats()[102]; got != (codec.Format{Name: codec.H265, Profile: 1}) {
		t.Errorf("H265: %+v", got)
	}
}

// The formats that need no rtpmap (RFC 3551 §6), and letter case.
func TestW54_StaticTypes(t *testing.T) {
	s := parse(t, sdp.Publisher, sdptest.AudioOnly(sdptest.Replace("SAVPF 111", "SAVPF 8 0 9 13 111"), sdptest.Replace("opus/", "OPUS/"))).Section(codec.Audio)
	want := map[uint8]codec.Format{0: {Name: codec.PCMU}, 8: {Name: codec.PCMA}, 9: {Name: codec.G722}, 111: {Name: codec.Opus}}
	got := s.Formats()
	if len(got) != len(want) {
		t.Fatalf("formats %v", got)
	}
	for pt, f := range want {
		if got[pt] != f {
			t.Errorf("payload type %d: %+v", pt, got[pt])
		}
	}
	if s.Codecs[0].PT != 8 {
		t.Error("not in the offer's order")
	}
}

// Payload types that look like RTCP behind a mux are of no use (RFC 5761 §4).
func TestW54_TypesThatLookLikeRTCP(t *testing.T) {
	refused(t, sdp.Publisher, sdptest.AudioOnly(sdptest.Replace("111", "72")), false, sdp.CodeUnsupportedCodec)
	published(t, sdptest.AudioOnly(sdptest.Replace("111", "63")))
}

func TestW54_DuplicateFormats(t *testing.T) {
	offer := sdptest.Base(sdptest.Replace("96 97 102", "96 97 102 120 121"), sdptest.Media("1",
		"a=rtpmap:120 VP8/90000", "a=rtpmap:121 rtx/90000", "a=fmtp:121 apt=120"))
	if got := published(t, offer).formats(1); !slices.Equal(got, []string{"96", "97", "102"}) {
		t.Errorf("payload types %q, want one of each format", got)
	}
}

func TestW54_SenderPropertiesAreNotEchoed(t *testing.T) {
	a := published(t, sdptest.GStreamer())
	a.want(t, 0, "fmtp", "96 packetization-mode=1;profile-level-id=42c01f;level-asymmetry-allowed=1", "97 apt=96")
	if got := a.formats(0); !slices.Equal(got, []string{"96", "97"}) {
		t.Errorf("payload types %q: redundancy is not forwarded", got)
	}
}

func TestW55_Extensions(t *testing.T) {
	a := published(t, sdptest.OBS())
	a.want(t, 0, "extmap")
	a.want(t, 1, "extmap", "1 urn:ietf:params:rtp-hdrext:sdes:mid", "2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id")
	if a.has(-1, "extmap-allow-mixed") {
		t.Error("extmap-allow-mixed was not offered")
	}
	session := published(t, sdptest.FFmpeg())
	session.want(t, -1, "extmap-allow-mixed", "")
	session.want(t, 0, "extmap-allow-mixed")
	media := published(t, sdptest.Base(sdptest.Media("1", "a=extmap-allow-mixed")))
	media.want(t, -1, "extmap-allow-mixed")
	media.want(t, 0, "extmap-allow-mixed")
	media.want(t, 1, "extmap-allow-mixed", "")
}

func TestW55_PublisherExtensions(t *testing.T) {
	s := parse(t, sdp.Publisher, sdptest.ChromeSim()).Section(codec.Video)
	want := map[uint8]codec.Extension{
		3: codec.TransportCC, 4: codec.MID, 5: codec.PlayoutDelay, 6: codec.VideoContentType, 8: codec.ColorSpace, 9: codec.VideoLayers,
		10: codec.RID, 11: codec.RepairedRID, 12: codec.DependencyDescriptor, 13: codec.VideoOrientation,
	}
	got := s.ExtensionsByID()
	for id, e := range want {
		if got[id] != e {
			t.Errorf("id %d: %v, want %v", id, got[id], e)
		}
	}
	if len(got) != len(want) || !s.Mixed {
		t.Errorf("extensions %v, mixed %t", got, s.Mixed)
	}
	if ids := s.ExtensionIDs(); ids[codec.RID] != 10 || len(ids) != len(want) {
		t.Errorf("ids %v", ids)
	}
}

func TestW55_BadExtensionLines(t *testing.T) {
	mid := "urn:ietf:params:rtp-hdrext:sdes:mid"
	for lines, want := range map[string][]string{
		"a=extmap:0 " + mid:                            nil,
		"a=extmap:15 " + mid:                           nil,
		"a=extmap:256 " + mid:                          nil,
		"a=extmap:x " + mid:                            nil,
		"a=extmap:5":                                   nil,
		"a=extmap:5/inactive " + mid:                   nil,
		"a=extmap:5/recvonly " + mid:                   nil,
		"a=extmap:5/sendonly " + mid:                   {"5 " + mid},
		"a=extmap:200 " + mid:                          {"200 " + mid},
		"a=extmap:5 " + mid + "\r\na=extmap:6 " + mid:  {"5 " + mid},
		"a=extmap:5 " + mid + " some attributes":       {"5 " + mid},
		"a=extmap:5 " + mid + "\r\na=extmap:5 urn:x:y": {"5 " + mid},
	} {
		a := published(t, sdptest.VideoOnly(sdptest.Without("a=extmap"), sdptest.Media("1", lines)))
		a.want(t, 0, "extmap", want...)
	}
	// At session level an extension holds for every section (RFC 8285 §5).
	a := published(t, sdptest.Base(sdptest.Without("a=extmap"), sdptest.Session("a=extmap:4 "+mid)))
	a.want(t, 0, "extmap", "4 "+mid)
	a.want(t, 1, "extmap", "4 "+mid)
	// An id has one meaning in a bundle.
	a = published(t, sdptest.Base(sdptest.Without("a=extmap"), sdptest.Media("0", "a=extmap:4 "+mid),
		sdptest.Media("1", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id")))
	a.want(t, 1, "extmap")
}

func TestW56_Feedback(t *testing.T) {
	a := published(t, sdptest.Base())
	for _, pt := range []string{"96", "102"} {
		if got := a.of(1, "rtcp-fb", pt); !slices.Equal(got, []string{"nack", "nack pli", "ccm fir", "transport-cc"}) {
			t.Errorf("payload type %s: %q", pt, got)
		}
	}
	a.want(t, 0, "rtcp-fb", "111 transport-cc")
	published(t, sdptest.FFmpeg(sdptest.Without("a=rtcp-fb"))).want(t, 1, "rtcp-fb")
	// REMB only where there is no transport-cc.
	if got := published(t, sdptest.OBS()).of(1, "rtcp-fb", "96"); !slices.Equal(got, []string{"nack", "nack pli", "goog-remb"}) {
		t.Errorf("F-OBS: %q", got)
	}
	wild := sdptest.Base(sdptest.Without("a=rtcp-fb"), sdptest.Media("1", "a=rtcp-fb:* nack pli", "a=rtcp-fb:102 nack", "a=rtcp-fb:102 nack rpsi", "a=rtcp-fb:97 nack"))
	published(t, wild).want(t, 1, "rtcp-fb", "96 nack pli", "102 nack", "102 nack pli")
}

func TestW56_FeedbackAsData(t *testing.T) {
	for name, c := range map[string]struct {
		offer        string
		audio, video sdp.Feedback
	}{
		"F-BASE": {sdptest.Base(), sdp.Feedback{TransportCC: true}, sdp.Feedback{NACK: true, PLI: true, FIR: true, TransportCC: true}},
		"F-OBS":  {sdptest.OBS(), sdp.Feedback{}, sdp.Feedback{NACK: true, PLI: true, REMB: true}},
		// Without its header extension transport-cc does not work.
		"no extension": {sdptest.Base(sdptest.Without("a=extmap:3")), sdp.Feedback{}, sdp.Feedback{NACK: true, PLI: true, FIR: true, REMB: true}},
	} {
		t.Run(name, func(t *testing.T) {
			o := parse(t, sdp.Publisher, c.offer)
			if got := o.Section(codec.Audio).Feedback(); got != c.audio {
				t.Errorf("audio %+v", got)
			}
			if got := o.Section(codec.Video).Feedback(); got != c.video {
				t.Errorf("video %+v", got)
			}
		})
	}
}

func TestW57_OpusStereo(t *testing.T) {
	for name, offer := range map[string]string{"F-CHROME": sdptest.Chrome(), "F-FF": sdptest.FFmpeg(), "F-OBS": sdptest.OBS()} {
		a := published(t, offer)
		fmtp := a.of(0, "fmtp", "111")
		if len(fmtp) != 1 || !strings.Contains(fmtp[0], "stereo=1") || !strings.Contains(fmtp[0], "useinbandfec=1") || strings.Contains(fmtp[0], "maxaveragebitrate") || strings.Contains(fmtp[0], "sprop") {
			t.Errorf("%s: %q", name, fmtp)
		}
	}
	for offer, want := range map[string]bool{sdptest.OBS(): true, sdptest.Base(): false} {
		if got := parse(t, sdp.Publisher, offer).Section(codec.Audio).Codecs[0].Stereo; got != want {
			t.Errorf("Stereo is %t, want %t", got, want)
		}
	}
}
