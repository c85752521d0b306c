package sdp_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"

	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

// ours is what the tests answer with.
func ours(o *sdp.Offer) sdp.Answer {
	a := sdp.Answer{
		Ufrag:       "ourufrag",
		Pwd:         "ourpasswordourpasswordourpasswor",
		Fingerprint: "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"),
		Setup:       o.AnswerSetup(),
		Candidates: []string{
			"candidate:1 1 udp 2130706431 192.0.2.1 8080 typ host",
			"candidate:2 1 udp 2130706175 2001:db8::1 8080 typ host",
			"candidate:3 1 tcp 1671430143 192.0.2.1 8080 typ host tcptype passive",
		},
		SessionID: 4711,
	}
	if o.Role == sdp.Subscriber {
		for i := range o.Sections {
			a.Tracks = append(a.Tracks, sdp.AnswerTrack{
				SSRC: uint32(1000 + i), RTXSSRC: uint32(2000 + i),
				StreamID: "whippet", TrackID: fmt.Sprintf("track%d", i), CNAME: "cname",
			})
		}
	}
	return a
}

func parse(t *testing.T, role sdp.Role, text string) *sdp.Offer {
	t.Helper()
	o, err := sdp.ParseOffer([]byte(text), role)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return o
}

// refused wants the offer refused as malformed (400) or unacceptable (422).
func refused(t *testing.T, role sdp.Role, text string, malformed bool, code string) *sdp.Error {
	t.Helper()
	o, err := sdp.ParseOffer([]byte(text), role)
	var e *sdp.Error
	if !errors.As(err, &e) {
		t.Fatalf("got offer %v, error %v, want %s", o, err, code)
	}
	if e.Malformed != malformed || e.Code != code || e.Detail == "" {
		t.Errorf("got %+v, want malformed=%t code=%s", e, malformed, code)
	}
	return e
}

// An answer is our answer, read by another parser.
type answer struct {
	*pion.SessionDescription
	text string
}

// published parses a WHIP offer and returns our answer to it.
func published(t *testing.T, text string) answer { return answered(t, sdp.Publisher, text) }

// viewed parses a WHEP offer and returns our answer to it.
func viewed(t *testing.T, text string) answer { return answered(t, sdp.Subscriber, text) }

func answered(t *testing.T, role sdp.Role, text string) answer {
	t.Helper()
	o := parse(t, role, text)
	return readAnswer(t, o.Answer(ours(o)))
}

func readAnswer(t *testing.T, text []byte) answer {
	t.Helper()
	d := &pion.SessionDescription{}
	if err := d.Unmarshal(text); err != nil {
		t.Fatalf("answer: %v\n%s", err, text)
	}
	return answer{d, string(text)}
}

// values returns the values of an attribute of section i, or of the session for
// -1; flags have the value "".
func (a answer) values(i int, key string) []string {
	attributes := a.Attributes
	if i >= 0 {
		attributes = a.MediaDescriptions[i].Attributes
	}
	var out []string
	for _, x := range attributes {
		if x.Key == key {
			out = append(out, x.Value)
		}
	}
	return out
}

func (a answer) has(i int, key string) bool { return len(a.values(i, key)) > 0 }

// formats returns the payload types of section i's m= line.
func (a answer) formats(i int) []string { return a.MediaDescriptions[i].MediaName.Formats }

// want compares the values of an attribute.
func (a answer) want(t *testing.T, i int, key string, values ...string) {
	t.Helper()
	if got := a.values(i, key); !slices.Equal(got, values) {
		t.Errorf("section %d: a=%s is %q, want %q", i, key, got, values)
	}
}

// of returns the values of one payload type: those of "a=key:pt value".
func (a answer) of(i int, key, pt string) []string {
	var out []string
	for _, v := range a.values(i, key) {
		if rest, ok := strings.CutPrefix(v, pt+" "); ok {
			out = append(out, rest)
		}
	}
	return out
}

// everyOffer calls f for every fixture and recorded offer.
func everyOffer(t *testing.T, f func(t *testing.T, role sdp.Role, text string)) {
	for name, text := range map[string]string{
		"F-BASE": sdptest.Base(), "F-AONLY": sdptest.AudioOnly(), "F-VONLY": sdptest.VideoOnly(),
		"F-OBS": sdptest.OBS(), "F-OBS-SIM": sdptest.OBSSim(5), "F-FF": sdptest.FFmpeg(),
		"F-FF-AONLY": sdptest.FFmpegAudioOnly(), "F-FF-VONLY": sdptest.FFmpegVideoOnly(),
		"F-GST": sdptest.GStreamer(), "F-SIM3": sdptest.Sim3(), "F-BB": sdptest.BroadcastBox(),
		"data": sdptest.WithData(),
	} {
		t.Run(name, func(t *testing.T) { f(t, sdp.Publisher, text) })
	}
	t.Run("V-BASE", func(t *testing.T) { f(t, sdp.Subscriber, sdptest.View()) })
	t.Run("V-DC", func(t *testing.T) { f(t, sdp.Subscriber, sdptest.ViewWithData()) })
	for _, name := range sdptest.RecordedNames() {
		t.Run(name, func(t *testing.T) { f(t, roleOf(name), sdptest.Recorded(name)) })
	}
}

func roleOf(recorded string) sdp.Role {
	if strings.Contains(recorded, "whep") {
		return sdp.Subscriber
	}
	return sdp.Publisher
}
