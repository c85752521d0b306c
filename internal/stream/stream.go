package stream

import (
	"sync/atomic"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// stream is a name with whatever is published and subscribed under it.
type stream struct {
	name    string
	reg     *Registry
	members []*members // one per shard, constant

	// live is the publication subscribers pull from; nil: none.
	live atomic.Pointer[Publication]

	share share // of Caps.Stream, or of Settings.MaxBitrate

	// audience is how many subscribers there are on this node, and on those that it feeds and below.
	audience atomic.Int64

	// own are the stream's settings; nil: it had none so far.
	own atomic.Pointer[Settings]

	*account
	apart bool // it is the stream's own; Registry.mu

	// guarded by Registry.mu
	claim   *Claim
	pending *Claim // takes claim's place once the directory has agreed
	claims  int    // publishers of this node that the directory is, or will be, asked for

	// turn has room for one: who asks the directory. Publishers of this node do so one after
	// the other, or the one that it heard last would not be the one that stays.
	turn  chan struct{}
	subs  int // of this node
	links int // to other nodes
}

// members are the subscribers of a stream on one shard.
type members struct {
	stream *stream
	shard  *shard
	dirty  atomic.Bool  // queued in the shard, not yet served
	count  atomic.Int32 // len(subs), for those who touch
	placed int          // subscriptions, those not started included; Registry.mu

	// owned by the shard
	subs []*Subscription
	turn int // who is served first: it rotates
}

// touch notes for every shard with subscribers that there is something new.
func (s *stream) touch() {
	for _, m := range s.members {
		if m.count.Load() > 0 && !m.dirty.Swap(true) {
			m.shard.queue(m)
		}
	}
}

func (s *stream) infoLocked() Info {
	info := Info{Name: s.name, Subscribers: s.subs, Links: s.links}
	if p := s.live.Load(); p != nil {
		info.Relayed = p.relayed
		info.Publication = p.number
		if first := p.first.Load(); first != nil {
			info.Since = *first
		}
		info.Audio, info.Video = p.up.Best(codec.Audio), p.up.Best(codec.Video)
		info.Encodings, info.Diagnosis = p.up.Encodings(codec.Video), p.Diagnosis()
	}
	return info
}
