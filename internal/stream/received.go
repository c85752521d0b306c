package stream

import (
	"maps"
	"slices"
	"sync"

	"github.com/whippet-media/whippet/forwarder"
)

// received sums up what publishers sent, those that left included.
type received struct {
	// mu guards the fields below. It is taken last.
	mu    sync.Mutex
	live  map[*Publication]bool
	ended forwarder.PublisherCounts
}

func (r *received) begin(p *Publication) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live == nil {
		r.live = make(map[*Publication]bool)
	}
	r.live[p] = true
}

// end keeps what a publication that takes no more packets has counted.
func (r *received) end(p *Publication) {
	c := p.Counts()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, p)
	add(&r.ended, c)
}

// sum never shrinks: the live publications and the sum of the ended are of one moment.
func (r *received) sum() forwarder.PublisherCounts {
	r.mu.Lock()
	all, live := r.ended, slices.Collect(maps.Keys(r.live))
	r.mu.Unlock()
	for _, p := range live {
		add(&all, p.Counts())
	}
	return all
}

// add leaves LastPacket alone: it is no sum.
func add(to *forwarder.PublisherCounts, c forwarder.PublisherCounts) {
	to.Packets += c.Packets
	to.Bytes += c.Bytes
	to.Repaired += c.Repaired
	to.Duplicates += c.Duplicates
	to.Unknown += c.Unknown
	to.Malformed += c.Malformed
	to.Late += c.Late
	to.Nacks += c.Nacks
	to.Requests += c.Requests
	to.Merged += c.Merged
	to.Reordered += c.Reordered
}
