package forwarder

import "time"

// A Pacer holds packets back that would leave faster than a bitrate. It keeps no
// packets: who pulls them from a history asks before each. The zero Pacer holds
// nothing back. It is not safe for concurrent use.
type Pacer struct {
	rate  float64 // bits per second; 0: none
	level float64 // bits that may leave now; negative: what left too early
	at    time.Time
	even  bool // nothing may leave at once
}

// Set paces at a bitrate from now on, in bits per second; 0: not at all. It may be
// called at each step.
func (p *Pacer) Set(now time.Time, bitrate int64) {
	p.even = false
	p.set(now, bitrate)
}

func (p *Pacer) set(now time.Time, bitrate int64) {
	if p.rate == 0 {
		*p = Pacer{level: pacerBytes * 8, at: now, even: p.even}
	}
	p.fill(now)
	p.rate = float64(max(bitrate, 0))
	p.level = min(p.level, p.depth())
}

// SetEven is Set for a network whose queue is full: packet after packet leaves at the bitrate,
// nothing at once, since what the queue has no room for is lost.
func (p *Pacer) SetEven(now time.Time, bitrate int64) {
	p.even = true
	p.set(now, bitrate)
}

// Allow tells whether a packet of so many bytes on the wire may leave now; then it
// counts as sent. With 0 bytes it only tells.
func (p *Pacer) Allow(now time.Time, bytes int) bool {
	if p.rate == 0 {
		return true
	}
	p.fill(now)
	if p.level < 0 {
		return false
	}
	p.level -= float64(bytes * 8)
	return true
}

// Next returns when Allow allows the next packet; zero: it does already.
func (p *Pacer) Next() time.Time {
	if p.rate == 0 || p.level >= 0 {
		return time.Time{}
	}
	wait := -p.level / p.rate * float64(time.Second)
	return p.at.Add(time.Duration(wait) + 1)
}

// depth is the highest level.
func (p *Pacer) depth() float64 {
	if p.even {
		return 0
	}
	return max(pacerBytes*8, p.rate*pacerTime.Seconds())
}

// fill raises the level by what may leave since it was last looked at.
func (p *Pacer) fill(now time.Time) {
	if d := now.Sub(p.at); d > 0 {
		p.level = min(p.level+min(d, time.Second).Seconds()*p.rate, p.depth())
		p.at = now
	}
}
