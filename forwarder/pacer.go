package forwarder

import "time"

const (
	// pacerPackets and pacerTime are what leaves at once, whichever is more: so
	// small frames are never held back.
	pacerPackets = 10
	pacerTime    = 5 * time.Millisecond
)

// A Pacer holds packets back that would leave faster than a bitrate. It keeps no
// packets: who pulls them from a history asks before each. The zero Pacer holds
// nothing back. It is not safe for concurrent use.
type Pacer struct {
	rate  int64 // bits per second; 0: none
	level int64 // bits that may leave now; negative: what left too early
	depth int64 // the highest level
	at    time.Time
}

// Set paces at a bitrate from now on, in bits per second; 0: not at all.
func (p *Pacer) Set(now time.Time, bitrate int64) {
	if p.rate == 0 {
		p.level, p.at = pacerPackets*maxPacket*8, now
	}
	p.fill(now)
	p.rate = bitrate
	p.depth = max(pacerPackets*maxPacket*8, int64(float64(bitrate)*pacerTime.Seconds()))
	p.level = min(p.level, p.depth)
}

// Allow tells whether a packet of so many bytes on the wire may leave now; then it
// counts as sent.
func (p *Pacer) Allow(now time.Time, bytes int) bool {
	if p.rate == 0 {
		return true
	}
	p.fill(now)
	if p.level < 0 {
		return false
	}
	p.level -= int64(bytes) * 8
	return true
}

// Next returns when Allow will allow the next packet; zero: it does already.
func (p *Pacer) Next() time.Time {
	if p.rate == 0 || p.level >= 0 {
		return time.Time{}
	}
	return p.at.Add(time.Duration(float64(-p.level) / float64(p.rate) * float64(time.Second))).Add(1)
}

func (p *Pacer) fill(now time.Time) {
	d := now.Sub(p.at)
	if d <= 0 {
		return
	}
	p.at = now
	if p.rate > 0 {
		p.level = min(p.level+int64(min(d, time.Second).Seconds()*float64(p.rate)), p.depth)
	}
}
