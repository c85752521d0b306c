package forwarder

// A busyRun is packets that left the bottleneck one right behind the other: each waited
// there since the one before left, so that they came as fast as it can send. Where that is far
// below the estimate, the network became another one, and a picture tells so before its last
// packet has come: groups and losses tell it when the queue is full.
type busyRun struct {
	chunks int     // behind the first packet
	bytes  int64   // of these
	first  int64   // when the first packet arrived, µs of the receiver's clock
	last   int64   // when the last chunk did
	fast   float64 // bits per second of the fastest chunk
	slow   float64 // and of the slowest
	from   int32   // the excess of the first packet, µs
	excess int32   // of the last
	ended  int32   // of the one that ended the last chunk
	most   int32   // the most
	step   int32   // the greatest step of it
	number uint64  // of the last
	at     int64   // when that arrived
	open   int64   // bytes behind the last chunk
}

const (
	runChunk  = 900    // bytes: sound between packets of pictures tells no bitrate
	runChunks = 3      // at least
	runTime   = 60_000 // µs that a run takes at least
	runGrowth = 50_000 // µs by which the excess grows in it at least, but for its greatest step
	runShare  = 0.5    // of the estimate, or less, is another network

	// A bottleneck sends all at one speed: jitter does not, nor one that others use too. The
	// fastest chunk is at most runEven times as fast as the slowest.
	runEven = 2.0
)

// add takes a packet that arrived, by number, after it waited at the bottleneck, and its excess.
func (r *busyRun) add(number uint64, size int, at int64, waited, excess int32) {
	if number <= r.number {
		return
	}
	if gap := at - r.at; gap < 0 || int64(waited) < gap {
		*r = busyRun{first: at, last: at, from: excess, most: excess, ended: excess}
	} else {
		r.open += int64(size)
		r.step, r.most = max(r.step, excess-r.excess), max(r.most, excess)
		r.close(at, excess)
	}
	r.number, r.at, r.excess = number, at, excess
}

// close ends a chunk, if it is one. One at another speed than those before begins a run: the
// network changed, or it is no bottleneck that the run tells of.
func (r *busyRun) close(at int64, excess int32) {
	if r.open < runChunk {
		return
	}
	b := bitrate(r.open, max(at-r.last, 1))
	if r.chunks > 0 && max(r.fast, b) > runEven*min(r.slow, b) {
		*r = busyRun{first: r.last, from: r.ended, most: excess, step: r.step, open: r.open}
	}
	if r.chunks == 0 {
		r.fast, r.slow = b, b
	}
	r.fast, r.slow = max(r.fast, b), min(r.slow, b)
	r.bytes += r.open
	r.chunks++
	r.open, r.last, r.ended = 0, at, excess
}

// narrow returns the bitrate that the run came at, if that is far below the estimate and a queue
// grew; else 0.
func (r *busyRun) narrow(estimate float64) float64 {
	span := r.last - r.first
	if r.chunks < runChunks || span < runTime || r.most-r.from-r.step < runGrowth {
		return 0
	}
	if b := bitrate(r.bytes, span); b < runShare*estimate {
		return b
	}
	return 0
}

// follow takes a packet that arrived into the run of those before, and lowers the estimate where
// that shows a network that became far slower.
func (e *Estimator) follow(number uint64, p *estimatedPacket, at int64, delay int32) {
	if e.probe.cluster.covers(number) {
		e.run = busyRun{}
		return
	}
	e.run.add(number, int(p.size&packetSize), at, e.delay.beyond(delay), delay-int32(p.backlog)*backlogUnit)
	if !e.rate.known || e.delay.contended || e.late > 0 {
		return // where packets overtake each other, what is between two tells no speed
	}
	if b := e.run.narrow(e.rate.estimate); b > 0 {
		r := &e.rate
		e.delay.since, e.delay.queue = e.now, float64(e.delay.beyond(delay))/1000
		e.cut(busyShare*b, b, LimitDelay)
		r.congested, r.before, r.narrow, r.narrowAt = e.now, r.estimate, b, e.now
	}
}
