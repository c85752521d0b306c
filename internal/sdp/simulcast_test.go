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

// simulcast is F-BASE with these lines in its video section.
func simulcast(lines ...string) string { return sdptest.Base(sdptest.Media("1", lines...)) }

func TestW104_SimulcastIsMirrored(t *testing.T) {
	a := published(t, sdptest.Sim3())
	a.want(t, 1, "rid", "0 recv", "1 recv", "2 recv")
	a.want(t, 1, "simulcast", "recv 0;1;2")
	extmaps := strings.Join(a.values(1, "extmap"), "\n")
	if !strings.Contains(extmaps, "4 urn:ietf:params:rtp-hdrext:sdes:mid") || !strings.Contains(extmaps, "10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id") {
		t.Errorf("extensions %s", extmaps)
	}
	if a.has(0, "rid") || a.has(0, "simulcast") {
		t.Error("simulcast in the audio section")
	}
	a = published(t, sdptest.BroadcastBox())
	a.want(t, 1, "simulcast", "recv WebHigh;WebMid;WebLow")
	a = published(t, sdptest.ChromeSim())
	a.want(t, 1, "rid", "q recv", "h recv", "f recv")
	a.want(t, 1, "simulcast", "recv q;h;f")
}

func TestW105_EveryOBSLayerIsAnswered(t *testing.T) {
	for n := 2; n <= 5; n++ {
		offer := sdptest.OBSSim(n)
		a := published(t, offer)
		if got := a.values(1, "simulcast"); len(got) != 1 || strings.Count(got[0], ";")+1 != n {
			t.Errorf("%d encodings: %q", n, got)
		}
		if got := a.values(1, "rid"); len(got) != n {
			t.Errorf("%d encodings: %q", n, got)
		}
		s := parse(t, sdp.Publisher, offer).Section(codec.Video)
		if len(s.RIDs) != n || s.RIDs[0].ID != "0" || len(s.SSRCs) != 0 {
			t.Errorf("%d encodings: %v, ssrcs %v", n, s.RIDs, s.SSRCs)
		}
	}
}

func TestW106_DecliningSimulcast(t *testing.T) {
	o := parse(t, sdp.Publisher, sdptest.ChromeSim())
	a := ours(o)
	a.NoSimulcast = true
	got := readAnswer(t, o.Answer(a))
	got.want(t, 1, "rid")
	got.want(t, 1, "simulcast")
}

func TestW107_AlternativesPausedRestrictions(t *testing.T) {
	offer := simulcast("a=rid:hi send pt=96;max-width=1280", "a=rid:hi2 send pt=102,55", "a=rid:lo send max-br=9;pt=55", "a=rid:back recv", "a=simulcast:send hi,hi2;~lo recv back")
	a := published(t, offer)
	a.want(t, 1, "simulcast", "recv hi,hi2;~lo")
	a.want(t, 1, "rid", "hi recv pt=96;max-width=1280", "hi2 recv pt=102", "lo recv max-br=9")
	s := parse(t, sdp.Publisher, offer).Section(codec.Video)
	if len(s.RIDs) != 3 || s.RIDs[0].Paused || s.RIDs[2].ID != "lo" || !s.RIDs[2].Paused || s.Simulcast != "hi,hi2;~lo" {
		t.Errorf("%+v %q", s.RIDs, s.Simulcast)
	}
	published(t, simulcast("a=rid:a send", "a=rid:b send", "a=simulcast:recv x send b;a")).want(t, 1, "simulcast", "recv b;a")
}

func TestW107_OddSimulcastLines(t *testing.T) {
	rids := []string{"a=rid:a send", "a=rid:b send"}
	for list, want := range map[string][]string{
		"send a;undeclared;b": {"recv a;b"},
		"send undeclared":     nil,
		"send a;a;b":          {"recv a;b"},
		"send ;;a":            {"recv a"},
		"send":                nil,
		"":                    nil,
		"recv a;b":            nil,
		"send rid=a;b":        {"recv b"},
	} {
		published(t, simulcast(append(rids, "a=simulcast:"+list)...)).want(t, 1, "simulcast", want...)
	}
	// Without a usable list the rids stand alone, in their order.
	a := published(t, simulcast(rids...))
	a.want(t, 1, "rid", "a recv", "b recv")
	// What is no rid is ignored.
	a = published(t, simulcast("a=rid:a/b send", "a=rid: send", "a=rid:"+strings.Repeat("x", 65)+" send", "a=rid:ok send", "a=rid:ok send"))
	a.want(t, 1, "rid", "ok recv")
}

func TestW108_OrderIsKept(t *testing.T) {
	s := parse(t, sdp.Publisher, simulcast("a=rid:1 send", "a=rid:2 send", "a=rid:0 send", "a=simulcast:send 2;0;1")).Section(codec.Video)
	var ids []string
	for _, r := range s.RIDs {
		ids = append(ids, r.ID)
	}
	if !slices.Equal(ids, []string{"2", "0", "1"}) {
		t.Errorf("rids %q", ids)
	}
}

func TestW109_TooManyLayers(t *testing.T) {
	published(t, sdptest.OBSSim(8)).want(t, 1, "simulcast", "recv 0;1;2;3;4;5;6;7")
	refused(t, sdp.Publisher, sdptest.OBSSim(9), false, sdp.CodeTooManyEncodings)
	refused(t, sdp.Publisher, sdptest.OBSSim(200), false, sdp.CodeTooManyEncodings)
}

func TestSubscribersSimulcastIsDeclined(t *testing.T) {
	a := viewed(t, sdptest.View(sdptest.Media("1", "a=rid:a recv", "a=rid:b recv", "a=simulcast:recv a;b")))
	a.want(t, 1, "rid")
	a.want(t, 1, "simulcast")
}

func TestSources(t *testing.T) {
	s := parse(t, sdp.Publisher, sdptest.FFmpeg()).Section(codec.Video)
	if !slices.Equal(s.SSRCs, []uint32{2941328066}) || len(s.Repairs) != 1 || s.Repairs[2941328067] != 2941328066 {
		t.Errorf("F-FF: %v %v", s.SSRCs, s.Repairs)
	}
	s = parse(t, sdp.Publisher, sdptest.GStreamer()).Section(codec.Video)
	if !slices.Equal(s.SSRCs, []uint32{699724996}) || s.Repairs[549923881] != 699724996 {
		t.Errorf("F-GST: %v %v", s.SSRCs, s.Repairs)
	}
	s = parse(t, sdp.Publisher, simulcast("a=ssrc-group:SIM 1 2 3", "a=ssrc-group:FID 1 4", "a=ssrc-group:FEC-FR 1 7", "a=ssrc-group:FID 9", "a=ssrc-group:FID x y",
		"a=ssrc:1 cname:a", "a=ssrc:1 msid:a b", "a=ssrc:2 cname:a", "a=ssrc:4 cname:a", "a=ssrc:7 cname:a", "a=ssrc:0 cname:a", "a=ssrc:4294967296 cname:a")).Section(codec.Video)
	if !slices.Equal(s.SSRCs, []uint32{1, 2}) || len(s.Repairs) != 1 {
		t.Errorf("groups: %v %v", s.SSRCs, s.Repairs)
	}
	s = parse(t, sdp.Publisher, simulcast("a=ssrc-group:FID 20 21")).Section(codec.Video)
	if !slices.Equal(s.SSRCs, []uint32{20}) || s.Repairs[21] != 20 {
		t.Errorf("group alone: %v %v", s.SSRCs, s.Repairs)
	}
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("a=ssrc-group:FID %d %d", 2*i+1, 2*i+2), fmt.Sprintf("a=ssrc:%d cname:a", 2*i+1))
	}
	s = parse(t, sdp.Publisher, simulcast(many...)).Section(codec.Video)
	if len(s.SSRCs) != 64 || len(s.Repairs) != 64 {
		t.Errorf("bound: %d ssrcs, %d repairs", len(s.SSRCs), len(s.Repairs))
	}
}
