package harness

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// Trace is what a watching session showed, received and was told from some moment on. Moments are
// milliseconds on the page's clock.
type Trace struct {
	From   float64 `json:"-"`      // since when everything is in it
	Now    float64 `json:"now"`    // until when
	Origin float64 `json:"origin"` // of the page's clock, in milliseconds since 1970
	Shown  []Shown `json:"shown"`
	Polls  []Poll  `json:"polls"`
	Told   []Told  `json:"told"`
}

// Shown is one frame that was shown.
type Shown struct {
	At            float64 // when it was handed on to be shown
	Width, Height int
}

// UnmarshalJSON reads the page's [at, width, height].
func (s *Shown) UnmarshalJSON(text []byte) error {
	var v [3]float64
	err := json.Unmarshal(text, &v)
	*s = Shown{At: v[0], Width: int(v[1]), Height: int(v[2])}
	return err
}

// Poll is what the browser said of the video it received so far, and of the sound. All but At,
// Height and SSRC are counts since the start.
type Poll struct {
	At float64 `json:"at"`

	Bytes     int64   `json:"bytes"`   // of payload, retransmissions included
	Headers   int64   `json:"headers"` // bytes of headers and padding
	Packets   int64   `json:"packets"`
	Lost      int64   `json:"lost"`     // packets, also those that came again
	Repaired  int64   `json:"repaired"` // packets that came again, and probes
	Received  int64   `json:"received"` // whole frames
	Decoded   int64   `json:"decoded"`  // frames
	Dropped   int64   `json:"dropped"`  // frames
	Keyframes int64   `json:"keyframes"`
	Freezes   int64   `json:"freezes"`
	Frozen    float64 `json:"frozen"` // seconds, of all freezes
	PLIs      int64   `json:"plis"`
	NACKs     int64   `json:"nacks"`
	Height    int     `json:"height"`
	SSRC      uint32  `json:"ssrc"`
	Delay     float64 `json:"delay"`   // seconds, of all frames in the jitter buffer
	Emitted   int64   `json:"emitted"` // frames that left the jitter buffer

	Sound     int64 `json:"sound"`     // samples played
	Concealed int64 `json:"concealed"` // of them, made up because none had come
}

// Told is one event of the session's stream of events.
type Told struct {
	At   float64 `json:"at"`
	Type string  `json:"type"`
	Data string  `json:"data"`
}

// Trace returns what the session noted from a moment on; it must have been told to trace.
func (s *Session) Trace(t testing.TB, since float64) Trace {
	t.Helper()
	v := Trace{From: since}
	s.call(t, "traced", map[string]any{"since": since}, &v)
	return v
}

// stalls returns when the session's page had to wait for the machine, since a moment: beginnings and
// ends in milliseconds since 1970.
func (s *Session) stalls(t testing.TB, since float64) [][2]float64 {
	t.Helper()
	var v [][2]float64
	s.call(t, "stalls", map[string]any{"since": since}, &v)
	return v
}

// Now returns the moment it is on the page's clock.
func (s *Session) Now(t testing.TB) float64 {
	t.Helper()
	return s.Times(t).Now
}

// Layer chooses a layer, or bounds of the choice, by WHEP's layer extension. Zero and nil are any.
type Layer struct {
	Media       string `json:"mediaId,omitempty"`
	RID         string `json:"rid,omitempty"`
	Spatial     *int   `json:"spatialLayerId,omitempty"`
	Temporal    *int   `json:"temporalLayerId,omitempty"`
	MaxSpatial  *int   `json:"maxSpatialLayerId,omitempty"`
	MaxTemporal *int   `json:"maxTemporalLayerId,omitempty"`
	MaxWidth    int    `json:"maxWidth,omitempty"`
	MaxHeight   int    `json:"maxHeight,omitempty"`
}

// String describes what is asked for.
func (l Layer) String() string {
	text, _ := json.Marshal(l) // of strings and numbers
	return "layer " + string(text)
}

// Selected is what came of a request for a layer.
type Selected struct {
	At     float64 `json:"at"` // when the page sent it
	Status int     `json:"status"`
	Body   string  `json:"body"`
}

// Select asks the node for a layer; nil returns to the automatic choice.
func (s *Session) Select(t testing.TB, layer *Layer) Selected {
	t.Helper()
	var v Selected
	s.call(t, "select", map[string]any{"layer": layer}, &v)
	return v
}

// Between returns the part of a trace from one moment to another.
func (r Trace) Between(from, to float64) Trace {
	in := func(at float64) bool { return at >= from && at <= to }
	part := Trace{From: max(r.From, from), Now: min(r.Now, to), Origin: r.Origin}
	part.Shown = filter(r.Shown, func(s Shown) bool { return in(s.At) })
	part.Polls = filter(r.Polls, func(p Poll) bool { return in(p.At) })
	part.Told = filter(r.Told, func(e Told) bool { return in(e.At) })
	return part
}

func filter[T any](all []T, keep func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !keep(v) })
}

// Change is a change of the height of what was shown.
type Change struct {
	At       float64 // the first frame of the new height
	From, To int
	Gap      float64 // milliseconds since the last frame of the old one
}

// Changes returns all changes of height.
func (r Trace) Changes() []Change {
	var changes []Change
	for i := 1; i < len(r.Shown); i++ {
		if last, now := r.Shown[i-1], r.Shown[i]; last.Height != now.Height {
			changes = append(changes, Change{At: now.At, From: last.Height, To: now.Height, Gap: now.At - last.At})
		}
	}
	return changes
}

// Gap returns the longest time without a new frame that lay, in part at least, between two moments,
// in milliseconds. A gap counts from the trace's beginning, and one that goes on until its end.
func (r Trace) Gap(from, to float64) float64 {
	longest, last := 0.0, r.From
	for i := range len(r.Shown) + 1 {
		next := r.Now
		if i < len(r.Shown) {
			next = r.Shown[i].At
		}
		if next >= from && last <= to {
			longest = max(longest, next-last)
		}
		last = next
	}
	return longest
}

// Settled returns the moment from which on all frames have a height that is right, until now. ok
// is false if the last one shown has not.
func (r Trace) Settled(right func(height int) bool) (at float64, ok bool) {
	for _, s := range slices.Backward(r.Shown) {
		if !right(s.Height) {
			break
		}
		at, ok = s.At, true
	}
	return at, ok
}

// Rate returns the bitrate of the video that came, in bits per second, headers and all.
func (r Trace) Rate() float64 {
	first, last := r.ends()
	return perSecond(8*(last.Bytes+last.Headers-first.Bytes-first.Headers), last.At-first.At)
}

// FrameRate returns how many frames a second were decoded.
func (r Trace) FrameRate() float64 {
	first, last := r.ends()
	return perSecond(last.Decoded-first.Decoded, last.At-first.At)
}

// Grown returns how much a count grew.
func (r Trace) Grown(count func(Poll) int64) int64 {
	first, last := r.ends()
	return count(last) - count(first)
}

// Unrepaired returns the share of the packets that were lost and did not come again, at least:
// probes pass for repairs.
func (r Trace) Unrepaired() float64 {
	lost := r.Grown(func(p Poll) int64 { return p.Lost })
	missed := lost - r.Grown(func(p Poll) int64 { return p.Repaired })
	return share(missed, lost+r.Grown(func(p Poll) int64 { return p.Packets }))
}

// Undecodable returns how many pictures the browser could not decode: those it had whole and those
// it asked for a keyframe for. Whole ones may wait for their turn, for a third of a second.
func (r Trace) Undecodable() int64 {
	const waiting = 10
	whole := r.Grown(func(p Poll) int64 { return p.Received - p.Decoded - p.Dropped })
	return max(0, whole-waiting) + r.Grown(func(p Poll) int64 { return p.PLIs })
}

// Concealed returns the share of the sound that was made up because none had come.
func (r Trace) Concealed() float64 {
	return share(r.Grown(func(p Poll) int64 { return p.Concealed }), r.Grown(func(p Poll) int64 { return p.Sound }))
}

func share(part, whole int64) float64 {
	if part <= 0 || whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// ends returns the first and the last poll, zero ones if there are none.
func (r Trace) ends() (first, last Poll) {
	if len(r.Polls) > 0 {
		first, last = r.Polls[0], r.Polls[len(r.Polls)-1]
	}
	return first, last
}

func perSecond(count int64, ms float64) float64 {
	if ms <= 0 {
		return 0
	}
	return float64(count) * 1000 / ms
}

// SSRCs returns the SSRCs the video came by.
func (r Trace) SSRCs() []uint32 {
	all := map[uint32]bool{}
	for _, p := range r.Polls {
		if p.SSRC != 0 {
			all[p.SSRC] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// String returns a line for each second: what was shown, received, lost and told in it.
func (r Trace) String() string {
	var b strings.Builder
	start := math.Inf(1)
	if len(r.Shown) > 0 {
		start = r.Shown[0].At
	}
	if len(r.Polls) > 0 {
		start = min(start, r.Polls[0].At)
	}
	for at := start; at < r.Now; at += 1000 {
		// The polls at both ends, for what grew in between.
		second := r.Between(at-pollReach, at+1000)
		second.Shown = r.Between(at, at+1000).Shown
		fmt.Fprintf(&b, "%7.1f s: %s\n", at/1000, second.line(r.Gap(at, min(at+1000, r.Now))))
	}
	return b.String()
}

// pollReach is a little more than the page's pause between two polls, in milliseconds.
const pollReach = 250

func (r Trace) line(gap float64) string {
	var heights []int
	for _, s := range r.Shown {
		if len(heights) == 0 || heights[len(heights)-1] != s.Height {
			heights = append(heights, s.Height)
		}
	}
	line := fmt.Sprintf("%v high, %d shown, longest gap %.0f ms, %.0f kbit/s", heights, len(r.Shown), gap, r.Rate()/1000)
	for _, c := range []struct {
		name  string
		count func(Poll) int64
	}{
		{"keyframes", func(p Poll) int64 { return p.Keyframes }},
		{"packets lost", func(p Poll) int64 { return p.Lost }},
		{"repaired", func(p Poll) int64 { return p.Repaired }},
		{"frames dropped", func(p Poll) int64 { return p.Dropped }},
		{"freezes", func(p Poll) int64 { return p.Freezes }},
		{"PLIs", func(p Poll) int64 { return p.PLIs }},
		{"NACKs", func(p Poll) int64 { return p.NACKs }},
	} {
		if n := r.Grown(c.count); n != 0 {
			line += fmt.Sprintf(", %d %s", n, c.name)
		}
	}
	if told := r.Statistics(); len(told) > 0 {
		line += fmt.Sprintf(", the node: %v", told[len(told)-1])
	}
	return line
}

// Statistics is what the node's event of that name says of the session.
type Statistics struct {
	At        float64 // when it came
	Estimate  int64   `json:"estimate"` // bits per second; 0: not known
	Bitrate   int64   `json:"bitrate"`  // sent, of picture and sound
	RID       string  `json:"rid"`
	Spatial   int     `json:"spatialLayerId"`
	Temporal  int     `json:"temporalLayerId"`
	Paused    bool    `json:"paused"`
	Automatic bool    `json:"automatic"`
}

// Layer returns the layer that is sent, "" if none is.
func (s Statistics) Layer() string {
	if s.Paused {
		return ""
	}
	return fmt.Sprintf("%s S%d T%d", s.RID, s.Spatial, s.Temporal)
}

// String describes it in a few words.
func (s Statistics) String() string {
	return fmt.Sprintf("layer %q, estimate %d kbit/s, sends %d", s.Layer(), s.Estimate/1000, s.Bitrate/1000)
}

// Statistics returns the events of that name. A node need not have any.
func (r Trace) Statistics() []Statistics {
	var all []Statistics
	for _, e := range r.Told {
		s := Statistics{At: e.At}
		if e.Type == "statistics" && json.Unmarshal([]byte(e.Data), &s) == nil {
			all = append(all, s)
		}
	}
	return all
}

// Switches returns how often the layer changed, by what was shown or by what the node says, which
// knows of temporal layers, too.
func (r Trace) Switches() int {
	n, told := 0, r.Statistics()
	for i := 1; i < len(told); i++ {
		if told[i].Layer() != told[i-1].Layer() {
			n++
		}
	}
	return max(n, len(r.Changes()))
}
