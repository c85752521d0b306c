package forwarder

import "math"

// A probeCluster is what is sent from start to end, media included: so much that it goes
// out at a bitrate, to see whether it arrives at it.
type probeCluster struct {
	running bool
	waiting bool // ended, not all feedback came
	short   bool // a first look, that makes no long queue
	check   bool // of what is within the estimate
	fill    bool // no cluster but steady padding, for receivers that estimate

	bitrate    float64
	start, end int64
	asked      int64 // when bytes were last asked for

	first, last         uint64 // numbers
	sent                int    // bytes
	firstSent, lastSent int64
	lastBytes           int // sent at once with the last
	early               int // bytes sent in the first third

	here, gone          int   // bytes that arrived, that are missing
	firstBytes          int   // of the packet heard of first
	firstHere, lastHere int64 // arrivals, µs of the receiver's clock
	thirds              [3]int32
	n, x, y, xx, xy, yy float64 // sums over delays y by time x of sending, µs
}

// covers tells whether a number is of the cluster.
func (c *probeCluster) covers(number uint64) bool {
	return (c.running || c.waiting) && c.first <= number && number <= c.last
}

// send counts a packet that is sent while the cluster runs.
func (c *probeCluster) send(number uint64, now int64, size int) {
	if c.sent == 0 {
		c.first, c.firstSent = number, now
	}
	if now-c.lastSent > sameTime {
		c.lastBytes = 0
	}
	c.last, c.lastSent = number, now
	c.lastBytes += size
	c.sent += size
	if now-c.start < (c.end-c.start)/3 {
		c.early += size
	}
}

// receive counts a packet that was sent and arrived, with a delay.
func (c *probeCluster) receive(size int, sent, at int64, delay int32) {
	if c.here == 0 {
		c.firstHere, c.lastHere, c.firstBytes = at, at, size
		c.thirds = [3]int32{noDelay, noDelay, noDelay}
	}
	c.here += size
	c.lastHere = max(c.lastHere, at)
	third := min(2, max(0, (sent-c.start)*3/max(1, c.end-c.start)))
	c.thirds[third] = min(c.thirds[third], delay)
	x, y := float64(sent-c.start), float64(delay)
	c.n++
	c.x += x
	c.y += y
	c.xx += x * x
	c.xy += x * y
	c.yy += y * y
}

// burst tells whether the cluster was sent at once, more or less: a keyframe was due.
func (c *probeCluster) burst() bool {
	return float64(c.early*8) > burstEarly*c.bitrate*float64(c.end-c.start)/3e6
}

// spread returns the bitrate that what arrived so far came at, and in how long.
func (c *probeCluster) spread() (arrived float64, span int64) {
	span = c.lastHere - c.firstHere
	return bitrate(int64(c.here-c.firstBytes), max(span, leastSpan)), span
}

// made tells whether most of the cluster was sent.
func (c *probeCluster) made() bool {
	return float64(c.sent*8) > madeShare*c.bitrate*float64(c.end-c.start)/1e6
}

// heard tells whether feedback came about at least half of the cluster.
func (c *probeCluster) heard() bool { return c.here > c.firstBytes && (c.here+c.gone)*2 >= c.sent }

const (
	sameTime  = 1000   // µs in which packets count as sent at once
	leastSpan = 10_000 // µs that a bitrate is measured over
	madeShare = 0.7    // of a cluster that must have been sent
	overshoot = 1.1    // times its bitrate that a cluster tells of, unless it is a burst

	// A cluster is a burst if burstEarly times what belongs in its first third was
	// sent there.
	burstEarly = 1.5
)

// result returns the bitrate that was sent at, the one that arrived, and how doubtful
// the latter is, as a share. noise is that of delays, in ms.
func (c *probeCluster) result(noise float64) (sent, arrived, doubt float64) {
	sent = bitrate(int64(c.sent-c.lastBytes), max(c.lastSent-c.firstSent, leastSpan))
	if c.burst() {
		arrived, _ = c.spread()
		return sent, arrived, 0
	}
	sent = min(sent, overshoot*c.bitrate)
	slope, doubt := c.slope()
	slope = max(0, slope, c.later(noise))
	lost := float64(c.gone) / float64(c.gone+c.here)
	return sent, sent / (1 + slope) * (1 - lost), doubt
}

// slope is how much the delay grew in the time of sending, by least squares, and its
// standard error. What is sent at b and arrives at a makes delays grow by b/a-1.
func (c *probeCluster) slope() (slope, doubt float64) {
	v := c.n*c.xx - c.x*c.x
	if v <= 0 {
		return 0, 0
	}
	slope = (c.n*c.xy - c.x*c.y) / v
	rest := c.yy - c.y*c.y/c.n - slope*slope*v/c.n
	return slope, math.Sqrt(max(0, rest) / max(1, c.n-2) * c.n / v)
}

// later is how much the least delay grew from the second third to the last, less the
// noise: what a token bucket lets pass at once looks like room at first.
func (c *probeCluster) later(noise float64) float64 {
	if c.thirds[1] == noDelay || c.thirds[2] == noDelay {
		return 0
	}
	grown := float64(c.thirds[2]-c.thirds[1]) - 1000*noiseFactor*noise
	return grown / (float64(c.end-c.start) / 3)
}
