package sdp_test

import (
	"bytes"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"

	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

// FuzzParseOffer: any body is refused with an error of ours, or can be answered:
// with the offer's sections in order, CRLF alone, nothing of the offer that ends
// a line early, and text that two parsers read.
func FuzzParseOffer(f *testing.F) {
	for _, name := range sdptest.RecordedNames() {
		f.Add([]byte(sdptest.Recorded(name)))
	}
	for _, s := range []string{
		sdptest.Base(), sdptest.OBSSim(3), sdptest.FFmpeg(), sdptest.GStreamer(), sdptest.View(), sdptest.ViewWithData(),
		sdptest.Base(sdptest.Candidates("0", good)), simulcast("a=rid:hi send pt=96;max-width=1280", "a=rid:lo send", "a=simulcast:send hi;~lo"),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, role := range []sdp.Role{sdp.Publisher, sdp.Subscriber} {
			o, err := sdp.ParseOffer(body, role)
			if err != nil {
				if e, ok := err.(*sdp.Error); !ok || e.Code == "" || e.Detail == "" || o != nil {
					t.Fatalf("error %#v", err)
				}
				continue
			}
			checkOffer(t, o)
			checkAnswer(t, body, o, o.Answer(ours(o)))
			checkFragment(t, o)
		}
	})
}

func checkOffer(t *testing.T, o *sdp.Offer) {
	accepted := 0
	types := map[uint8]bool{}
	for i := range o.Sections {
		s := &o.Sections[i]
		if !s.Accepted {
			continue
		}
		accepted++
		if s.Kind == 0 || s.MID == "" || len(s.Codecs) == 0 || o.Section(s.Kind) != s {
			t.Fatalf("section %+v", s)
		}
		for _, c := range s.Codecs {
			if c.Format.Name.Kind() != s.Kind || types[c.PT] || c.RTX != 0 && types[c.RTX] {
				t.Fatalf("codec %+v", c)
			}
			types[c.PT], types[c.RTX] = true, c.RTX != 0 || types[c.RTX]
		}
		if len(s.RIDs) > 8 || len(s.SSRCs) > 64 || len(s.Repairs) > 64 {
			t.Fatalf("section past its bounds: %+v", s)
		}
	}
	if accepted == 0 || accepted > 2 || len(o.Sections) > 16 || len(o.Candidates) > 64 || len(o.Fingerprints) == 0 || o.Ufrag == "" || o.Pwd == "" {
		t.Fatalf("offer %+v", o)
	}
}

func checkAnswer(t *testing.T, body []byte, o *sdp.Offer, text []byte) {
	if bytes.Count(text, []byte("\n")) != bytes.Count(text, []byte("\r\n")) || bytes.Count(text, []byte("\r")) != bytes.Count(text, []byte("\r\n")) {
		t.Fatalf("line ends: %q", text)
	}
	for _, b := range text {
		if b != '\r' && b != '\n' && (b < ' ' || b > '~') {
			t.Fatalf("character %q in %q", b, text)
		}
	}
	var got []string
	for _, l := range strings.Split(string(text), "\r\n") {
		if rest, ok := strings.CutPrefix(l, "m="); ok {
			got = append(got, strings.Fields(rest)[0])
		}
	}
	if len(got) != len(o.Sections) {
		t.Fatalf("%d sections, want %d\n%s", len(got), len(o.Sections), body)
	}
	known := true
	for i, s := range o.Sections {
		if got[i] != s.Media {
			t.Fatalf("section %d is %s, want %s", i, got[i], s.Media)
		}
		known = known && (s.Kind != 0 || s.Media == "application") && (s.Accepted || s.Proto == "UDP/TLS/RTP/SAVPF")
	}
	if len(o.Sections) <= 2 && len(text) >= 8192 {
		t.Fatalf("%d bytes\n%s", len(text), text)
	}
	// The other parser knows few media and protocols.
	if d := (pion.SessionDescription{}); known {
		if err := d.Unmarshal(text); err != nil || len(d.MediaDescriptions) != len(o.Sections) {
			t.Fatalf("%v\n%s", err, text)
		}
	}
}

func checkFragment(t *testing.T, o *sdp.Offer) {
	a := ours(o)
	f, err := sdp.ParseFragment(sdp.WriteFragment(o, a))
	if err != nil || f.Ufrag != a.Ufrag || f.Pwd != a.Pwd {
		t.Fatalf("fragment %+v: %v", f, err)
	}
	if err := f.CheckMIDs(o); err != nil {
		t.Fatal(err)
	}
}

// FuzzParseFragment: any body is refused, or read within the bounds and into
// candidates that read back as themselves.
func FuzzParseFragment(f *testing.F) {
	for _, name := range sdptest.RecordedFragmentNames() {
		f.Add([]byte(sdptest.RecordedFragment(name)))
	}
	for _, d := range sdptest.Dialects() {
		f.Add([]byte(sdptest.Fragment(d, sdptest.Ufrag, sdptest.Pwd, "0", good, good+" ufrag olde")))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fr, err := sdp.ParseFragment(body)
		if err != nil {
			if e, ok := err.(*sdp.Error); !ok || e.Code == "" || fr != nil {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if len(fr.Candidates) > 64 || len(fr.MIDs) > 16 || (fr.Ufrag == "") != (fr.Pwd == "") {
			t.Fatalf("%+v", fr)
		}
		for _, c := range fr.CandidatesFor(fr.Ufrag) {
			checkCandidate(t, c)
		}
	})
}

// FuzzCandidate: a candidate that is kept is a clean line that means the same
// when read again.
func FuzzCandidate(f *testing.F) {
	for _, c := range []string{
		good, good + " generation 0 ufrag EsAw network-id 1", "candidate:1 1 udp 5 192.0.2.7 50437 typ srflx raddr 10.0.0.1 rport 5",
		"candidate:2 1 UDP 5 fd77::2 5 typ host", "candidate:3 1 tcp 5 192.0.2.7 9 typ host tcptype active", "candidate:1 1 udp 1 x.local 9 typ host",
	} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, value string) {
		fr, err := sdp.ParseFragment([]byte("a=end-of-candidates\na=" + value))
		if err != nil {
			return
		}
		for _, c := range fr.CandidatesFor("EsAw") {
			checkCandidate(t, c)
		}
	})
}

func checkCandidate(t *testing.T, c string) {
	if strings.ContainsAny(c, "\r\n\t") || !strings.HasPrefix(c, "candidate:") || !strings.Contains(c, " 1 udp ") || len(c) > 200 {
		t.Fatalf("candidate %q", c)
	}
	again, err := sdp.ParseFragment([]byte("a=" + c))
	if err != nil || len(again.Candidates) != 1 || again.Candidates[0] != c {
		t.Fatalf("candidate %q reads as %+v, %v", c, again, err)
	}
}
