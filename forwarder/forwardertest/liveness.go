package forwardertest

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

const (
	// resumeWithin is how soon after a new publisher's first keyframe all
	// subscribers must have been sent some of it, who may still catch up with the last one.
	resumeWithin = 100 * time.Millisecond

	// beginWithin is how soon a subscriber must be sent the keyframe it finds.
	beginWithin = 10 * time.Millisecond

	// caughtUpWithin is how soon after its join a subscriber must be live, and
	// liveAge how old the newest frame shown may then be on a perfect network.
	caughtUpWithin = 2500 * time.Millisecond
	liveAge        = 60 * time.Millisecond

	// inFlight frames may be on their way at the end.
	inFlight = 3
)

// checkJoin sees to it that a subscriber that joins while there is a keyframe in
// the history, or a still of it, is sent its first packet soon, and is live
// in time where nothing hinders it.
func (s *subscriber) checkJoin() {
	w := s.w
	best := w.pub.core.Best(codec.Video)
	if best == nil || best.Keyframe() == nil {
		return
	}
	kept := best.History().At(best.Keyframe().Index) != nil
	w.after(beginWithin, func() {
		if kept && len(s.seen) == 0 {
			w.fail("liveness: subscriber %d was not sent the keyframe it found", s.index)
		}
	})
	pub := w.pub
	w.after(caughtUpWithin, func() {
		age := w.now.Sub(s.lastShow) - w.opt.Up.Delay - w.opt.Down.Delay
		if w.opt.healthy() && !s.left && w.pub == pub && !pub.gone && age > liveAge {
			w.fail("liveness: subscriber %d is %v behind %v after its join", s.index, age, caughtUpWithin)
		}
	})
}

// checkResumed sees to it that a publisher's first keyframe reached everybody, but where
// caps may hold video back.
func (p *publisher) checkResumed() {
	if p.w.opt.Caps {
		return
	}
	for _, s := range p.w.subs {
		if p.w.pub == p && !p.core.Ended() && !s.blocked && !s.wasBlocked() && s.newest != p.id && p.w.now.Sub(s.joined) > resumeWithin {
			p.w.fail("liveness: subscriber %d got nothing of publisher %d %v after its first keyframe", s.index, p.id, resumeWithin)
		}
	}
}

// wasBlocked tells whether the subscriber skips to a keyframe because its sink
// was full; nothing is promised to it meanwhile.
func (s *subscriber) wasBlocked() bool { return s.w.opt.PauseSubscribers > 0 }

// checkEnd holds what subscribers saw at the end against what was sent: on a
// healthy network 99 of 100 frames, and the newest a moment ago. most is how long
// a picture may have stood still on any other.
func (w *World) checkEnd(most time.Duration) {
	for _, s := range w.subs {
		life, sent := w.now.Sub(s.joined), w.sent-s.missed
		if w.opt.AudioOnly || life < caughtUpWithin {
			continue
		}
		if w.opt.healthy() && w.opt.Restart == 0 {
			if age := w.now.Sub(s.lastShow) - w.opt.Up.Delay - w.opt.Down.Delay; age > liveAge {
				w.fail("liveness: subscriber %d is %v behind at the end", s.index, age)
			}
			if (s.shown+inFlight)*100 < sent*99 {
				w.fail("liveness: subscriber %d saw %d of %d frames", s.index, s.shown, sent)
			}
		}
		if s.longest > most || life > most && w.now.Sub(s.lastAt) > most {
			w.fail("liveness: the picture of subscriber %d stood still for %v, at the end for %v", s.index, s.longest, w.now.Sub(s.lastAt))
		}
	}
}
