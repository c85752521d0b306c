package client_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// vp8Packet writes a packet of a frame, which is named by a letter; the first of
// a frame is in upper case, the last has the marker ('.').
func vp8Packet(seq uint16, text string) *rtp.Packet {
	letter := text[0]
	p := &rtp.Packet{Header: rtp.Header{
		SequenceNumber: seq, Timestamp: uint32(letter|0x20) * 3000, Marker: strings.HasSuffix(text, "."),
	}}
	descriptor := byte(0)
	if letter < 'a' {
		descriptor = 0x10
	}
	p.Payload = []byte{descriptor, letter, letter}
	return p
}

func TestAssembler(t *testing.T) {
	for name, test := range map[string]struct {
		packets string // SEQ:TEXT, "wait" lets time pass
		want    string
		lost    int64
	}{
		"in order":                     {"1:A 2:a. 3:B. 4:C 5:c 6:c.", "AAaa BB CCcccc", 0},
		"the numbers wrap":             {"65535:A 0:a. 1:B.", "AAaa BB", 0},
		"swapped":                      {"1:A 3:B. 2:a. 4:C.", "AAaa BB CC", 0},
		"twice and late":               {"1:A. 1:A. 2:B. 1:A. 3:C.", "AA BB CC", 0},
		"joined inside a frame":        {"1:a 2:a. 3:B.", "BB", 0},
		"hole is waited for":           {"1:A. 3:C. 4:D.", "AA", 0},
		"hole is given up":             {"1:A. 3:C. wait 4:D.", "AA !CC DD", 1},
		"middle of a frame is missing": {"1:A. 2:B 4:b. wait 5:C.", "AA !CC", 1},
		"begin of a frame is missing":  {"1:A. 3:b 4:b. wait 5:C.", "AA !CC", 1},
		"end of a frame is missing":    {"1:A. 2:B 4:C. wait 5:D.", "AA !CC DD", 1},
		"marker is missing":            {"1:A 2:B. 3:C.", "AA BB CC", 0},
		"numbers jump far":             {"1:A. 5000:B. 5001:C.", "AA !BB CC", 4998},
		"repaired while others waited": {"1:A. 2:B 4:C. 5:D. 3:b.", "AA BBbb CC DD", 0},
		"two holes, one after another": {"1:A. 3:C. wait 5:E. wait 6:F.", "AA !CC !EE FF", 2},
	} {
		t.Run(name, func(t *testing.T) {
			a, now := client.NewAssembler(codec.VP8), time.Unix(1, 0)
			var got []string
			for word := range strings.FieldsSeq(test.packets) {
				if word == "wait" {
					now = now.Add(time.Second)
					continue
				}
				seq, text, _ := strings.Cut(word, ":")
				got = append(got, a.Push(now, vp8Packet(number(seq), text))...)
			}
			if s := strings.Join(got, " "); s != test.want || a.Lost() != test.lost {
				t.Errorf("got %q and %d lost, want %q and %d", s, a.Lost(), test.want, test.lost)
			}
		})
	}
}

func number(digits string) (n uint16) {
	for _, d := range digits {
		n = n*10 + uint16(d-'0')
	}
	return n
}

func TestMeterCountsLoss(t *testing.T) {
	for name, test := range map[string]struct {
		seqs []uint16
		lost int64
		dups int
	}{
		"none":           {[]uint16{5, 6, 7}, 0, 0},
		"wrap":           {[]uint16{65534, 65535, 0, 1}, 0, 0},
		"hole":           {[]uint16{5, 8}, 2, 0},
		"hole filled":    {[]uint16{5, 8, 6, 7}, 0, 0},
		"twice":          {[]uint16{5, 6, 6, 5, 7}, 0, 2},
		"before first":   {[]uint16{5, 4, 7}, 1, 0},
		"jump and twice": {[]uint16{5, 6000, 6000}, 5994, 1},
	} {
		var m client.Meter
		dups := 0
		for _, seq := range test.seqs {
			if !m.Number(seq) {
				dups++
			}
		}
		if m.Lost() != test.lost || dups != test.dups {
			t.Errorf("%s: %d lost, %d twice; want %d, %d", name, m.Lost(), dups, test.lost, test.dups)
		}
	}
}
