package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// TestAProbeAmidADroppedPicture does not bring back the rest of the picture: half a picture
// that nobody can decode would be sent as if it were whole.
func TestAProbeAmidADroppedPicture(t *testing.T) {
	p, now, zero := publisherOf(0, vp8), start, uint8(0)
	s := plainSubscriber(forwarder.SubscriberFormat{Format: vp8, PT: downVideo})
	s.SetPublisher(p)
	s.Select(forwarder.Selection{MaxTemporal: &zero})
	var sent [2]int
	seq := uint16(0)
	for i := range 90 {
		if i == 30 { // what is sent before layers are known does not count
			sent = [2]int{}
		}
		layer := byte(i % 2)
		for part := range 3 {
			frame := vp8Frame(i == 0)
			frame = append([]byte{0x90, 0xe0, 0x80, byte(i), byte(i / 2), layer<<6 | 0x20}, frame[1:]...)
			switch part {
			case 1:
				frame = nil // a probe
			case 2:
				frame[0] = 0x80
			}
			p.HandleRTP(now, packet(t, 7, upVideo, seq, uint32(i*3000), part == 2, frame))
			seq++
		}
		for _, o := range pull(s, now).Packets {
			if len(o.Packet.Payload) > 0 {
				sent[o.Packet.Layering.Temporal]++
			}
		}
		now = now.Add(33 * time.Millisecond)
	}
	if sent != [2]int{60, 0} {
		t.Errorf("sent %v packets of temporal layers 0 and 1, want 60 and none", sent)
	}
}
