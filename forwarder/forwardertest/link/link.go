package link

import (
	"math"
	"math/rand/v2"
	"time"
)

// A Step is a capacity that holds from a point of time on.
type Step struct {
	At      time.Duration
	Bitrate int64 // bits per second; 0: whatever is sent
}

// Bursts are times at which more is lost than else. Their lengths and the times between
// them are exponential.
type Bursts struct {
	Every  time.Duration // on average; 0: none
	Length time.Duration // on average
	Loss   float64       // of what is sent in one
}

// Config describes a path. The zero Config is perfect.
type Config struct {
	Seed     uint64
	Capacity []Step        // by time; none: whatever is sent
	Bucket   int           // bytes that pass at once after a pause, as token buckets let them
	Queue    time.Duration // what would wait longer at the bottleneck is dropped; 0: DefaultQueue
	Delay    []Shift       // one way to the receiver, by time
	Back     time.Duration // the way back
	Loss     float64       // of what passed the bottleneck, 0 to 1
	BackLoss float64       // of what comes back
	Bursts   Bursts
	Jitter   time.Duration // the most each packet is delayed beyond Delay, evenly distributed
	Reorder  bool          // by jitter; else who is late makes those behind wait
	Others   []Traffic     // that shares the bottleneck
}

// A Shift is a delay that holds from a point of time on.
type Shift struct {
	At    time.Duration
	Delay time.Duration
}

// DefaultQueue is the length of a queue that nothing else is said of.
const DefaultQueue = 300 * time.Millisecond

// A Link is one path. Create it with [New].
type Link struct {
	cfg     Config
	rnd     *rand.Rand
	busy    time.Duration // until when the bottleneck has something to send
	last    time.Duration // when the last packet arrived
	burst   bool
	change  time.Duration // when burst changes
	others  []*flow
	counts  Counts
	waiting time.Duration // of the last packet
}

// Counts are counters of what the caller sent, since the start.
type Counts struct {
	Sent, Overflowed, Lost int // packets; lost ones did not overflow
}

// New returns a path that nothing was sent on yet.
func New(cfg Config) *Link {
	if cfg.Queue == 0 {
		cfg.Queue = DefaultQueue
	}
	l := &Link{cfg: cfg, rnd: rand.New(rand.NewPCG(cfg.Seed, 0x6c696e6b))}
	l.change = l.exponential(cfg.Bursts.Every)
	for _, t := range cfg.Others {
		l.others = append(l.others, newFlow(l, t))
	}
	return l
}

// Counts returns the counters.
func (l *Link) Counts() Counts { return l.counts }

// Waited returns how long the last packet waited at the bottleneck, or would have.
func (l *Link) Waited() time.Duration { return l.waiting }

// Queued returns how long a packet sent now would wait at the bottleneck.
func (l *Link) Queued(now time.Duration) time.Duration {
	l.catchUp(now)
	return max(0, l.busy-now)
}

// Send sends a packet of so many bytes and returns when it arrives; false if it is lost.
func (l *Link) Send(now time.Duration, bytes int) (time.Duration, bool) {
	l.catchUp(now)
	l.counts.Sent++
	out, ok := l.pass(now, bytes)
	if !ok {
		l.counts.Overflowed++
		return 0, false
	}
	if l.rnd.Float64() < l.lossAt(now) {
		l.counts.Lost++
		return 0, false
	}
	return l.travel(out), true
}

// Return tells when something small sent back at now arrives; false if it is lost.
func (l *Link) Return(now time.Duration) (time.Duration, bool) {
	return now + l.cfg.Back, l.rnd.Float64() >= l.cfg.BackLoss
}

// Capacity returns the bottleneck's bitrate at a point of time; 0: unlimited.
func (l *Link) Capacity(now time.Duration) int64 {
	rate := int64(0)
	for _, s := range l.cfg.Capacity {
		if s.At <= now {
			rate = s.Bitrate
		}
	}
	return rate
}

// pass brings a packet through the bottleneck; false if the queue is full.
func (l *Link) pass(now time.Duration, bytes int) (time.Duration, bool) {
	l.waiting = max(0, l.busy-now)
	if l.waiting > l.cfg.Queue {
		return 0, false
	}
	if c := l.Capacity(now); c > 0 && l.cfg.Bucket > 0 {
		// A full bucket is time that the bottleneck was idle for.
		l.busy = max(l.busy, now-duration(float64(l.cfg.Bucket*8)/float64(c)))
		l.busy = l.serve(l.busy, bytes)
		return max(now, l.busy), true
	}
	l.busy = l.serve(max(now, l.busy), bytes)
	return l.busy, true
}

// serve returns when the bottleneck has sent a packet that it begins at a point of time.
func (l *Link) serve(at time.Duration, bytes int) time.Duration {
	bits := float64(bytes * 8)
	for i := 0; ; i++ {
		for i < len(l.cfg.Capacity) && l.end(i) <= at {
			i++
		}
		rate := l.Capacity(at)
		if rate == 0 {
			return at
		}
		done := at + duration(bits/float64(rate))
		if i >= len(l.cfg.Capacity) || done <= l.end(i) {
			return done
		}
		bits -= (l.end(i) - at).Seconds() * float64(rate)
		at = l.end(i)
	}
}

// end is when the step at i ends.
func (l *Link) end(i int) time.Duration {
	if i+1 < len(l.cfg.Capacity) {
		return l.cfg.Capacity[i+1].At
	}
	return math.MaxInt64
}

// travel returns when what left the bottleneck arrives.
func (l *Link) travel(out time.Duration) time.Duration {
	at := out + l.delayAt(out)
	if l.cfg.Jitter > 0 {
		at += time.Duration(l.rnd.Int64N(int64(l.cfg.Jitter)))
	}
	if !l.cfg.Reorder {
		at = max(at, l.last)
	}
	l.last = at
	return at
}

func (l *Link) delayAt(now time.Duration) time.Duration {
	d := time.Duration(0)
	for _, s := range l.cfg.Delay {
		if s.At <= now {
			d = s.Delay
		}
	}
	return d
}

// lossAt is the probability that a packet sent now is lost behind the bottleneck.
func (l *Link) lossAt(now time.Duration) float64 {
	b := &l.cfg.Bursts
	for b.Every > 0 && l.change <= now {
		l.burst = !l.burst
		if l.burst {
			l.change += l.exponential(b.Length)
		} else {
			l.change += l.exponential(b.Every)
		}
	}
	if l.burst {
		return b.Loss
	}
	return l.cfg.Loss
}

// catchUp lets the other traffic send what it does before now, in order.
func (l *Link) catchUp(now time.Duration) {
	for {
		var first *flow
		for _, f := range l.others {
			if at := f.next(); at <= now && (first == nil || at < first.next()) {
				first = f
			}
		}
		if first == nil {
			return
		}
		first.step()
	}
}

func (l *Link) exponential(mean time.Duration) time.Duration {
	return time.Duration(l.rnd.ExpFloat64() * float64(mean))
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
