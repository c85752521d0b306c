package forwarder

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// follow moves to the encoding the track should be on, as soon as it can.
func (d *DownTrack) follow(now time.Time, out *Output) {
	if d.pub == nil {
		return
	}
	if d.hold(now) {
		d.wanted, d.again = nil, time.Time{} // both were before
		return
	}
	best := d.wantedEncoding()
	d.want(now, best)
	if best == d.enc || best == nil {
		d.wanted = nil
	} else {
		d.switchTo(now, best, out)
	}
	switch {
	case d.enc == nil:
	case d.stands() && !d.mayGoOn(best): // its target alone will do
	case !d.again.IsZero():
		d.restart(now, out)
	case d.state == waiting:
		d.resume(now, out)
	case d.state == held && d.enc.Keyframe() != d.heldAt:
		if !d.rests(now, out) {
			d.begin(now, d.enc, d.format, out)
		}
	case d.bare && d.lacksParameters():
		d.begin(now, d.enc, d.format, out)
	case d.needsKeyframe(), d.seg.refresh != nil && d.seg.refresh == d.enc.Keyframe():
		d.wish(now, d.enc, out)
	}
}

// lacksParameters tells whether a keyframe is next whose sender leaves out the parameter
// sets: a segment that begins with it supplies them.
func (d *DownTrack) lacksParameters() bool {
	key := d.enc.Keyframe()
	return d.state == running && d.boundary && key != nil && len(key.parameters) > 0 && key.early >= d.pos && d.atFrameStart()
}

// want notes on the encodings that the track is on, and shall be on, that they are wanted.
func (d *DownTrack) want(now time.Time, best *Encoding) {
	if d.enc != nil {
		d.enc.want(now)
		d.enc.wantLayer(d.seg.id)
	}
	if best == nil {
		return
	}
	if best != d.enc {
		best.want(now)
	}
	if best == d.goal.enc {
		best.wantLayer(d.goal.layer)
	} else {
		best.wantLayer(topLayer)
	}
}

// wantedEncoding is where the track should be: on its target, if that is the current
// publisher's, else on the best there is.
func (d *DownTrack) wantedEncoding() *Encoding {
	if e := d.goal.enc; e != nil && d.goalOf == d.pub && !e.Ended() {
		return e
	}
	return d.pub.Best(d.kind)
}

// hold stops at the end of a frame while the target is paused, if it shows within
// switchPatience, at once while it is squeezed: what is left of a large picture would fill the
// queue before the target's keyframe. A pause ends at a keyframe; a squeezed track goes on as
// soon as it can reach its target. A track that sends nothing does not begin while its target is
// paused. It tells whether the track stays where it is.
func (d *DownTrack) hold(now time.Time) bool {
	still := d.goal.paused || d.goal.squeezed && !d.reached()
	patient := d.pausing.of(now, d.goal.paused && d.state == running) <= switchPatience
	switch {
	case still && d.state == running && (d.goal.squeezed || d.boundary && d.atFrameStart() || !patient), d.goal.paused && d.state == waiting:
		d.state, d.heldAt = held, d.enc.Keyframe()
		d.counts.Pauses++
		d.freezes.begin(d.lastAt)
	case !still && d.state == held:
		d.state = waiting
		d.seg.keyframe = d.enc.Keyframe()
		if key := d.seg.keyframe; key != nil && now.Sub(key.At) <= switchKeyframeAge {
			d.seg.keyframe = nil // young enough to begin with
		}
	}
	return d.goal.paused && (d.state == held || d.state == idle)
}

// reached tells whether the track is on its target, as far as that exists.
func (d *DownTrack) reached() bool {
	return d.enc == d.goal.enc && !d.above(d.goal)
}

// restart begins again at the last keyframe, at the end of a frame if there is
// one soon: amid a frame it costs a number that nobody can ask for.
func (d *DownTrack) restart(now time.Time, out *Output) {
	if d.state == waiting || d.boundary && d.atFrameStart() || now.Sub(d.again) > restartPatience {
		d.begin(now, d.enc, d.format, out)
	}
}

// switchTo begins on best at once if nothing of its publisher was shown yet, or nothing
// comes any more of what is, else at a keyframe of best that came after the wish, or shortly
// before, and a frame boundary, if there is a frame to finish.
func (d *DownTrack) switchTo(now time.Time, best *Encoding, out *Output) {
	format, ok := d.accept(best.format)
	if !ok {
		d.misfit = true // no payload type for it: the session's owner ends it
		return
	}
	if best.edge.Load() == nil { // it comes when somebody wants it
		d.wish(now, best, out)
		return
	}
	if d.fresh() || d.kind == codec.Audio {
		d.begin(now, best, format, out)
		return
	}
	if d.wanted != best {
		d.wanted, d.since = best, now
	}
	key := best.Keyframe()
	switch {
	case key != nil && d.silent(now):
		d.begin(now, best, format, out)
	case key == nil || key.At.Before(d.since.Add(-switchKeyframeAge)):
		if at := d.mayClimb(best, key); at.After(now) {
			out.due(at)
			return
		}
		d.wish(now, best, out)
	case d.rests(now, out):
	case d.stands(), d.boundary && d.atFrameStart(), now.Sub(key.At) > d.patience():
		d.begin(now, best, format, out)
	}
}

// fresh tells whether nothing of the publisher was shown yet, so that nothing of it is past.
func (d *DownTrack) fresh() bool {
	return d.enc == nil || d.state == waiting && (d.encOf != d.pub || d.lastKey == 0)
}

// mayGoOn tells whether a track that stands may go on with what it is on, though another
// encoding is wanted: it waits for any picture, and that one is no more.
func (d *DownTrack) mayGoOn(wanted *Encoding) bool {
	return wanted == nil || wanted == d.enc || d.state == waiting && d.enc.pixels() < wanted.pixels()
}

// stands tells whether nothing of a frame is to be sent any more.
func (d *DownTrack) stands() bool { return d.state == waiting || d.state == held }

// patience is how long a switch waits for the end of a frame: of one that another publisher
// sent not for long, who catches up may be far from it.
func (d *DownTrack) patience() time.Duration {
	if d.encOf != d.pub {
		return restartPatience
	}
	return switchPatience
}

// rests tells whether a track that is held rests.
func (d *DownTrack) rests(now time.Time, out *Output) bool {
	if d.state != held || !now.Before(d.rest) {
		return false
	}
	out.due(d.rest)
	return true
}

// mayClimb is when a keyframe of best may be asked for. Who steps up by itself waits for
// others' keyframes a while: many that join one after the other must not make the
// encoder spend all it has on keyframes.
func (d *DownTrack) mayClimb(best *Encoding, key *Keyframe) time.Time {
	if key == nil || d.selection != (Selection{}) || best.pixels() <= d.enc.pixels() {
		return time.Time{}
	}
	return key.At.Add(climbInterval)
}

// drained tells whether all of an ended encoding has been sent.
func (d *DownTrack) drained() bool { return d.enc.Ended() && d.enc.hist.Head() <= d.pos }

// silent tells whether the encoding pauses and all of it has been sent that will be.
func (d *DownTrack) silent(now time.Time) bool {
	return !d.enc.Active(now) && (d.state == waiting || d.enc.hist.Head() <= d.pos)
}

// release lets go of an encoding that ended once nothing of it is to be sent any
// more, so that a subscriber who waits for the next publisher does not keep the
// history of the last one.
func (d *DownTrack) release(now time.Time, out *Output) {
	if d.enc == nil || !d.enc.Ended() || d.state != waiting && d.state != held && !d.drained() {
		return
	}
	d.keepClock()
	d.retire(now, out)
	if d.encOf != d.pub {
		d.clockOf = nil
	}
	d.goal.enc, d.goalOf = nil, nil
	d.freezes.end(now)
	d.enc, d.encOf, d.state, d.seg = nil, nil, idle, segment{mapping: mapping{from: d.next}}
}

// atFrameStart tells whether the next packet in order begins another frame.
func (d *DownTrack) atFrameStart() bool {
	p := d.enc.hist.At(d.pos)
	if p == nil {
		return true
	}
	ts, _ := d.seg.timestamp(p.Timestamp)
	return ts != d.lastTS
}

// accept finds the payload types for a source's format, the best match first.
func (d *DownTrack) accept(source codec.Format) (SubscriberFormat, bool) {
	var found SubscriberFormat
	best := codec.NoMatch
	for _, f := range d.cfg.Formats {
		if m := f.Format.Receives(source); m > best {
			found, best = f, m
		}
	}
	return found, best > codec.NoMatch
}

// resume leaves the waiting state once there is a keyframe it has not used.
func (d *DownTrack) resume(now time.Time, out *Output) {
	if key := d.enc.Keyframe(); key != nil && key != d.seg.keyframe {
		d.begin(now, d.enc, d.format, out)
		return
	}
	d.wish(now, d.enc, out)
}

func (d *DownTrack) wish(now time.Time, e *Encoding, out *Output) {
	if now.Before(d.wishAt) {
		out.due(d.wishAt)
		return
	}
	d.wishAt = now.Add(keyframeInterval)
	out.due(d.wishAt)
	out.Wishes = append(out.Wishes, e)
}
