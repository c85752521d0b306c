package forwarder

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// feedbackBody is what is behind the RTCP header of transport-wide feedback.
func feedbackBody(base, count uint16, reference uint32, chunks []uint16, deltas ...byte) []byte {
	b := make([]byte, 8)
	b = binary.BigEndian.AppendUint16(b, base)
	b = binary.BigEndian.AppendUint16(b, count)
	b = binary.BigEndian.AppendUint32(b, reference<<8)
	for _, c := range chunks {
		b = binary.BigEndian.AppendUint16(b, c)
	}
	return append(b, deltas...)
}

// heardEstimator was told of n packets from a number on, each in a group of its own.
func heardEstimator(first uint16, n int) *Estimator {
	e := NewEstimator(EstimatorConfig{})
	for i := range n {
		e.Sent(time.Unix(0, 0).Add(time.Duration(i)*60*time.Millisecond), first+uint16(i), 1000, false)
	}
	return e
}

// known writes what an estimator knows of the n packets from a number on: when each
// arrived, in ms, from the first that did; - missing; . nothing.
func known(e *Estimator, first uint16, n int) string {
	var out []string
	origin := int64(-1)
	for i := range n {
		number, _ := e.sent.extend(first + uint16(i))
		switch p, g := e.sent.get(number), e.groups.find(number); {
		case p == nil || p.size&^packetSize == 0:
			out = append(out, ".")
		case p.size&packetArrived == 0:
			out = append(out, "-")
		case g == nil:
			out = append(out, "+") // when is not kept
		default:
			if origin < 0 {
				origin = g.arrived
			}
			out = append(out, fmt.Sprint(float64(g.arrived-origin)/1000))
		}
	}
	return strings.Join(out, " ")
}

const bits14, bits7 = 1 << 15, 3 << 14

func TestFeedbackTellsOfEachPacket(t *testing.T) {
	for name, tt := range map[string]struct {
		body []byte
		want string
	}{
		"run":                     {feedbackBody(100, 3, 0, []uint16{smallDelta<<13 | 3}, 4, 4, 8), "0 1 3 . . ."},
		"run of missing ones":     {feedbackBody(100, 3, 0, []uint16{3}), "- - - . . ."},
		"run past the count":      {feedbackBody(100, 2, 0, []uint16{smallDelta<<13 | 8000}, 4, 4), "0 1 . . . ."},
		"bits":                    {feedbackBody(100, 4, 0, []uint16{bits14 | 0b1011<<10}, 0, 4, 4), "0 - 1 2 . ."},
		"bits past the count":     {feedbackBody(100, 2, 0, []uint16{bits14 | 0x3fff}, 0, 4), "0 1 . . . ."},
		"symbols":                 {feedbackBody(100, 4, 0, []uint16{bits7 | 0b01_10_00_01<<6}, 0, 1, 0, 4), "0 64 - 65 . ."},
		"arrival before another":  {feedbackBody(100, 2, 0, []uint16{bits7 | 0b01_10<<10}, 100, 0xff, 0xfc), "0 -1 . . . ."},
		"several chunks":          {feedbackBody(100, 5, 0, []uint16{1, smallDelta<<13 | 2, bits14 | 0b01<<12}, 0, 4, 4), "- 0 1 - 2 ."},
		"padding behind":          {feedbackBody(100, 1, 0, []uint16{smallDelta<<13 | 1}, 0, 0, 0), "0 . . . . ."},
		"begins before the first": {feedbackBody(98, 4, 0, []uint16{smallDelta<<13 | 4}, 4, 4, 4, 8), "0 2 . . . ."},
		"ends behind the last":    {feedbackBody(104, 4, 0, []uint16{smallDelta<<13 | 4}, 4, 4, 4, 4), ". . . . 0 1"},
		"of the future":           {feedbackBody(106, 2, 0, []uint16{smallDelta<<13 | 2}, 4, 4), ". . . . . ."},
		"around the whole circle": {feedbackBody(106, 65535, 0, []uint16{8191, 8191, 8191, 8191, 8191, 8191, 8191, 8191, 7}), ". . . . . ."},
		"of long ago":             {feedbackBody(60000, 2, 0, []uint16{smallDelta<<13 | 2}, 4, 4), ". . . . . ."},
	} {
		t.Run(name, func(t *testing.T) {
			e := heardEstimator(100, 6)
			if !e.Feedback(time.Unix(1, 0), tt.body) {
				t.Fatal("was taken as malformed")
			}
			if got := known(e, 100, 6); got != tt.want {
				t.Errorf("known: %s, want %s", got, tt.want)
			}
		})
	}
}

func TestMalformedFeedbackIsPassedOver(t *testing.T) {
	whole := feedbackBody(100, 10, 7, []uint16{smallDelta<<13 | 2, bits7 | 0b10_10<<10, bits14 | 1<<13}, 1, 2, 0, 3, 0, 4, 5)
	bad := map[string][]byte{
		"about nothing":                    feedbackBody(100, 0, 0, nil),
		"chunk of none":                    feedbackBody(100, 1, 0, []uint16{smallDelta << 13}, 4),
		"fewer chunks than packets":        feedbackBody(100, 20, 0, []uint16{bits14, 2}),
		"reserved symbol in a run":         feedbackBody(100, 2, 0, []uint16{3<<13 | 2}, 0, 0, 0, 0, 0, 0),
		"reserved symbol among seven":      feedbackBody(100, 2, 0, []uint16{bits7 | 0b01_11<<10}, 0, 0, 0, 0, 0, 0),
		"a time less than packets arrived": whole[:len(whole)-1],
	}
	for n := range len(whole) - 1 {
		bad[fmt.Sprintf("first %d bytes", n)] = whole[:n]
	}
	if !heardEstimator(100, 6).Feedback(time.Unix(1, 0), whole) {
		t.Fatal("what is well formed was taken as malformed")
	}
	for name, body := range bad {
		e := heardEstimator(100, 6)
		if e.Feedback(time.Unix(1, 0), body) {
			t.Errorf("%s: was taken as well formed", name)
		}
		if got := known(e, 100, 6); got != ". . . . . ." {
			t.Errorf("%s: known: %s", name, got)
		}
	}
}

// TestFeedbackAsAnotherLibraryReadsIt compares what is read with what pion/rtcp reads, and
// with what the receiver saw.
func TestFeedbackAsAnotherLibraryReadsIt(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		n, first := 1+rnd.IntN(groupLeast), uint16(rnd.Uint32())
		times := make([]time.Duration, n)
		at := time.Duration(1+rnd.IntN(1000)) * 64 * time.Millisecond
		for i := range times {
			at += time.Duration(rnd.IntN(400)-20) * 250 * time.Microsecond
			times[i] = at
			if rnd.IntN(5) == 0 {
				times[i] = link.Missing
			}
		}
		body := link.AppendFeedback(nil, 0, first, times)
		e := heardEstimator(first, n)
		if !e.Feedback(time.Unix(5, 0), body) {
			t.Fatalf("seed %d: was taken as malformed", seed)
		}
		got := known(e, first, n)
		if want := seen(times); got != want {
			t.Fatalf("seed %d: known: %s\nseen: %s", seed, got, want)
		}
		if want := readElsewhere(t, body, n); got != want {
			t.Fatalf("seed %d: known: %s\nread: %s", seed, got, want)
		}
	}
}

// seen writes times as known does.
func seen(times []time.Duration) string {
	var out []string
	origin := link.Missing
	for _, at := range times {
		if at == link.Missing {
			out = append(out, "-")
			continue
		}
		if origin == link.Missing {
			origin = at
		}
		out = append(out, fmt.Sprint(float64(at-origin)/1e6))
	}
	return strings.Join(out, " ")
}

// readElsewhere reads feedback with pion/rtcp.
func readElsewhere(t *testing.T, body []byte, n int) string {
	t.Helper()
	b := binary.BigEndian.AppendUint16([]byte{2<<6 | formatTCC, rtcpRTPFB}, uint16(len(body)/4))
	var p rtcp.TransportLayerCC
	if err := p.Unmarshal(append(b, body...)); err != nil {
		t.Fatal(err)
	}
	var symbols []uint16
	for _, c := range p.PacketChunks {
		switch c := c.(type) {
		case *rtcp.RunLengthChunk:
			symbols = append(symbols, slices.Repeat([]uint16{c.PacketStatusSymbol}, int(c.RunLength))...)
		case *rtcp.StatusVectorChunk:
			symbols = append(symbols, c.SymbolList...)
		}
	}
	times, deltas := make([]time.Duration, n), p.RecvDeltas
	at := time.Duration(p.ReferenceTime) * 64 * time.Millisecond
	for i := range times {
		if symbols[i] == notReceived {
			times[i] = link.Missing
			continue
		}
		at += time.Duration(deltas[0].Delta) * time.Microsecond
		times[i], deltas = at, deltas[1:]
	}
	return seen(times)
}

// TestReferenceTimesWrap: after twelve days they begin anew.
func TestReferenceTimesWrap(t *testing.T) {
	var c arrivalClock
	c.time(1<<24 - 2)
	if got := c.time(1); got != 3*referenceTime {
		t.Errorf("3 units over the wrap are %d µs", got)
	}
	if got := c.time(1<<24 - 1); got != referenceTime {
		t.Errorf("and back they are %d µs", got)
	}
}

// FuzzTransportFeedback: no feedback makes an estimator panic or leave its bounds; what it
// does not take changes nothing.
func FuzzTransportFeedback(f *testing.F) {
	f.Add(uint16(65530), feedbackBody(65530, 12, 7, []uint16{smallDelta<<13 | 2, bits7 | 0b10_10<<10, bits14 | 0x3fff}, 1, 2, 0, 3, 0, 4, 5, 6))
	f.Add(uint16(1), link.AppendFeedback(nil, 0, 1, []time.Duration{time.Second, link.Missing, 2 * time.Second}))
	f.Fuzz(func(t *testing.T, first uint16, body []byte) {
		e := heardEstimator(first, 100)
		e.Want(5_000_000)
		before := known(e, first, 100)
		for i := range 3 {
			now := time.Unix(7+int64(i), 0)
			if !e.Feedback(now, body) && known(e, first, 100) != before {
				t.Error("malformed feedback changed what is known")
			}
			e.Probe(now)
			if v := e.Estimate(); v != 0 && (v < leastBitrate || v > mostBitrate) {
				t.Errorf("estimate %d", v)
			}
			e.Sent(now, first+100+uint16(i), 1200, false)
		}
	})
}
