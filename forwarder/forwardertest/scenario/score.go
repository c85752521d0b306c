package scenario

import (
	"math"
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// A Score is what a subscriber got of a scenario.
type Score struct {
	Name        string  `json:"name"`
	Kbits       int64   `json:"kbits"`       // of video shown, per second
	Utilisation float64 `json:"utilisation"` // of what the best fitting layer would have brought
	Height      float64 `json:"height"`      // of what was sent, mean, in pixels, without pauses
	First       float64 `json:"first"`       // seconds until the first picture
	Converged   float64 `json:"converged"`   // seconds until the best fitting encoding was sent, for a second at least, from the last change of the path; -1: never
	Switches    float64 `json:"switches"`    // of encoding or spatial layer, while nothing changed
	Freezes     float64 `json:"freezes"`     // of more than freeze
	Longest     float64 `json:"longest"`     // freeze, seconds
	Latency     float64 `json:"latency"`     // of shown frames, 95 %, ms beyond the path's own delay
	Queue       float64 `json:"queue"`       // at the bottleneck, 95 %, ms
	SoundGap    float64 `json:"soundGap"`    // the longest, ms
	SoundLost   float64 `json:"soundLost"`   // seconds of it that did not arrive
	Paused      float64 `json:"paused"`      // seconds without video because the network carries sound only
}

// Rate plays a scenario as often as it says and returns the mean of its scores, of all subscribers.
func Rate(s Scenario) Score {
	var all []Score
	for i := range max(s.Runs, 1) {
		for _, r := range Together(s.run(i)) {
			all = append(all, r.Score())
		}
	}
	return mean(all)
}

// run is the scenario with others' traffic, what joins, and changes of the path, later by i phases.
func (s Scenario) run(i int) Scenario {
	s.Link.Seed += uint64(i)
	s.Apart += time.Duration(i) * phase
	s.Link.Others = slices.Clone(s.Link.Others)
	for j := range s.Link.Others {
		s.Link.Others[j].Start += time.Duration(i) * phase
	}
	s.Link.Capacity = slices.Clone(s.Link.Capacity)
	for j := range s.Link.Capacity {
		if j > 0 {
			s.Link.Capacity[j].At += time.Duration(i) * phase
		}
	}
	return s
}

// phase is by how much later than in one run things change in the next.
const phase = 137 * time.Millisecond

func mean(all []Score) Score {
	s := Score{Name: all[0].Name}
	n, converged := float64(len(all)), 0.0
	for _, v := range all {
		s.Kbits += v.Kbits / int64(len(all))
		s.Utilisation += v.Utilisation / n
		s.Height += v.Height / n
		s.First += v.First / n
		s.Switches += v.Switches / n
		s.Freezes += v.Freezes / n
		s.Longest += v.Longest / n
		s.Latency += v.Latency / n
		s.Queue += v.Queue / n
		s.SoundGap += v.SoundGap / n
		s.SoundLost += v.SoundLost / n
		s.Paused += v.Paused / n
		if v.Converged >= 0 {
			s.Converged += v.Converged
			converged++
		}
	}
	if s.Converged /= max(converged, 1); 2*converged < n {
		s.Converged = -1
	}
	for _, f := range []*float64{
		&s.Utilisation, &s.Height, &s.First, &s.Converged, &s.Switches, &s.Freezes, &s.Longest, &s.Latency, &s.Queue, &s.SoundGap, &s.SoundLost, &s.Paused,
	} {
		*f = round(*f)
	}
	return s
}

// freeze is the time without a picture that is one: the fewest pictures that are sent come each
// 133 ms.
const freeze = time.Second / 3

// settled is for how long the best fitting encoding is sent before it counts as reached.
const settled = time.Second

// Score sums up a run.
func (r *Run) Score() Score {
	s := Score{Name: r.s.Name, Longest: 0}
	s.Kbits = r.recv.mediaBits * int64(time.Second) / int64(r.s.Length-r.joins) / 1000
	s.SoundGap = milliseconds(r.recv.soundGap)
	s.SoundLost = round((time.Duration(r.sound-r.recv.sounds-r.air.sounds()) * audioInterval).Seconds())
	r.freezes(&s)
	r.choices(&s)
	if best := r.best(); best > 0 {
		s.Utilisation = round(float64(r.recv.mediaBits) / best)
	}
	return s
}

func (r *Run) freezes(s *Score) {
	var latency []time.Duration
	last := time.Duration(-1)
	base := r.baseDelay()
	for _, f := range r.recv.shown {
		if f.at-f.latency >= r.joins { // else it was there before
			latency = append(latency, f.latency-base)
		}
		if gap := f.at - last; last >= 0 && gap > freeze {
			s.Freezes++
			s.Longest = max(s.Longest, gap.Seconds())
		}
		last = f.at
	}
	if gap := r.s.Length - max(last, r.joins); !r.s.AudioOnly && gap > freeze {
		s.Freezes++
		s.Longest = max(s.Longest, gap.Seconds())
	}
	if len(r.recv.shown) > 0 {
		s.First = round((r.recv.shown[0].at - r.joins).Seconds())
	}
	s.Longest = round(s.Longest)
	s.Latency = milliseconds(percentile(latency, 95))
}

func (r *Run) baseDelay() time.Duration {
	if len(r.s.Link.Delay) == 0 {
		return 0
	}
	return r.s.Link.Delay[0].Delay
}

// choices counts what was sent over time.
func (r *Run) choices(s *Score) {
	steady := r.s.Steady
	if steady == 0 {
		steady = 10 * time.Second
	}
	var queue []time.Duration
	height, n := 0, 0
	for i, x := range r.Samples {
		queue = append(queue, x.Queued)
		if x.Choice.Encoding == nil {
			continue
		}
		if x.Choice.Paused {
			s.Paused += 0.1
			continue
		}
		h := r.height(x.Choice)
		height += h
		n++
		if i > 0 && x.At > r.joins+steady && h != r.height(r.Samples[i-1].Choice) {
			s.Switches++
		}
	}
	if n > 0 {
		s.Height = round(float64(height) / float64(n))
	}
	s.Converged = r.converged(max(r.lastChange(), r.joins))
	s.Paused = round(s.Paused)
	s.Queue = milliseconds(percentile(queue, 95))
}

// converged is how many seconds after a change the best fitting encoding is sent, and stays; -1:
// never.
func (r *Run) converged(change time.Duration) float64 {
	since := time.Duration(-1)
	for i := range r.Samples {
		x := &r.Samples[i]
		switch fits := x.Choice.Encoding != nil && !x.Choice.Paused && r.height(x.Choice) == r.fitting(x.At).height(); {
		case x.At < change:
		case !fits:
			since = -1
		case since < 0:
			since = x.At
		}
		if since >= 0 && x.At-since >= settled {
			return round((since - change).Seconds())
		}
	}
	return -1
}

// lastChange is when the path, or what others send on it, changed last.
func (r *Run) lastChange() time.Duration {
	var last time.Duration
	for _, c := range r.s.Link.Capacity {
		last = max(last, c.At)
	}
	for _, o := range r.s.Link.Others {
		last = max(last, o.Start, o.End)
	}
	return last
}

// height is that of what is sent, in pixels.
func (r *Run) height(c forwarder.Choice) int {
	switch {
	case c.Encoding == nil:
		return 0
	case r.s.SVC != NoSVC:
		return int(r.s.Encodings[c.Spatial].Height)
	}
	_, h := c.Encoding.Size()
	return h
}

func (e *Encoding) height() int {
	if e == nil {
		return 0
	}
	return int(e.Height)
}

// fitting is the best encoding that fits the path, or a fair share of it, at a time, nil if none
// does.
func (r *Run) fitting(at time.Duration) *Encoding {
	capacity := r.link.Capacity(at) / int64(r.s.subscribers())
	if c := r.s.Cap; c > 0 && (capacity == 0 || c < capacity) {
		capacity = c
	}
	var best *Encoding
	for i := range r.s.Encodings {
		e := &r.s.Encodings[i]
		if r.s.Active != nil && !r.s.Active(i, at) {
			continue
		}
		if capacity == 0 || e.Bitrate*107/100+80_000 <= capacity {
			best = e
		}
	}
	return best
}

// best is how many bits of video the best fitting encodings would have brought.
func (r *Run) best() float64 {
	var bits float64
	for at := r.joins; at < r.s.Length; at += 100 * time.Millisecond {
		if e := r.fitting(at); e != nil {
			bits += float64(e.Bitrate) / 10
		}
	}
	return bits
}

func percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[(len(d)-1)*p/100]
}

func milliseconds(d time.Duration) float64 { return round(d.Seconds() * 1000) }

func round(v float64) float64 { return math.Round(v*100) / 100 }
