package forwarder

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// wide gives the packets of a session their transport-wide numbers, and tells the
// estimator of them.
type wide struct {
	next  uint16
	now   time.Time
	est   *Estimator // nil: the subscriber tells nothing to estimate by
	plain bool       // no track has such numbers: they are counts of what was sent, which the estimator needs all the same
	pacer Pacer      // of video
}

// numbers tells whether packets of a track have such numbers, or counts in their place.
func (w *wide) numbers(d *DownTrack) bool { return w.plain || d.ids[codec.TransportCC] != 0 }

// number returns what a packet of a track with so many bytes of payload is sent under; 0: its
// track has no such numbers. probe says that it is sent to find out what the network carries.
func (w *wide) number(d *DownTrack, payload int, probe bool) uint16 {
	if !w.numbers(d) {
		return 0
	}
	n := w.next
	w.next++
	if w.est != nil {
		w.est.Sent(w.now, n, payload+packetOverhead, probe)
	}
	return n
}

// refused says that a packet of a track could not be sent under its number.
func (w *wide) refused(d *DownTrack, number uint16) {
	if w.est != nil && w.numbers(d) {
		w.est.NotSent(number)
	}
}

// again says that a packet is sent again under its number.
func (w *wide) again(number uint16) {
	if w.est != nil {
		w.est.Resent(number)
	}
}

// ready tells whether video may send another packet now, and when if not.
func (w *wide) ready(out *Output) bool {
	if w.pacer.Allow(w.now, 0) {
		return true
	}
	out.due(w.pacer.Next())
	return false
}
