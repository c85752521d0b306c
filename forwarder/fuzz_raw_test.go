package forwarder_test

import (
	"testing"

	"github.com/whippet-media/whippet/forwarder"
)

// FuzzPublisherRTP feeds one packet to a publisher that has streams of all kinds.
func FuzzPublisherRTP(f *testing.F) {
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 10, 0x10, 0})
	f.Add(from(f, 20, 97, 900, map[uint8]string{1: "1", 3: "0"}, append([]byte{0, 2}, vp8Frame(false)...)))
	f.Add(from(f, 20, 96, 900, map[uint8]string{1: "1", 2: "1"}, vp8Frame(true)))
	f.Add([]byte{0xb0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 10, 0x12, 0x34, 0, 1, 1, 2, 3, 4, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{audioTrack(), simulcastTrack()}})
		p.HandleRTP(start, from(t, 10, 96, 1, map[uint8]string{1: "1", 2: "0"}, vp8Frame(true)))
		p.HandleRTP(start, b)
		p.HandleRTP(start, b)
		p.Tick(start, 0, nil)
		s := newSubscriber()
		s.SetPublisher(p)
		for _, o := range pull(s, start).Packets {
			wire(t, &o)
		}
	})
}

// FuzzPublisherRTCP feeds one compound to a publisher that has media.
func FuzzPublisherRTCP(f *testing.F) {
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 1, 0, 0, 0, 1})
	f.Add([]byte{0x81, 203, 0, 1, 0, 0, 0, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, now := newPublisher(), start
		feed(t, p, &now, 0, 3)
		p.HandleRTCP(now, b)
		feed(t, p, &now, 3, 2)
		p.Tick(now, 0, nil)
		s := newSubscriber()
		s.SetPublisher(p)
		pull(s, now)
	})
}

// FuzzSubscriberRTCP feeds one compound to a subscriber that was sent media.
func FuzzSubscriberRTCP(f *testing.F) {
	f.Add([]byte{0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xff, 0xff})
	f.Add([]byte{0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Add([]byte{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 1, 0, 0, 0, 0, 0x20, 1, 4, 0})
	f.Add([]byte{0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, s, now := newPublisher(), newSubscriber(), start
		s.SetPublisher(p)
		var out forwarder.Output
		s.HandleRTCP(now, b, &out) // nothing was sent yet
		feed(t, p, &now, 0, 5)
		pull(s, now)
		s.HandleRTCP(now, b, &out)
		if len(out.Packets) > forwarder.MaxAnswer+17 {
			t.Fatalf("%d packets in answer", len(out.Packets))
		}
		for i := range out.Packets {
			wire(t, &out.Packets[i])
		}
	})
}
