package sdp_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

const good = "candidate:1 1 udp 2122260223 192.0.2.7 50437 typ host"

func fragment(t *testing.T, text string) *sdp.Fragment {
	t.Helper()
	f, err := sdp.ParseFragment([]byte(text))
	if err != nil {
		t.Fatalf("refused: %v\n%s", err, text)
	}
	return f
}

func badFragment(t *testing.T, text string) {
	t.Helper()
	f, err := sdp.ParseFragment([]byte(text))
	var e *sdp.Error
	if !errors.As(err, &e) || !e.Malformed || e.Code != sdp.CodeMalformedFragment {
		t.Errorf("%q: got %+v, error %v", text, f, err)
	}
}

const creds = "a=ice-ufrag:" + sdptest.Ufrag + "\r\na=ice-pwd:" + sdptest.Pwd + "\r\n"

func TestW83_MalformedFragments(t *testing.T) {
	random := make([]byte, 1024)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	for _, text := range []string{
		"", "\r\n", string(random), `{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0"}`,
		"a=candidate:garbage\r\n", creds + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:garbage\r\n",
		"a=mid:0\r\n", "m=audio 9 RTP/AVP 0\r\n", "a=mid:a b\r\na=end-of-candidates\r\n",
	} {
		badFragment(t, text)
	}
}

func TestW85_NoCredentialsMeansCurrentGeneration(t *testing.T) {
	f := fragment(t, sdptest.Fragment(sdptest.Medooze, "", "", "0", good))
	if f.Ufrag != "" || f.Pwd != "" || !slices.Equal(f.CandidatesFor("any"), []string{good}) {
		t.Errorf("%+v", f)
	}
}

func TestW95_BadCredentials(t *testing.T) {
	for _, c := range [][2]string{
		{"abc", sdptest.Pwd}, {sdptest.Ufrag, sdptest.Pwd[:21]}, {sdptest.Ufrag, ""}, {"a:bcd", sdptest.Pwd}, {"a bcd", sdptest.Pwd},
	} {
		badFragment(t, sdptest.Fragment(sdptest.Simple, c[0], c[1], "0", good))
	}
	badFragment(t, "a=ice-pwd:"+sdptest.Pwd+"\r\na=end-of-candidates\r\n")
}

func TestW97_HopelessCandidatesAreDropped(t *testing.T) {
	f := fragment(t, sdptest.Fragment(sdptest.Simple, sdptest.Ufrag, sdptest.Pwd, "0",
		"candidate:1 1 sctp 1 192.0.2.7 50437 typ host",
		"candidate:1 1 udp 1 host.invalid 50437 typ host",
		"candidate:1 1 tcp 1 192.0.2.7 9 typ host tcptype active",
		"candidate:1 1 udp 1 192.0.2.7 50437 typ quantum",
		good))
	if !slices.Equal(f.Candidates, []string{good}) {
		t.Errorf("candidates %q", f.Candidates)
	}
	// All hopeless is no fault either.
	f = fragment(t, sdptest.Fragment(sdptest.Simple, sdptest.Ufrag, sdptest.Pwd, "0", "candidate:1 1 udp 1 x.local 50437 typ host"))
	if len(f.Candidates) != 0 {
		t.Errorf("candidates %q", f.Candidates)
	}
}

func TestW98_ForeignGenerations(t *testing.T) {
	f := fragment(t, sdptest.Fragment(sdptest.RFC, sdptest.Ufrag, sdptest.Pwd, "0",
		good+" generation 0 ufrag "+sdptest.Ufrag+" network-id 1",
		"candidate:2 1 udp 1 192.0.2.8 50437 typ host generation 0 ufrag olde",
		"candidate:3 1 udp 1 192.0.2.9 50437 typ host"))
	want := []string{good, "candidate:3 1 udp 1 192.0.2.9 50437 typ host"}
	if got := f.CandidatesFor(sdptest.Ufrag); !slices.Equal(got, want) {
		t.Errorf("candidates %q", got)
	}
	if got := f.CandidatesFor("olde"); len(got) != 2 || !strings.Contains(got[0], "192.0.2.8") {
		t.Errorf("candidates of the other generation %q", got)
	}
	o := parse(t, sdp.Publisher, sdptest.Base(sdptest.Candidates("0", good+" ufrag olde")))
	if len(o.Candidates) != 0 {
		t.Errorf("offer: candidates %q", o.Candidates)
	}
}

func TestW99_Dialects(t *testing.T) {
	o := parse(t, sdp.Publisher, sdptest.Base())
	gst := parse(t, sdp.Publisher, sdptest.GStreamer())
	for _, d := range sdptest.Dialects() {
		t.Run(string(d), func(t *testing.T) {
			for _, mod := range []sdptest.Mod{func(s string) string { return s }, sdptest.LF} {
				f := fragment(t, mod(sdptest.Fragment(d, sdptest.Ufrag, sdptest.Pwd, "1", good)))
				if f.Ufrag != sdptest.Ufrag || f.Pwd != sdptest.Pwd || !f.EndOfCandidates || !slices.Equal(f.MIDs, []string{"1"}) {
					t.Errorf("%+v", f)
				}
				if !slices.Equal(f.Candidates, []string{good}) {
					t.Errorf("candidates %q", f.Candidates)
				}
				if err := f.CheckMIDs(o); err != nil {
					t.Error(err)
				}
			}
			if err := fragment(t, sdptest.Fragment(d, "", "", "video0", good)).CheckMIDs(gst); err != nil {
				t.Error(err)
			}
			var e *sdp.Error
			err := fragment(t, sdptest.Fragment(d, "", "", "zz", good)).CheckMIDs(o)
			if !errors.As(err, &e) || !e.Malformed || e.Code != sdp.CodeUnknownMID {
				t.Errorf("mid zz: %v", err)
			}
		})
	}
}

func TestW99_Recorded(t *testing.T) {
	for _, name := range sdptest.RecordedFragmentNames() {
		t.Run(name, func(t *testing.T) {
			client := name[:strings.LastIndex(name, "-")]
			o := parse(t, roleOf(client), sdptest.Recorded(client))
			f := fragment(t, sdptest.RecordedFragment(name))
			if err := f.CheckMIDs(o); err != nil {
				t.Error(err)
			}
			if f.Ufrag != o.Ufrag || f.Pwd != o.Pwd {
				t.Errorf("credentials %q %q, offered %q %q", f.Ufrag, f.Pwd, o.Ufrag, o.Pwd)
			}
			want := 0
			for _, l := range strings.Split(sdptest.RecordedFragment(name), "\r\n") {
				l = strings.ToLower(l)
				if strings.Contains(l, " udp ") && !strings.Contains(l, ".local") && !strings.Contains(l, "fe80::") {
					want++
				}
			}
			if got := f.CandidatesFor(o.Ufrag); len(got) != want {
				t.Errorf("candidates %q, want %d", got, want)
			}
		})
	}
}

func TestW100_EndOfCandidates(t *testing.T) {
	f := fragment(t, creds+"a=end-of-candidates\r\n")
	if !f.EndOfCandidates || len(f.Candidates) != 0 || f.Ufrag != sdptest.Ufrag {
		t.Errorf("%+v", f)
	}
	f = fragment(t, creds+"m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=end-of-candidates")
	if !f.EndOfCandidates {
		t.Errorf("%+v", f)
	}
	if f := fragment(t, creds); f.EndOfCandidates {
		t.Errorf("%+v", f)
	}
	fragment(t, "a=end-of-candidates\r\n")
}

func TestW93_RestartRepeatsTheAnswersOptions(t *testing.T) {
	for _, lite := range []bool{false, true} {
		o := parse(t, sdp.Publisher, sdptest.GStreamer())
		a := ours(o)
		a.Lite = lite
		body := string(sdp.WriteFragment(o, a))
		if strings.Count(body, "\n") != strings.Count(body, "\r\n") {
			t.Errorf("a line end is not CRLF: %q", body)
		}
		answer := string(o.Answer(a))
		for _, l := range []string{"a=ice-options:", "a=ice-lite", "a=ice-pacing:", "a=group:BUNDLE"} {
			if got, want := linesOf(body, l), linesOf(answer, l); !slices.Equal(got, want) {
				t.Errorf("%s: %q, answered %q", l, got, want)
			}
		}
		f := fragment(t, body)
		if f.Ufrag != a.Ufrag || f.Pwd != a.Pwd || !f.EndOfCandidates || !slices.Equal(f.MIDs, []string{"video0"}) {
			t.Errorf("%+v", f)
		}
		if got := linesOf(body, "a=candidate:"); len(got) != len(a.Candidates) {
			t.Errorf("candidates %q", got)
		}
	}
}

func linesOf(text, prefix string) []string {
	var out []string
	for _, l := range strings.Split(text, "\r\n") {
		if strings.HasPrefix(l, prefix) {
			out = append(out, l)
		}
	}
	return out
}

func TestFragmentBounds(t *testing.T) {
	var all []string
	for i := range 1000 {
		all = append(all, fmt.Sprintf("candidate:%d 1 udp 1 192.0.2.%d 5000 typ host", i, i%250))
	}
	f := fragment(t, sdptest.Fragment(sdptest.Simple, "", "", "0", all...))
	if len(f.Candidates) != 64 {
		t.Errorf("%d candidates", len(f.Candidates))
	}
	mids := ""
	for i := range 17 {
		mids += fmt.Sprintf("a=mid:%d\r\n", i)
	}
	var e *sdp.Error
	if _, err := sdp.ParseFragment([]byte(mids + "a=end-of-candidates\r\n")); !errors.As(err, &e) || e.Code != sdp.CodeTooManySections {
		t.Errorf("17 mids: %v", err)
	}
	if _, err := sdp.ParseFragment([]byte(strings.Repeat("a=end-of-candidates\r\n", 5000))); !errors.As(err, &e) || e.Code != sdp.CodeTooLarge {
		t.Errorf("5000 lines: %v", err)
	}
}

func TestCandidates(t *testing.T) {
	for line, want := range map[string]string{
		good: good,
		"candidate:1 0 UDP 2122260223 192.0.2.7 50437 typ host":                  good, // Eyevinn
		"candidate:1  1 udp 2122260223 192.0.2.7 50437 typ host  generation 0":   good,
		"candidate:1 1 udp 2122260223 ::ffff:192.0.2.7 50437 typ HOST":           good,
		"candidate:1 1 udp 5 192.0.2.7 50437 typ srflx raddr 10.0.0.1 rport 5":   "candidate:1 1 udp 5 192.0.2.7 50437 typ srflx raddr 0.0.0.0 rport 0",
		"candidate:1 1 udp 5 2001:db8::1 50437 typ relay raddr 10.0.0.1 rport 5": "candidate:1 1 udp 5 2001:db8::1 50437 typ relay raddr :: rport 0",
		"candidate:1 1 udp 4294967295 127.0.0.1 1 typ prflx":                     "candidate:1 1 udp 4294967295 127.0.0.1 1 typ prflx raddr 0.0.0.0 rport 0",
		"candidate:1 2 udp 1 192.0.2.7 50437 typ host":                           "",
		"candidate:1 1 udp 1 0.0.0.0 50437 typ host":                             "",
		"candidate:1 1 udp 1 192.0.2.7 0 typ host":                               "",
		"candidate:1 1 udp 1 224.0.0.1 5 typ host":                               "",
		"candidate:1 1 udp 1 255.255.255.255 5 typ host":                         "",
		"candidate:1 1 udp 1 fe80::1 5 typ host":                                 "",
		"candidate:1 1 udp 1 fe80::1%eth0 5 typ host":                            "",
		"candidate:1 1 tcp 1 192.0.2.7 5 typ host tcptype passive":               "",
		"candidate:": "",
		"candidate:1 1 udp 1 " + strings.Repeat("a", 300) + " 5 typ host": "",
	} {
		f := fragment(t, "a="+line+"\r\n")
		if got := strings.Join(f.Candidates, "|"); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	for _, line := range []string{
		"candidate:1 1 udp 1 192.0.2.7 5 type host", "candidate:1 1 udp 1 192.0.2.7 5 typ", "candidate:1 x udp 1 192.0.2.7 5 typ host",
		"candidate:1 1 udp 4294967296 192.0.2.7 5 typ host", "candidate:1 1 udp 1 192.0.2.7 65536 typ host", "candidate:1 1 udp -1 192.0.2.7 5 typ host",
		"candidate:" + strings.Repeat("1", 33) + " 1 udp 1 192.0.2.7 5 typ host", "candidate:1 1 udp 1 192.0.2.7",
	} {
		badFragment(t, "a="+line+"\r\n")
	}
}
