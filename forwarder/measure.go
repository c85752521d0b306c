package forwarder

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// Measures sum up what a session's video looked like to its subscriber, as far as a
// sender can tell. They only grow.
type Measures struct {
	// Watched is the time since the first keyframe in which there was something to watch:
	// the sum of the three below.
	Watched time.Duration
	// Frozen is the part in which the picture stood still: while the track was held
	// because the network carries no video, after it gave its position up, and from a
	// player's keyframe request on, each until a keyframe was sent. A request right after
	// a keyframe does not count: many players begin with one. What the publisher did not
	// send, and what a player conceals, is no part of it.
	Frozen time.Duration
	// Best and Lower are the parts on the best layer there was, and on a lower one.
	Best, Lower time.Duration
}

// Switches count changes of a down track's target by their cause.
type Switches struct {
	Up        uint64 // something better fitted what the subscriber may be sent
	Down      uint64 // it was too much for that
	Selected  uint64 // the player chose
	Published uint64 // what the track was on is not published any more
}

// Measure brings the measures up to now and returns them.
func (s *Subscriber) Measure(now time.Time) Measures {
	m := &s.measures
	since := s.measured
	s.measured = now
	d := s.Track(codec.Video)
	if d == nil || d.counts.FirstKeyframe.IsZero() {
		return *m
	}
	if since.Before(d.counts.FirstKeyframe) {
		since = d.counts.FirstKeyframe
	}
	frozen := d.freezes.take(now)
	if d.enc == nil {
		return *m
	}
	whole := max(now.Sub(since), 0)
	frozen = min(frozen, whole)
	m.Watched += whole
	m.Frozen += frozen
	if d.onBest() {
		m.Best += whole - frozen
	} else {
		m.Lower += whole - frozen
	}
	return *m
}

// Began returns when the first packet of media was sent, and the first keyframe's; the
// zero Time: not yet.
func (s *Subscriber) Began() (packet, keyframe time.Time) {
	for _, d := range s.tracks {
		if first := d.counts.FirstPacket; packet.IsZero() || !first.IsZero() && first.Before(packet) {
			packet = first
		}
		if d.kind == codec.Video {
			keyframe = d.counts.FirstKeyframe
		}
	}
	return packet, keyframe
}

// onBest tells whether the track is on the best layer its publisher has.
func (d *DownTrack) onBest() bool {
	return d.pub == nil || d.enc == d.pub.Best(codec.Video) && d.enc.clamp(d.seg.id) == d.enc.clamp(topLayer)
}

// freezes measure how long a track's picture stood still.
type freezes struct {
	since time.Time     // when it did; zero: it moves
	key   time.Time     // when the last keyframe was sent
	taken time.Duration // not yet taken
}

// begin notes that the picture stands still since a time.
func (f *freezes) begin(at time.Time) {
	if f.since.IsZero() && !at.IsZero() {
		f.since = at
	}
}

// keyframe notes that one was sent: the picture moves again.
func (f *freezes) keyframe(now time.Time) {
	f.end(now)
	f.key = now
}

// end notes that it moves again, or that there is none any more.
func (f *freezes) end(now time.Time) {
	if !f.since.IsZero() {
		f.taken += max(now.Sub(f.since), 0)
		f.since = time.Time{}
	}
}

// take returns how long it stood still since the last take.
func (f *freezes) take(now time.Time) time.Duration {
	if !f.since.IsZero() {
		f.end(now)
		f.since = now
	}
	taken := f.taken
	f.taken = 0
	return taken
}

// place returns which rung a layer is, also where rungs are written as all there is.
func (l ladder) place(e *Encoding, layer layerID) int {
	return slices.IndexFunc(l, func(r rung) bool { return r.enc == e && e.clamp(r.layer) == layer })
}

// countSwitch notes why the target changes to t of pub.
func (d *DownTrack) countSwitch(t target, pub *Publisher) {
	chosen := d.selection != d.counted
	d.counted = d.selection
	old := d.goal
	if old.enc == nil || t.enc == nil || t.enc == old.enc && t.layer == old.layer {
		return
	}
	was, will := old.enc.clamp(old.layer), t.enc.clamp(t.layer) // all there is, is the highest there is
	if t.enc == old.enc && was == will {
		return
	}
	s := &d.counts.Switches
	from, to := -1, -1
	if all := pub.ladders.Load(); all != nil && d.goalOf == pub {
		from, to = all.all.place(old.enc, was), all.all.place(t.enc, will)
	}
	switch {
	case from < 0:
		s.Published++
	case chosen:
		s.Selected++
	case to > from:
		s.Up++
	default:
		s.Down++
	}
}
