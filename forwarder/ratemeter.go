package forwarder

import "time"

// rateMeter measures bitrate over windows of half a second or more.
type rateMeter struct {
	since   time.Time
	bits    int64
	bitrate int64 // bits per second
}

func (m *rateMeter) add(now time.Time, bytes int) {
	if m.since.IsZero() {
		m.since = now
	}
	if d := now.Sub(m.since); d >= rateWindow {
		rate := m.bits * int64(time.Second) / int64(d)
		if m.bitrate == 0 {
			m.bitrate = rate
		}
		m.bitrate += (rate - m.bitrate) / 2
		m.since, m.bits = now, 0
	}
	m.bits += int64(bytes) * 8
}

// soFar is the bitrate since the first packet, while no window has ended; 0 while that is too
// short a time to tell.
func (m *rateMeter) soFar(now time.Time) int64 {
	d := now.Sub(m.since)
	if m.since.IsZero() || d < rateLeast {
		return 0
	}
	return m.bits * int64(time.Second) / int64(d)
}
