package nodetest

import (
	"time"

	"github.com/pion/rtcp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A clock compares what sender reports say of a track with when its media was made.
// Not safe for concurrent use.
type clock struct {
	rate      uint32
	reports   int
	ntp       time.Time // of the last report
	rtp       uint32
	timestamp uint32 // of the last stamped packet
	made      time.Time
}

func (c *clock) packet(timestamp uint32, made time.Time) { c.timestamp, c.made = timestamp, made }

func (c *clock) report(kind codec.Kind, r *rtcp.SenderReport) {
	c.rate = 90_000
	if kind == codec.Audio {
		c.rate = 48_000
	}
	c.reports++
	c.ntp, c.rtp = fromNTP(r.NTPTime), r.RTPTime
}

// fromNTP converts a 64-bit NTP time (RFC 3550 §4).
func fromNTP(ntp uint64) time.Time {
	const toUnix = 2_208_988_800 // seconds from 1900 to 1970
	seconds, fraction := int64(ntp>>32)-toUnix, ntp&0xffffffff
	return time.Unix(seconds, int64(fraction*1e9>>32)) //nolint:gosec // below 1e9
}

// skew is how much later the last report says the last packet was made than it was.
func (c *clock) skew() time.Duration {
	ticks := int64(int32(c.timestamp - c.rtp))
	said := c.ntp.Add(time.Duration(ticks * int64(time.Second) / int64(c.rate)))
	return said.Sub(c.made)
}

// Skew returns how far sender reports put the last packet of a kind after the moment it
// was made; false before there are two.
func (s *Subscriber) Skew(kind codec.Kind) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.clocks[kind]
	if c.reports < 2 {
		return 0, false
	}
	return c.skew(), true
}
