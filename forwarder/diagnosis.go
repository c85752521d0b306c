package forwarder

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// The codes of findings, the gravest first. They are stable: programs may compare them.
// docs/diagnosis.md says of each what is measured, from where on, and what to do.
const (
	FindingNoMedia      = "no-media"
	FindingNoVideo      = "no-video"
	FindingNoAudio      = "no-audio"
	FindingNoKeyframe   = "no-keyframe"
	FindingNoParameters = "parameter-sets-missing"
	FindingProfile      = "profile-unplayable"
	FindingBFrames      = "b-frames"
	FindingStray        = "packets-unmatched"
	FindingLoss         = "upstream-loss"
	FindingNackDead     = "nack-dead"
	FindingLongInterval = "keyframe-interval-long"
	FindingSilent       = "encoding-silent"
	FindingHighBitrate  = "bitrate-high"
	FindingClockDrift   = "clock-drift"
	FindingClockOffset  = "clock-offset"
)

// kindsOfFinding is how many codes there are.
const kindsOfFinding = 15

// A Finding is something wrong with a publisher's media that whoever runs the publisher
// can mend. Findings are comparable.
type Finding struct {
	Code string `json:"code"` // a Finding constant
	Text string `json:"text"` // what was measured and what to do, for people; its words may change
}

// A check looks for one kind of fault. It returns what to say of it, "" if all is well.
type check struct {
	code string
	look func(p *Publisher, now time.Time) string
}

// checks returns all of them, in the order of the codes.
func checks() [kindsOfFinding]check {
	return [...]check{
		{FindingNoMedia, (*Publisher).checkMedia},
		{FindingNoVideo, (*Publisher).checkVideo},
		{FindingNoAudio, (*Publisher).checkAudio},
		{FindingNoKeyframe, (*Publisher).checkFirstKeyframe},
		{FindingNoParameters, (*Publisher).checkParameters},
		{FindingProfile, (*Publisher).checkProfile},
		{FindingBFrames, (*Publisher).checkBFrames},
		{FindingStray, (*Publisher).checkStray},
		{FindingLoss, (*Publisher).checkLoss},
		{FindingNackDead, (*Publisher).checkNack},
		{FindingLongInterval, (*Publisher).checkInterval},
		{FindingSilent, (*Publisher).checkSilent},
		{FindingHighBitrate, (*Publisher).checkBitrate},
		{FindingClockDrift, (*Publisher).checkDrift},
		{FindingClockOffset, (*Publisher).checkOffset},
	}
}

// FindingCodes returns all codes, the gravest first.
func FindingCodes() []string {
	var all []string
	for _, c := range checks() {
		all = append(all, c.code)
	}
	return all
}

// diagnosis is what a publisher's owner knows of the faults in its media.
type diagnosis struct {
	next    time.Time                  // look
	asked   time.Time                  // the first look
	begun   time.Time                  // the first look at which something had come; zero: nothing has
	seen    [codec.Video + 1]time.Time // arrival of the last packet of a kind; zero: none
	counts  countMeter
	drift   driftMeter
	persist [kindsOfFinding]persistence
	found   []Finding
}

// Diagnose returns what is wrong with the publisher's media now, the gravest first, at
// most one finding of each code. Call it about once a second: it looks at a bounded
// number of the packets that came since it looked last, and no more than each second.
// It may wish for keyframes, to learn whether requests are ignored. Of a publisher that comes
// over a link it is what the origin found.
// While nothing changes it returns the same slice, which must not be changed. After End
// there are none.
func (p *Publisher) Diagnose(now time.Time) []Finding {
	d := &p.diagnosis
	switch {
	case p.Ended():
		return nil
	case p.cfg.Relayed: // the origin says what is wrong
		return p.diagnosed(now)
	case now.Before(d.next):
		return d.found
	}
	d.next = now.Add(diagnoseInterval)
	if d.asked.IsZero() {
		d.asked = now
	}
	if d.begun.IsZero() && p.counts.Packets+p.counts.Unknown > 0 {
		d.begun = now
	}
	p.look(now)
	changed := false
	for i, c := range checks() {
		if d.persist[i].step(now, c.look(p, now)) {
			changed = true
		}
	}
	if changed {
		d.collect()
		p.found.Store(newFoundList(d.found))
	}
	return d.found
}

// look updates all that is measured.
func (p *Publisher) look(now time.Time) {
	d := &p.diagnosis
	for _, kind := range [...]codec.Kind{codec.Audio, codec.Video} {
		for _, e := range p.Encodings(kind) {
			e.facts.look(e)
			if edge := e.edge.Load(); edge != nil && edge.At.After(d.seen[kind]) {
				d.seen[kind] = edge.At
			}
		}
	}
	d.counts.add(now, p.totals())
	d.drift.add(now, p.Best(codec.Audio), p.Best(codec.Video))
}

func (d *diagnosis) collect() {
	var found []Finding
	for i, c := range checks() {
		if text := d.persist[i].text; text != "" {
			found = append(found, Finding{c.code, text})
		}
	}
	d.found = slices.Clip(found)
}

// persistence keeps one kind of finding from flickering.
type persistence struct {
	since   time.Time // the fault was there at every look since; zero: at the last it was not
	last    time.Time // it was there last
	written time.Time // text was
	text    string    // what is told; "": nothing
}

// step takes what a look found and tells whether what is told changed.
func (s *persistence) step(now time.Time, text string) bool {
	if text == "" {
		s.since = time.Time{}
		if s.text == "" || now.Sub(s.last) < findingHold {
			return false
		}
		s.text = ""
		return true
	}
	s.last = now
	if s.since.IsZero() {
		s.since = now
	}
	switch {
	case s.text == "" && now.Sub(s.since) < findingAppear:
		return false
	case s.text == text, s.text != "" && now.Sub(s.written) < findingRefresh:
		return false
	}
	s.text, s.written = text, now
	return true
}
