package stream

import (
	"sync"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// Totals sum up what subscribers were sent and how they fared, those that left included.
// They are brought up to date with each subscriber's reports, so they are at most a
// second old while media flows, and cost nothing per packet.
type Totals struct {
	Packets, Bytes  uint64 // sent the first time; bytes of payload
	Nacks           uint64 // packets subscribers asked for again
	Resent          uint64 // of them sent again
	ResendRefused   uint64 // asked for too often, or too much for the network
	ResendForgotten uint64 // no longer kept
	Probes          uint64 // packets sent to find out what the network carries
	DroppedLayer    uint64 // packets that the subscriber's layer does not need
	DroppedLate     uint64 // packets that came after a switch, or too late
	Pauses          uint64 // times video was held because the network carries sound only
	Skips           uint64 // times a subscriber fell behind and went on at a keyframe
	Restarts        uint64 // times one started again from the same keyframe
	Requests        uint64 // keyframe requests received
	Malformed       uint64 // RTCP packets with something unreadable

	Switches forwarder.Switches
	Measures forwarder.Measures

	// Of the subscribers there are, not of all time: those whose network is estimated,
	// and the sum of these estimates in bits per second.
	Estimated int
	Estimate  int64
}

// grow adds what a subscriber's counters grew by.
func (t *Totals) grow(from, to *SubscriptionCounts) {
	for _, d := range [2]struct{ from, to *forwarder.DownCounts }{{&from.Audio, &to.Audio}, {&from.Video, &to.Video}} {
		t.Packets += d.to.Packets - d.from.Packets
		t.Bytes += d.to.Bytes - d.from.Bytes
		t.Resent += d.to.Resent - d.from.Resent
		t.ResendRefused += d.to.ResendRefused - d.from.ResendRefused
		t.ResendForgotten += d.to.ResendForgotten - d.from.ResendForgotten
		t.Probes += d.to.Probes - d.from.Probes
		t.DroppedLayer += d.to.Dropped - d.from.Dropped
		t.DroppedLate += d.to.Late - d.from.Late
		t.Pauses += d.to.Pauses - d.from.Pauses
		t.Skips += d.to.Skips - d.from.Skips
		t.Restarts += d.to.Restarts - d.from.Restarts
		t.Requests += d.to.KeyframeRequests - d.from.KeyframeRequests
		t.Switches.Up += d.to.Switches.Up - d.from.Switches.Up
		t.Switches.Down += d.to.Switches.Down - d.from.Switches.Down
		t.Switches.Selected += d.to.Switches.Selected - d.from.Switches.Selected
		t.Switches.Published += d.to.Switches.Published - d.from.Switches.Published
	}
	t.Nacks += to.Session.Nacks - from.Session.Nacks
	t.Malformed += to.Session.Malformed - from.Session.Malformed
	t.Measures.Watched += to.Measures.Watched - from.Measures.Watched
	t.Measures.Frozen += to.Measures.Frozen - from.Measures.Frozen
	t.Measures.Best += to.Measures.Best - from.Measures.Best
	t.Measures.Lower += to.Measures.Lower - from.Measures.Lower
	t.estimated(from.Estimate, to.Estimate)
}

// estimated replaces a subscriber's estimate; 0 is none.
func (t *Totals) estimated(from, to int64) {
	t.Estimate += to - from
	if from > 0 {
		t.Estimated--
	}
	if to > 0 {
		t.Estimated++
	}
}

// add adds another sum.
func (t *Totals) add(o *Totals) {
	t.Packets += o.Packets
	t.Bytes += o.Bytes
	t.Nacks += o.Nacks
	t.Resent += o.Resent
	t.ResendRefused += o.ResendRefused
	t.ResendForgotten += o.ResendForgotten
	t.Probes += o.Probes
	t.DroppedLayer += o.DroppedLayer
	t.DroppedLate += o.DroppedLate
	t.Pauses += o.Pauses
	t.Skips += o.Skips
	t.Restarts += o.Restarts
	t.Requests += o.Requests
	t.Malformed += o.Malformed
	t.Switches.Up += o.Switches.Up
	t.Switches.Down += o.Switches.Down
	t.Switches.Selected += o.Switches.Selected
	t.Switches.Published += o.Switches.Published
	t.Measures.Watched += o.Measures.Watched
	t.Measures.Frozen += o.Measures.Frozen
	t.Measures.Best += o.Measures.Best
	t.Measures.Lower += o.Measures.Lower
	t.Estimated += o.Estimated
	t.Estimate += o.Estimate
}

// totals are Totals that several goroutines add to.
type totals struct {
	mu  sync.Mutex // taken last
	sum Totals
}

func (t *totals) grow(from, to *SubscriptionCounts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.grow(from, to)
}

func (t *totals) forget(estimate int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.estimated(estimate, 0)
}

func (t *totals) read() Totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum
}

// publishCounts lets others see a subscriber's counters: each time it reports,
// and when it leaves.
func (s *shard) publishCounts(sub *Subscription) {
	now := time.Now()
	c := sub.take(now)
	last := sub.counts.Swap(c)
	if last == nil {
		last = &SubscriptionCounts{}
	}
	s.sent.grow(last, c)
	sub.stream.sent.grow(last, c)
}

// closeCounts publishes a subscriber's counters for the last time, and takes what is its
// only while it is there out of the totals.
func (s *shard) closeCounts(sub *Subscription) {
	s.publishCounts(sub)
	if sub.tap != nil {
		return
	}
	last := sub.counts.Load()
	s.sent.forget(last.Estimate)
	sub.stream.sent.forget(last.Estimate)
	sub.stream.reg.cfg.Left(*last)
}

// began tells the sink that media begins, as soon as it does.
func (s *shard) began(sub *Subscription) {
	if sub.player == nil {
		sub.shown = true // a link: its far end sees for itself
		return
	}
	var live time.Time
	if sub.pub != nil && sub.pub.first.Load() != nil {
		live = *sub.pub.first.Load()
	}
	packet, keyframe := sub.player.Began()
	if !packet.IsZero() && !sub.sent {
		sub.sent = true
		sub.sink.Began(Beginning{At: packet, Live: live})
	}
	if !keyframe.IsZero() {
		sub.shown = true
		sub.sink.Began(Beginning{At: keyframe, Keyframe: true, Live: live})
	}
}
