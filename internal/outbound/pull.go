package outbound

import (
	"context"
	"time"

	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/signaling"
)

// A pull is one stream that may come from another server.
type pull struct {
	worker
	pulls  *Pulls
	always bool
	wake   chan struct{} // capacity 1: the first subscriber came

	// guarded by worker.mu
	subscribers int
	left        time.Time       // when the last one did
	waiting     []chan struct{} // of those that wait for media or for the end of hope
}

func (x *pull) enter() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.subscribers++
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

func (x *pull) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.subscribers--; x.subscribers == 0 {
		x.left = time.Now()
	}
}

// await waits until it is known what becomes of the stream, or not soon.
func (x *pull) await(ctx context.Context) {
	if info, ok := x.pulls.cfg.Streams.Lookup(x.info.Stream); ok && info.Live() {
		return
	}
	told := make(chan struct{})
	x.mu.Lock()
	if x.vainLocked(time.Now()) {
		x.mu.Unlock()
		return
	}
	x.waiting = append(x.waiting, told)
	x.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	select {
	case <-told:
	case <-ctx.Done():
		x.giveUp(told)
	}
}

// vainLocked tells whether nothing is to be expected soon: an attempt has just failed, or the far end has
// nobody who sends. mu must be held.
func (x *pull) vainLocked(now time.Time) bool {
	switch x.info.State {
	case Waiting, Rejected:
		return true
	case Connected:
		return now.Sub(x.info.Since) > joinTimeout
	}
	return false
}

func (x *pull) giveUp(told chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, w := range x.waiting {
		if w == told {
			x.waiting = append(x.waiting[:i], x.waiting[i+1:]...)
			return
		}
	}
}

// tell lets go who waits.
func (x *pull) tell() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, w := range x.waiting {
		close(w)
	}
	x.waiting = nil
}

// wanted tells whether somebody subscribes here, or did a moment ago.
func (x *pull) wanted(now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.always || x.subscribers > 0 || !x.left.IsZero() && now.Sub(x.left) < PullLinger
}

// run pulls the stream while it is wanted and nobody else publishes it.
func (x *pull) run(ctx context.Context) {
	defer x.tell()
	for ctx.Err() == nil {
		switch {
		case !x.wanted(time.Now()):
			x.set(Idle)
			x.backOff = backOff{}
			select {
			case <-ctx.Done():
			case <-x.wake:
			}
		case x.taken(ctx):
			x.set(Idle)
			x.tell()
			sleep(ctx, holdInterval)
		default:
			x.set(Connecting)
			x.rest(ctx, x.attempt(ctx))
		}
	}
}

// rest waits after a session as long as it takes until the next one.
func (x *pull) rest(ctx context.Context, f *failure) {
	pause := x.ended(f)
	x.tell()
	if f.reason == Taken {
		sleep(ctx, holdInterval)
		return
	}
	end := time.Now().Add(pause)
	for time.Now().Before(end) && x.wanted(time.Now()) && sleep(ctx, min(lookInterval, time.Until(end))) {
	}
}

// taken tells whether the name has a publisher that is not this pull: of this node, or on
// another one.
func (x *pull) taken(ctx context.Context) bool {
	if info, ok := x.pulls.cfg.Streams.Lookup(x.info.Stream); ok && info.Live() {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	return x.pulls.cfg.Elsewhere(ctx, x.info.Stream)
}

// attempt is one session, from its POST to its end.
func (x *pull) attempt(ctx context.Context) *failure {
	src := newSource()
	s, err := x.pulls.cfg.newSession(x.endpoint, false, src)
	if err != nil {
		return asFailure(err)
	}
	defer s.close()
	src.peer.Store(s.peer)
	answer, err := s.negotiate(ctx, sdp.Publisher, pulled())
	if err != nil {
		if ctx.Err() != nil {
			return because(Shutdown)
		}
		return asFailure(err)
	}
	release, f := x.publish(ctx, src, answer)
	if f != nil {
		return f
	}
	defer release()
	if err := s.accept(answer); err != nil {
		return asFailure(err)
	}
	done := make(chan struct{})
	defer close(done)
	x.pulls.wg.Go(func() { x.announce(src, done) })
	return follow(ctx, &src.states, src.interrupt, x.opened, x.why)
}

// publish takes the stream's name, in the cluster too, and feeds it.
func (x *pull) publish(ctx context.Context, src *source, answer *sdp.Offer) (release func(), f *failure) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	claim, err := x.pulls.cfg.Streams.Claim(ctx, x.info.Stream, "")
	if err != nil {
		return nil, because(Taken)
	}
	publication := claim.Start(src, signaling.PublisherConfig(answer))
	if publication == nil {
		claim.Release()
		return nil, because(Taken)
	}
	src.feed.Store(publication)
	return func() {
		src.feed.Store(nil)
		claim.Release()
	}, nil
}

// announce lets subscribers go on who wait for media, once there is a picture, or for a while
// nothing but sound.
func (x *pull) announce(src *source, done <-chan struct{}) {
	defer x.tell()
	select {
	case <-src.begun:
	case <-done:
		return
	}
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-src.shown:
	case <-timer.C:
	case <-done:
	}
}

// why tells whether a session must end: neither this node nor those that it feeds have
// subscribers.
func (x *pull) why(now time.Time) Reason {
	if x.wanted(now) {
		return ""
	}
	if info, ok := x.pulls.cfg.Streams.Lookup(x.info.Stream); ok && info.Links > 0 {
		return ""
	}
	return Unwanted
}
