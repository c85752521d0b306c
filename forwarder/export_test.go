package forwarder

import (
	"fmt"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

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

// CutList is a list of cuts.
type CutList struct{ cutList }

// Drop drops a run of numbers.
func (l *CutList) Drop(first, end uint64, picture bool) { l.drop(first, end, picture) }

// At returns what was dropped before a number.
func (l *CutList) At(in uint64) (uint64, uint16, bool) { return l.at(in) }

// Source returns the incoming number.
func (l *CutList) Source(base, n uint64) (uint64, bool) { return l.source(base, n) }

// Len returns how many cuts are kept.
func (l *CutList) Len() int { return len(l.cuts) }

// MaxCuts is the bound of a CutList.
const MaxCuts = maxCuts

// An Allocator chooses among rungs of the given bitrates.
type Allocator struct {
	a     allocator
	l     ladder
	blind bool
}

// NewAllocator returns one whose rungs cost about the given bits per second each.
func NewAllocator(costs ...int64) *Allocator {
	a := &Allocator{}
	for i, c := range costs {
		rate := payload(c)
		a.l = append(a.l, rung{enc: &Encoding{}, bitrate: rate, usual: rate, most: rate, pixels: i + 1})
	}
	return a
}

// Layered makes all rungs temporal layers of one encoding.
func (a *Allocator) Layered() {
	for i := range a.l {
		a.l[i].enc, a.l[i].layer = a.l[0].enc, layerOf(0, uint8(i))
	}
}

// Blind says that there are no probes.
func (a *Allocator) Blind() { a.blind = true }

// Choose returns the rung for a limit, -1 while video pauses.
func (a *Allocator) Choose(now time.Time, limit int64) (int, int64) {
	return a.ChooseSending(now, limit, 0)
}

// ChooseSending is Choose while so much video is sent.
func (a *Allocator) ChooseSending(now time.Time, limit, sends int64) (int, int64) {
	b := budget{limit: limit, keeps: limit, spare: limit - limit/stepUpMargin, sends: sends, blind: a.blind}
	return a.a.choose(now, a.l, false, b)
}

// ChooseOf is Choose where more is kept than the limit, and a better rung may take so much.
func (a *Allocator) ChooseOf(now time.Time, limit, keeps, spare int64) (int, int64) {
	return a.a.choose(now, a.l, false, budget{limit: limit, keeps: keeps, spare: spare, blind: a.blind})
}

// Vanish takes the lowest rung away.
func (a *Allocator) Vanish() { a.l = a.l[1:] }

// Most says what a rung cost where it was highest of late, Takes what it costs now.
func (a *Allocator) Most(i int, cost int64)  { a.l[i].most = payload(cost) }
func (a *Allocator) Takes(i int, cost int64) { a.l[i].bitrate = payload(cost) }

// payload is what is left of a cost.
func payload(cost int64) int64 { return cost * videoOverhead / (videoOverhead + 1) }

// Squeeze tells whether video stops until a target is reached.
func (a *Allocator) Squeeze(now time.Time, sends, target, limit int64) bool {
	return a.a.squeeze(now, target, budget{limit: limit, sends: sends})
}

// The allocator's times.
const (
	StepDownHold = stepDownHold
	StepUpHold   = stepUpHold
	StepLasts    = stepLasts
	LeastPenalty = leastPenalty
	MostPenalty  = mostPenalty
	StarveHold   = starveHold
	StarveShort  = starveShort
	SqueezeHold  = squeezeHold
	StepHeld     = stepHeld
	TryInterval  = tryInterval
	TryGrace     = tryGrace
	NoLimit      = noLimit
)

// Rewritten returns the numbers written into p's payload of a format, if it has a name,
// and the descriptor that takes the place of the packet's, if there is one.
func (p *OutPacket) Rewritten() (f codec.Format, picture uint16, tl0 uint8, descriptor []byte) {
	return p.renumber, p.numbers.picture, p.numbers.tl0, p.descriptor
}

// PlayableLayers returns how many of three spatial by three temporal layers of a codec a
// subscriber with or without the Dependency Descriptor may get.
func PlayableLayers(name codec.Name, described bool) int {
	var l ladder
	e := &Encoding{format: codec.Format{Name: name}}
	for spatial := range uint8(3) {
		for temporal := range uint8(3) {
			l = append(l, rung{enc: e, layer: layerOf(spatial, temporal)})
		}
	}
	return len(l.playable(described))
}

// Want notes that somebody wants the encoding.
func (e *Encoding) Want(now time.Time) { e.want(now) }

// WantHold is how long that lasts.
const WantHold = wantHold

// LinkSent is the bound of the same name.
const LinkSent = linkSent

// LinkStillID and LinkTravelsID are the ids of two extensions on links.
var LinkStillID, LinkTravelsID = linkIDs()[codec.Still], linkIDs()[codec.Travels]

// StubBytes is the bound of the same name.
const StubBytes = stubBytes

// A Sawtooth looks at a queue, with 500 kbit/s sent all the time of 1,000 that are known to fit.
type Sawtooth struct{ s sawtooth }

// Add takes how long the queue was for a group sent at a point of time, in ms.
func (s *Sawtooth) Add(at time.Duration, queue float64, probe bool) {
	s.s.add(&packetGroup{start: int64(at / time.Microsecond), probe: probe}, &delayTrend{queue: queue, excess: queue}, 500_000, 1_000_000)
}

// Others tells whether the queue is others'.
func (s *Sawtooth) Others(at time.Duration) bool { return s.s.others(int64(at / time.Microsecond)) }

// Regain returns what an estimate that was lowered in vain becomes some time after a probe, and how
// many decreases in vain show that a queue is others'. Bits per second: the most that arrived of
// late, what arrives, the estimate before; what was sent of the probe and what arrived.
func Regain(most, acked, before, sent, arrived float64, later time.Duration) (bitrate float64, cuts int) {
	r := rateControl{acked: acked, before: before, most: [2]float64{most}}
	r.tried(sent, arrived, 1)
	now := 1 + later.Microseconds()
	return r.regain(now), r.cutsFor(acked, now)
}

// Rungs names what a selection leaves of three encodings of two temporal layers each, from
// lowest on: a of 180 lines, m of 360 and x of 720.
func Rungs(sel Selection, lowest uint8) []string {
	var l ladder
	for i, rid := range []string{"a", "m", "x"} {
		e, height := &Encoding{rid: rid, format: codec.Format{Name: codec.VP8}}, 180<<i
		for temporal := lowest; temporal < lowest+2; temporal++ {
			l = append(l, rung{
				enc: e, layer: layerOf(0, temporal), bitrate: int64(height * (1 + int(temporal))),
				pixels: height * height, width: height * 16 / 9, height: height,
			})
		}
	}
	var names []string
	for _, r := range (&ladders{l, l.sensible()}).within(&sel, true) {
		names = append(names, fmt.Sprint(r.enc.rid, r.layer.temporal()))
	}
	return names
}

// FailProbes makes probes as rare as they become.
func (e *Estimator) FailProbes() {
	e.probe.cancel()
	e.probe.failed, e.probe.raised, e.probe.next = failedMost, 0, e.now+probeRare
}
