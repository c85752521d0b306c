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

// A decoder is the oracle for pictures of synthetic sources: one that is no keyframe
// needs the one made before it. Not safe for concurrent use.
type decoder struct {
	Pictures
	number int       // of the last one shown
	made   time.Time // when it was made
	at     time.Time // when it came
	lost   bool      // nothing can be shown before a keyframe
}

// frameGap is more than the time between two frames of any source, and less than
// between frames of two publishers that follow one another.
const frameGap = 150 * time.Millisecond

// push takes a whole frame that came at now; since is the time since the POST.
func (d *decoder) push(now time.Time, since time.Duration, f client.Frame) {
	number, made, ok := client.ReadStamp(f.Data)
	if !ok {
		return // no synthetic source
	}
	follows := number == d.number+1 && !d.lost && d.Shown > 0 && made.Sub(d.made) < frameGap
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
	d.number, d.made, d.at, d.lost = number, made, now, false
}
