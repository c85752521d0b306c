package stream

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// Watch shows the stream to x, at once and until x has seen enough. The end of the
// subscription does not end it.
func (s *Subscription) Watch(x Watcher) { s.stream.reg.watch.add(s.stream, x) }

// Layers lists the layers of the video that is published now and that this subscriber can
// have, by encoding in order of appearance, the lowest first.
func (s *Subscription) Layers() []Layer {
	if p := s.stream.sending(); p != nil {
		return s.Within(p.layers(time.Now()))
	}
	return nil
}

// Within returns those of the stream's layers that this subscriber can have, whatever it
// selects: it can decode them, and may be sent pictures so large. Where none that is sent is
// so small, it gets the smallest.
func (s *Subscription) Within(all []Layer) []Layer {
	var some []Layer
	least := 0 // pixels; 0: what is small enough
	for _, l := range all {
		if !forwarder.Plays(l.Codec, l.Spatial, s.described) {
			continue
		}
		some = append(some, l)
		switch {
		case l.Bitrate == 0:
		case s.small(l):
			least = -1
		case least == 0 || least > 0 && l.Width*l.Height < least:
			least = l.Width * l.Height
		}
	}
	return slices.DeleteFunc(some, func(l Layer) bool { return !s.small(l) && l.Width*l.Height > least })
}

// small tells whether a layer's pictures are as small as LimitSize has it.
func (s *Subscription) small(l Layer) bool {
	return (s.width == 0 || l.Width <= s.width) && (s.height == 0 || l.Height <= s.height)
}

// Select says what the subscriber wants of its video, until the next Select. It takes
// effect as soon as a switch can be made. The pointers in sel are kept and must not
// change what they lead to.
func (s *Subscription) Select(sel forwarder.Selection) {
	sel.LimitWidth, sel.LimitHeight = s.width, s.height
	s.selection.Store(&sel)
	if !s.choosing.Swap(true) {
		s.member.shard.post(message{kind: choose, sub: s})
	}
}

// Selection returns what was selected last; the zero Selection: nothing was.
func (s *Subscription) Selection() forwarder.Selection {
	if sel := s.selection.Load(); sel != nil {
		return *sel
	}
	return forwarder.Selection{}
}

// Refresh asks for counters of now: those of Counts may be of the last report, which
// nobody gets while nothing is sent. They are there soon, not yet when it returns.
func (s *Subscription) Refresh() {
	if !s.counting.Swap(true) {
		s.member.shard.post(message{kind: count, sub: s})
	}
}

// choose hands the last selection to the core.
func (s *shard) choose(sub *Subscription) {
	sub.choosing.Store(false) // first: a selection that comes now is posted again
	if sub.core == nil || sub.player == nil {
		return // it left
	}
	sub.player.Select(*sub.selection.Load())
	if sub.joined {
		s.serve(sub)
	}
}

// count publishes the counters because somebody asked.
func (s *shard) count(sub *Subscription) {
	sub.counting.Store(false)
	if sub.joined {
		s.publishCounts(sub)
	}
}
