package stream

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Subscription is one subscriber of a stream. Its methods are safe for
// concurrent use.
type Subscription struct {
	stream *stream
	member *members
	sink   Sink
	closed atomic.Bool
	counts atomic.Pointer[SubscriptionCounts]
	limit  atomic.Int64 // see Limit
	link   bool         // see Registry.Link; constant

	width, height int  // see LimitSize
	described     bool // see forwarder.Plays; constant

	selection atomic.Pointer[forwarder.Selection] // the last; nil: none was made
	choosing  atomic.Bool                         // it waits in the shard's mailbox
	counting  atomic.Bool                         // so does a wish for counters

	waiting int // feedback in the shard's mailbox; shard.mu

	// owned by the shard
	core   receiver
	player *forwarder.Subscriber // the same, of a subscriber
	tap    *forwarder.Tap        // the same, of a link
	pub    *Publication
	joined bool
	wanted time.Time               // the core's deadline; zero: none
	due    deadline[*Subscription] // when the shard wakes for it at the latest
	again  bool
	told   bool // the sink was closed because of a misfit
	sent   bool // the sink knows that the first packet was sent
	shown  bool // the same of the first keyframe
	below  int  // subscribers at the far end of a link and below it, as they are in stream.audience

	meter meter
}

// SubscriptionCounts are a subscriber's counters, at most a second old.
type SubscriptionCounts struct {
	At           time.Time // when they were taken; zero: before Start
	Audio, Video forwarder.DownCounts
	Session      forwarder.SubscriberCounts
	RTT          time.Duration
	Choice       forwarder.Choice // of the video track
	Estimate     int64            // bits per second; 0: not known
	Bitrate      int64            // bits of payload per second that were sent lately
	Measures     forwarder.Measures

	Link forwarder.TapCounts // of a link; then the others are zero
}

// take reads the core's counters. Only the shard calls it.
func (s *Subscription) take(now time.Time) *SubscriptionCounts {
	if s.tap != nil {
		return &SubscriptionCounts{At: now, Link: s.tap.Counts()}
	}
	p := s.player
	c := &SubscriptionCounts{
		At: now, Session: p.Counts(), RTT: p.RTT(), Choice: p.Choice(), Estimate: p.Estimate(), Measures: p.Measure(now),
	}
	if t := p.Track(codec.Audio); t != nil {
		c.Audio = t.Counts()
	}
	if t := p.Track(codec.Video); t != nil {
		c.Video = t.Counts()
	}
	c.Bitrate = s.meter.measure(now, c.Audio.Bytes+c.Video.Bytes)
	return c
}

// Subscribe adds a subscriber to a stream, which need not have a publisher. It
// gets media after Start. ErrFull at the bounds, ErrStreamFull at that of the stream.
func (r *Registry) Subscribe(name string, sink Sink, tracks []forwarder.SubscriberTrack) (*Subscription, error) {
	return r.SubscribeWithin(name, 0, sink, tracks)
}

// SubscribeWithin is Subscribe for one that may only be among so many of the stream; 0: as
// many as others.
func (r *Registry) SubscribeWithin(name string, most int, sink Sink, tracks []forwarder.SubscriberTrack) (*Subscription, error) {
	player := forwarder.NewSubscriber(forwarder.SubscriberConfig{Tracks: tracks, Seed: rand.Uint64()})
	sub := &Subscription{sink: sink, core: player, player: player, described: player.Described()}
	sub.due = newDeadline(sub)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if r.subs >= r.cfg.MaxNode {
		return nil, ErrFull
	}
	if s := r.streams[name]; s != nil && s.subs >= r.mostLocked(s, most) {
		return nil, ErrStreamFull
	}
	s := r.getLocked(name)
	s.subs++
	s.audience.Add(1)
	r.subs++
	r.shareOutLocked(s)
	r.placeLocked(s, sub)
	return sub, nil
}

// placeLocked gives a subscription its shard.
func (r *Registry) placeLocked(s *stream, sub *Subscription) {
	sub.stream, sub.member = s, s.place()
	sub.member.shard.load.Add(1)
	sub.member.placed++
	sub.member.shard.bind(sub.sink, r.cfg.NewBatch)
}

// crowd is how many subscribers of one stream are kept together on a shard: each shard
// that has some of them is one more to wake for each packet, and served in a millisecond
// they gain nothing from a second one.
const crowd = 64

// place chooses a shard for one more subscriber, called with Registry.mu: one that has
// some of the stream's but no crowd yet, unless it has that many more subscribers of any
// stream than another; else the one with the fewest.
func (s *stream) place() *members {
	lightest := s.members[0]
	for _, m := range s.members[1:] {
		if m.shard.load.Load() < lightest.shard.load.Load() {
			lightest = m
		}
	}
	for _, m := range s.members {
		if m.placed > 0 && m.placed < crowd && m.shard.load.Load() < lightest.shard.load.Load()+crowd {
			return m
		}
	}
	return lightest
}

// Start begins sending: the sink can take packets now.
func (s *Subscription) Start() { s.member.shard.post(message{kind: join, sub: s}) }

// PushRTCP takes one RTCP packet from the subscriber, which it copies. It counts with the
// next [Registry.Serve], or a little later where media flows or the shard wakes soon. At
// the bound of the shard's mailbox, or of the subscriber's part of it, it is dropped and
// counted.
func (s *Subscription) PushRTCP(b []byte) {
	if !s.closed.Load() {
		s.member.shard.post(message{kind: feedback, sub: s, at: time.Now(), data: append([]byte(nil), b...)})
	}
}

// Counts returns the counters; zero before Start. They stay after Close.
func (s *Subscription) Counts() SubscriptionCounts {
	if c := s.counts.Load(); c != nil {
		return *c
	}
	return SubscriptionCounts{}
}

// Close removes the subscriber. Its sink may see a last write while Close runs
// and shortly after. Closing twice is harmless.
func (s *Subscription) Close() {
	if s.closed.Swap(true) {
		return
	}
	s.member.shard.load.Add(-1)
	s.member.shard.post(message{kind: leave, sub: s})
	r := s.stream.reg
	r.mu.Lock()
	defer r.mu.Unlock()
	s.member.placed--
	if s.link {
		s.stream.links--
	} else {
		s.stream.subs--
		s.stream.audience.Add(-1)
		r.subs--
		r.shareOutLocked(s.stream)
	}
	r.dropLocked(s.stream)
}
