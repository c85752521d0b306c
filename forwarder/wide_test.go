package forwarder

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// What the sender's own queue had no room for is no packet that the network lost.
func TestWhatIsRefusedWasNotSent(t *testing.T) {
	ids := map[codec.Extension]uint8{codec.TransportCC: 5}
	s := NewSubscriber(SubscriberConfig{Tracks: []SubscriberTrack{{Kind: codec.Audio, SSRC: 1}, {Kind: codec.Video, SSRC: 2, Extensions: ids}}})
	s.wide.now = time.Unix(0, 0)
	var out Output
	sent := &s.wide.est.sent
	for _, ssrc := range []uint32{2, 1, 3} { // sound has no such numbers; nobody has SSRC 3
		n := s.wide.number(s.Track(codec.Video), 1000, false)
		s.Blocked(&OutPacket{SSRC: ssrc, TransportSeq: n}, &out)
		if gone := sent.get(sent.next-1) == nil; gone != (ssrc == 2) {
			t.Errorf("SSRC %d: taken back %v", ssrc, gone)
		}
	}
}

// Sound that stopped takes nothing of the estimate.
func TestSoundThatStoppedTakesNothing(t *testing.T) {
	s := NewSubscriber(SubscriberConfig{Tracks: []SubscriberTrack{{Kind: codec.Audio, SSRC: 1}}})
	e := &Encoding{}
	e.bitrate.Store(50_000)
	e.edge.Store(&Packet{At: time.Unix(100, 0)})
	s.Track(codec.Audio).enc = e
	for after, want := range map[time.Duration]int64{0: 50_000 + audioOverhead, time.Minute: 0} {
		s.wide.now = time.Unix(100, 0).Add(after)
		if got := s.sound(); got != want {
			t.Errorf("%v after its last packet: %d, want %d", after, got, want)
		}
	}
}
