package stream

import (
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// Counts are totals since the start, but for Streams, Subscribers and HistoryBytes.
type Counts struct {
	Streams, Subscribers int
	HistoryBytes         int64

	// Received sums up all publishers, those that left included. LastPacket is zero.
	Received forwarder.PublisherCounts
	// Sent sums up all subscribers.
	Sent Totals

	PacketsOut, BytesOut uint64 // of each moment, resends included
	WriteErrors          uint64 // packets a Sink refused
	FeedbackDropped      uint64 // a shard's mailbox was full
	KeyframeWishes       uint64

	Shards []ShardCounts
}

// ShardCounts are those of one shard.
type ShardCounts struct {
	Busy        time.Duration // in passes, whoever made them
	Passes      uint64
	Subscribers int // there are
}

// Counts returns the registry's counters.
func (r *Registry) Counts() Counts {
	r.mu.Lock()
	c := Counts{Streams: len(r.streams), Subscribers: r.subs, HistoryBytes: r.budget.Used()}
	r.mu.Unlock()
	c.Received = r.received.sum()
	for _, sh := range r.shards {
		c.PacketsOut += sh.packets.Load()
		c.BytesOut += sh.bytes.Load()
		c.WriteErrors += sh.writeErrors.Load()
		c.FeedbackDropped += sh.dropped.Load()
		c.KeyframeWishes += sh.wishes.Load()
		sent := sh.sent.read()
		c.Sent.add(&sent)
		c.Shards = append(c.Shards, ShardCounts{
			Busy: time.Duration(sh.busy.Load()), Passes: sh.passes.Load(), Subscribers: int(sh.load.Load()),
		})
	}
	return c
}

// StreamCounts are those of one stream since it began, that is since somebody published
// or subscribed where nobody did.
type StreamCounts struct {
	Name        string // "": all streams together that are not counted apart
	Subscribers int
	Received    forwarder.PublisherCounts
	Sent        Totals
	Findings    int // what is wrong with its publisher's media; 0 where that is on another node, which counts it
}

// An account is what a stream's numbers are added to: its own, or that of all the
// streams for which there was no room.
type account struct {
	received received
	sent     totals
}

// openLocked gives a new stream an account of its own while there is room.
func (r *Registry) openLocked(s *stream) {
	if r.apart < r.cfg.CountApart {
		r.apart++
		s.apart, s.account = true, &account{}
		return
	}
	s.account = &r.others
}

// closeLocked makes room for another stream.
func (r *Registry) closeLocked(s *stream) {
	if s.apart {
		r.apart--
	}
}

// StreamCounts returns what was counted by stream, in no order: at most
// Config.CountApart of them, and all others together, last; nil if that is 0. The first
// streams to begin are counted apart, each until it ends, so that what others are
// summed up in never shrinks.
func (r *Registry) StreamCounts() []StreamCounts {
	if r.cfg.CountApart == 0 {
		return nil
	}
	var list []StreamCounts
	var accounts []*account
	others := StreamCounts{}
	r.mu.Lock()
	for _, s := range r.streams {
		info := s.infoLocked()
		findings := len(info.Diagnosis)
		if info.Relayed {
			findings = 0
		}
		if !s.apart {
			others.Subscribers += info.Subscribers
			others.Findings += findings
			continue
		}
		list = append(list, StreamCounts{Name: s.name, Subscribers: info.Subscribers, Findings: findings})
		accounts = append(accounts, s.account)
	}
	r.mu.Unlock()
	list, accounts = append(list, others), append(accounts, &r.others)
	for i, a := range accounts {
		list[i].Received, list[i].Sent = a.received.sum(), a.sent.read()
	}
	return list
}
