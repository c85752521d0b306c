package forwarder

const (
	startBitrate = 300_000
	leastBitrate = 30_000
	mostBitrate  = 50_000_000
)

type rateControl struct {
	estimate   float64 // bits per second
	known      bool
	limit      Limit
	acked      float64 // what arrived of what was sent in about the last second
	capacity   float64 // when it was last seen busy; 0: not yet
	capacityAt int64
	decreased  int64 // µs
	increased  int64
	before     float64 // the estimate before a decrease
}

// busy notes what the link carried while it was busy.
func (r *rateControl) busy(rate float64, now int64) {
	if rate > 0.8*r.capacity && rate < 1.25*r.capacity && now-r.capacityAt < 60_000_000 {
		rate = 0.5*r.capacity + 0.5*rate
	}
	r.capacity, r.capacityAt = rate, now
}
