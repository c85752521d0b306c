package forwarder

import "time"

// A KeyframeGate merges the keyframe wishes for one encoding and limits the
// requests made of them: at most one each 500 ms while they are answered, one
// each 5 s once three in a row were not. The zero value is ready. Not safe for
// concurrent use.
type KeyframeGate struct {
	last       time.Time // of the last request; zero: none yet
	unanswered int
	wished     bool
}

// Wish notes that somebody needs a keyframe.
func (g *KeyframeGate) Wish() { g.wished = true }

// Wished tells whether somebody needs a keyframe that was not asked for yet.
func (g *KeyframeGate) Wished() bool { return g.wished }

// Request tells whether a request must be made now for the wishes so far, and
// takes them as served if so.
func (g *KeyframeGate) Request(now time.Time) bool {
	if !g.wished || now.Before(g.next()) {
		return false
	}
	g.wished, g.last = false, now
	g.unanswered++
	return true
}

// next returns when a wish may become a request; zero: at once.
func (g *KeyframeGate) next() time.Time {
	if g.last.IsZero() {
		return time.Time{}
	}
	if g.Ignored() {
		return g.last.Add(ignoredInterval)
	}
	return g.last.Add(keyframeInterval)
}

// Keyframe notes that a keyframe began: it serves all wishes. It counts as an
// answer if it came within one second of a request; an encoder that makes one
// by its own interval only, does not become one that listens.
func (g *KeyframeGate) Keyframe(now time.Time) {
	g.wished = false
	if !g.last.IsZero() && now.Sub(g.last) < answerWindow {
		g.unanswered = 0
	}
}

// Returned notes that the encoding sends again after a pause, in which it could not answer.
func (g *KeyframeGate) Returned() { g.unanswered = 0 }

// Ignored tells whether the last requests were not answered.
func (g *KeyframeGate) Ignored() bool { return g.unanswered >= ignoredRequests }
