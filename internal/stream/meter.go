package stream

import "time"

// meterInterval is the least time over which a bitrate is measured.
const meterInterval = 500 * time.Millisecond

// A meter measures a bitrate from a count of bytes that is looked at now and then. The
// zero meter has measured nothing.
type meter struct {
	since   time.Time
	bytes   uint64
	bitrate int64
}

// measure takes the count of now and returns the bitrate of the time since it was last
// taken, or the one before if that is too short ago.
func (m *meter) measure(now time.Time, bytes uint64) int64 {
	over := now.Sub(m.since)
	switch {
	case m.since.IsZero():
		m.since, m.bytes = now, bytes
	case over >= meterInterval:
		m.bitrate = int64(float64(bytes-m.bytes) * 8 / over.Seconds())
		m.since, m.bytes = now, bytes
	}
	return m.bitrate
}
