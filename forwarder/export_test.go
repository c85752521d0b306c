package forwarder

import "time"

// Internals for the external tests.
type (
	Extender struct{ extender }
	Nacker   struct{ nacker }
)

// Extend extends and advances.
func (e *Extender) Extend(seq uint16) uint64 {
	x := e.extend(seq)
	e.advance(x)
	return x
}

// Packet notes an arrival.
func (n *Nacker) Packet(seq uint64, now time.Time) { n.packet(seq, now) }

// Due returns what to ask for.
func (n *Nacker) Due(now time.Time, rtt time.Duration) []uint16 { return n.due(now, rtt, nil) }

// Holes returns how many holes are kept.
func (n *Nacker) Holes() int { return len(n.holes) }

// Streams returns how many SSRCs are kept.
func (p *Publisher) Streams() int { return len(p.ssrcs) }

// HolesKept returns the most holes any stream keeps.
func (p *Publisher) HolesKept() int {
	most := 0
	for _, s := range p.order {
		most = max(most, len(s.nack.holes))
	}
	return most
}

// SentKept returns how many sent packets a track can remember.
func (d *DownTrack) SentKept() int { return len(d.sent.entries) }

// The bounds the tests go to.
const (
	HistoryPackets   = historyPackets
	HistoryBytes     = historyBytes
	HistoryAge       = historyAge
	PacketBytes      = packetBytes
	ValueBytes       = valueBytes
	HistoryKeep      = historyKeep
	NackHoles        = nackHoles
	NackTries        = nackTries
	NackDead         = nackDead
	NackProbe        = nackProbe
	KeyframeInterval = keyframeInterval
	IgnoredInterval  = ignoredInterval
	MaxStreams       = maxStreams
	MaxResends       = maxResends
	CatchUpWindow    = catchUpWindow
	CatchUpStall     = catchUpStall
	CatchUpTime      = catchUpTime
	SentVideoMax     = sentVideoMax
	PassPackets      = passPackets
	PastMappings     = pastMappings
	FirstPackets     = firstPackets
	FirstResends     = firstResends
	MaxAnswer        = maxAnswer
	ActiveWindow     = activeWindow
	FirstKeyframe    = firstKeyframe
)

// ToNTP and FromNTP convert to and from NTP time.
var (
	ToNTP   = toNTP
	FromNTP = fromNTP
)
