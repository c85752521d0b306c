package forwarder_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// FuzzDiagnose: whatever a publisher sends, and however time goes on, findings are of
// known codes, each once and in order, with words.
func FuzzDiagnose(f *testing.F) {
	f.Add([]byte{0, 30, 96, 1, 0x65, 0x88, 0x84, 0, 200, 97, 9, 0x02, 0x01, 0xd0, 1, 1, 111, 0, 0xff})
	f.Add([]byte{3, 255, 96, 2, 0x01, 0xa8, 9, 3, 255, 98, 2, 0x10, 0, 0, 3, 255, 111, 2, 1, 2, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{
			{Kind: codec.Audio, Formats: map[uint8]codec.Format{111: opus}},
			{
				Kind: codec.Video, NACK: true, PLI: true, RIDs: []string{"a", "b"}, SSRCs: []uint32{96, 97, 98},
				Formats: map[uint8]codec.Format{96: avc, 97: {Name: codec.H265}, 98: vp8},
			},
		}})
		script = script[:min(len(script), 4096)]
		now, seq, timestamp := start, uint16(0), uint32(0)
		for len(script) >= 8 { // steps of time, of numbers, a payload type, of timestamps, four bytes of payload
			step := script[:8]
			script = script[8:]
			now = now.Add(time.Duration(step[0]) * 40 * time.Millisecond)
			seq += uint16(step[1]>>6) + 1
			timestamp += uint32(int8(step[3])) << 20
			p.HandleRTP(now, packet(t, uint32(step[2]), step[2]&0x7f, seq, timestamp, true, step[4:]))
			if step[1]&1 == 1 {
				p.HandleRTCP(now, senderReportOf(uint32(step[2]), binary.BigEndian.Uint64(step), timestamp))
			}
			p.Tick(now, 0, nil)
			checkFindings(t, p.Diagnose(now))
		}
		checkFindings(t, p.Diagnose(now.Add(time.Minute)))
	})
}

// senderReportOf is a sender report without blocks (RFC 3550 §6.4.1).
func senderReportOf(ssrc uint32, ntp uint64, timestamp uint32) []byte {
	b := []byte{0x80, 200, 0, 6}
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = binary.BigEndian.AppendUint64(b, ntp)
	b = binary.BigEndian.AppendUint32(b, timestamp)
	return append(b, make([]byte, 8)...)
}

func checkFindings(t *testing.T, found []forwarder.Finding) {
	t.Helper()
	codes, last := forwarder.FindingCodes(), -1
	for _, f := range found {
		at := slices.Index(codes, f.Code)
		if at <= last || f.Text == "" || !utf8.ValidString(f.Text) {
			t.Fatalf("%q", found)
		}
		last = at
	}
}
