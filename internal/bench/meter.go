package bench

import "time"

// freezeGap is the pause between frames of the video that counts as a freeze.
const freezeGap = 200 * time.Millisecond

// A meter is what a subscriber measures. Not safe for concurrent use.
type meter struct {
	inWindow

	seen             [2]numbers
	newest           time.Time // stamp of the newest packet of the video
	lastFrame        time.Time
	firstRTP         time.Time
	firstKeyframe    time.Time // of its last packet
	duplicates       uint64
	unreadable       uint64 // without a stamp
	repaired         uint64
	unauthentic      uint64
	checked, dropped uint64
}

// inWindow is what is counted in the window alone.
type inWindow struct {
	window *Window // nil: not known yet

	packets, bytes uint64    // arrived in the window, repairs and repetitions included
	delivered      [2]uint64 // audio, video: sent in the window, counted once each
	latency        histogram
	freezes        int
	longest        time.Duration // between two frames of the video in the window
}

// measure begins to count for a window, the last one's counts are gone.
func (m *meter) measure(w *Window) { m.inWindow = inWindow{window: w} }

// arrived counts a packet, whatever it holds.
func (m *meter) arrived(size int, at time.Time) {
	if m.window.contains(at) {
		m.packets++
		m.bytes += uint64(size) //nolint:gosec // not negative
	}
}

// media counts the media in a packet. What a packet is goes by what the publisher
// stamped on it: the same media under other RTP numbers, as a repair or because the
// server began again at a keyframe, is a duplicate.
func (m *meter) media(s *stamp, marker bool, at time.Time) {
	track := trackOf(s.audio)
	if !m.seen[track].add(s.number) {
		m.duplicates++
		return
	}
	if m.firstRTP.IsZero() {
		m.firstRTP = at
	}
	if m.window.contains(s.sent) {
		m.delivered[track]++
		m.latency.add(at.Sub(s.sent))
	}
	if s.audio {
		return
	}
	if s.sent.After(m.newest) {
		m.newest = s.sent
	}
	if marker {
		m.frame(s, at)
	}
}

// frame notes the end of a frame of the video.
func (m *meter) frame(s *stamp, at time.Time) {
	if s.keyframe && m.firstKeyframe.IsZero() {
		m.firstKeyframe = at
	}
	if w := m.window; w != nil && !at.Before(w.From) && m.lastFrame.Before(w.To) {
		m.gap(earliest(at, w.To))
	}
	m.lastFrame = at
}

// gap counts a pause's part in the window.
func (m *meter) gap(at time.Time) {
	from := m.lastFrame
	if from.Before(m.window.From) {
		from = m.window.From
	}
	pause := at.Sub(from)
	m.longest = max(m.longest, pause)
	if pause > freezeGap {
		m.freezes++
	}
}

// finish counts a freeze that the window's end cuts off.
func (m *meter) finish() {
	if m.window != nil && m.lastFrame.Before(m.window.To) {
		m.gap(m.window.To)
	}
}

// numbers tells new packet numbers from those seen before, over the last 4096.
type numbers struct {
	bits    [64]uint64
	highest uint64
	started bool
}

func (n *numbers) add(number uint64) bool {
	const size = 64 * 64
	switch {
	case !n.started:
		n.started, n.highest = true, number
	case number > n.highest:
		for at := n.highest + 1; at <= number && at <= n.highest+size; at++ {
			n.bits[at/64%64] &^= 1 << (at % 64)
		}
		n.highest = number
	case n.highest-number >= size:
		return false // too late to tell
	}
	word, bit := &n.bits[number/64%64], uint64(1)<<(number%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}
