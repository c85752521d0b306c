package forwarder

import "time"

// A clockPoint ties an encoding's RTP timestamps to its publisher's clock, as
// its last sender report says (RFC 3550 §6.4.1), and that to ours.
type clockPoint struct {
	at        time.Time // on our clock: the publisher's time plus one offset for the whole session
	timestamp uint32
}

// timestampAt extrapolates the RTP timestamp of time t on our clock.
func (c *clockPoint) timestampAt(t time.Time, clock uint32) uint32 {
	return c.timestamp + ticks(t.Sub(c.at), clock)
}

// publisherClock ties a publisher's clock to ours. It is set by its first sender
// report and then kept: audio and video move together, so lips stay in sync
// however wrong either clock is.
type publisherClock struct {
	ntp time.Time // on its clock,
	at  time.Time // the same on ours; zero: not known yet
}

// local converts the NTP time of a sender report that arrived at now. The result
// has now's monotonic reading: it does not move when our clock is set.
func (c *publisherClock) local(ntp uint64, now time.Time) time.Time {
	t := fromNTP(ntp)
	if c.at.IsZero() {
		c.ntp, c.at = t, now
	}
	return c.at.Add(t.Sub(c.ntp))
}

// step moves all that is still to be converted by d.
func (c *publisherClock) step(d time.Duration) { c.at = c.at.Add(d) }

// ntpEpoch is 1 January 1900 in Unix seconds (RFC 3550 §4).
const ntpEpoch = -2208988800

// toNTP converts t to the 64-bit NTP format, seconds in 32.32 fixed point.
func toNTP(t time.Time) uint64 {
	s := uint64(t.Unix()-ntpEpoch) << 32
	return s | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

func fromNTP(n uint64) time.Time {
	frac := (n & 0xffffffff) * uint64(time.Second) >> 32
	return time.Unix(int64(n>>32)+ntpEpoch, int64(frac))
}

// middle is the middle 32 bits of an NTP time: 16.16 fixed point seconds, as
// reports echo it (LSR, DLSR).
func middle(n uint64) uint32 { return uint32(n >> 16) }

// fromMiddle converts 16.16 fixed point seconds to a duration.
func fromMiddle(d uint32) time.Duration {
	return time.Duration(uint64(d) * uint64(time.Second) >> 16)
}
