package nodetest

import (
	"time"

	"github.com/whippet-media/whippet/internal/client"
)

// Pictures is what the decoder oracle saw of a subscriber's video.
type Pictures struct {
	Shown     int           // pictures a decoder could show
	Broken    int           // pictures without the one they refer to
	Keyframes int           // of those shown
	First     time.Duration // from the POST to the first one shown
	Lag       time.Duration // from the making of the last one shown to its arrival
	Freeze    time.Duration // the longest time between two that were shown
}

// A decoder is the oracle for pictures of Video: one that is no keyframe needs the one
// its source made before it. Not safe for concurrent use.
type decoder struct {
	Pictures
	source [sourceBytes]byte // of the last one shown
	number int
	at     time.Time // when it came
	lost   bool      // nothing can be shown before a keyframe
}

// push takes a whole frame that came at now; since is the time since the POST.
func (d *decoder) push(now time.Time, since time.Duration, f client.Frame) {
	number, made, ok := client.ReadStamp(f.Data)
	if !ok || len(f.Data) < sourceBytes {
		return // not made by Video
	}
	source := [sourceBytes]byte(f.Data[len(f.Data)-sourceBytes:])
	follows := d.Shown > 0 && !d.lost && source == d.source && number == d.number+1
	if !f.Keyframe && !follows {
		d.lost = true
		d.Broken++
		return
	}
	if f.Keyframe {
		d.Keyframes++
	}
	if d.Shown == 0 {
		d.First, d.at = since, now
	}
	d.Freeze = max(d.Freeze, now.Sub(d.at))
	d.Shown++
	d.Lag = now.Sub(made)
	d.source, d.number, d.at, d.lost = source, number, now, false
}
