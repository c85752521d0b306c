package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable writes the report for people: one block for each number of subscribers.
func (r *Report) WriteTable(to io.Writer) error {
	l := &r.Load
	sound := ""
	if l.Audio {
		sound = " + Opus"
	}
	fmt.Fprintf(to, "\n%s %.2f Mbit/s %s%s, keyframe each %v, %s listed first, %v measured\n",
		l.Codec.encodingName(), float64(l.Bitrate)/1e6, l.Pace, sound, l.KeyframeInterval, l.Profile, l.Window)
	fmt.Fprintf(to, "%d processors, %s, load %.1f before and %.1f after\n",
		r.Machine.CPUs, r.Machine.System, r.Machine.LoadBefore, r.Machine.LoadAfter)
	for i := range r.Points {
		if err := r.Points[i].write(to, l.Publishers); err != nil {
			return err
		}
	}
	if r.Capacity != nil {
		return r.Capacity.write(to)
	}
	return nil
}

func (p *Point) write(to io.Writer, publishers int) error {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%d × %d, median of %d\t", publishers, p.Subscribers, p.count(p.Rounds[0].Server))
	fmt.Fprintf(w, "%s\t", p.Rounds[0].Server)
	if p.Baseline != nil {
		fmt.Fprint(w, "baseline\tratio\t")
	}
	fmt.Fprintln(w)
	for _, row := range rows() {
		row.write(w, p)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if p.Result.exhausted() || p.Baseline != nil && p.Baseline.exhausted() {
		fmt.Fprintln(to, "The machine was the limit: nothing of it was idle. Latency, loss and freezes are its own too.")
	}
	for _, r := range p.Rounds {
		if r.Breakdown != nil {
			if err := r.Breakdown.write(to, r.Server); err != nil {
				return err
			}
		}
	}
	return nil
}

// count returns how many rounds a server had.
func (p *Point) count(s Server) (n int) {
	for _, r := range p.Rounds {
		if r.Server == s {
			n++
		}
	}
	return n
}

// A row is a line of the table.
type row struct {
	name, unit string
	digits     int
	value      func(*Result) (float64, bool)
	compared   bool // a ratio makes sense
}

func (t *row) write(w io.Writer, p *Point) {
	own, ok := t.value(&p.Result)
	other, both := 0.0, false
	if p.Baseline != nil {
		other, both = t.value(p.Baseline)
	}
	if !ok && !both {
		return
	}
	fmt.Fprintf(w, "%s\t%s\t", t.name, t.cell(own, ok))
	if p.Baseline != nil {
		fmt.Fprintf(w, "%s\t", t.cell(other, both))
		if t.compared && ok && both && other > 0 {
			fmt.Fprintf(w, "%.2f\t", own/other)
		} else {
			fmt.Fprint(w, "\t")
		}
	}
	fmt.Fprintln(w)
}

func (t *row) cell(v float64, ok bool) string {
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%.*f%s", t.digits, v, t.unit)
}

// cost makes a row's value of a cost.
func cost(f func(*Cost) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		if r.Server == nil {
			return 0, false
		}
		return f(r.Server), true
	}
}

// optional is cost for what may be unknown.
func optional(f func(*Cost) *float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		if r.Server == nil || f(r.Server) == nil {
			return 0, false
		}
		return *f(r.Server), true
	}
}

// stormy is a value of a storm.
func stormy(f func(*StormResult) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		if r.Storm == nil {
			return 0, false
		}
		return f(r.Storm), true
	}
}

// beside is a value of the window with stalled subscribers.
func beside(f func(*StalledResult) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		if r.Stalled == nil {
			return 0, false
		}
		return f(r.Stalled), true
	}
}

// always is a value every result has.
func always(f func(*Result) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) { return f(r), true }
}

// unless hides what did not happen.
func unless(f func(*Result) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) { return f(r), f(r) != 0 }
}

func rows() []row {
	return []row{
		{"CPU per delivered packet", " µs", 2, cost(func(c *Cost) float64 { return c.CPUUsPerPacket }), true},
		{"of it user", " µs", 2, cost(func(c *Cost) float64 { return c.UserUsPerPacket }), true},
		{"of it system", " µs", 2, cost(func(c *Cost) float64 { return c.SystemUsPerPacket }), true},
		{"CPU per Gbit delivered", " s", 3, cost(func(c *Cost) float64 { return c.CPUSecondsPerGbit }), true},
		{"processors used", "", 2, cost(func(c *Cost) float64 { return c.Cores }), true},
		{"context switches per packet", "", 4, cost(func(c *Cost) float64 { return c.SwitchesPerPacket }), true},
		{"memory per subscriber", " KB", 0, cost(func(c *Cost) float64 { return c.KBPerSubscriber }), true},
		{"goroutines per subscriber", "", 1, optional(func(c *Cost) *float64 { return c.GoroutinesPerSubscriber }), true},
		{"CPU per join", " ms", 2, optional(func(c *Cost) *float64 { return c.CPUMsPerJoin }), true},
		{"CPU per leave", " ms", 2, optional(func(c *Cost) *float64 { return c.CPUMsPerLeave }), true},
		{"latency added, p50", " ms", 2, always(func(r *Result) float64 { return r.LatencyMs.P50 }), true},
		{"p99", " ms", 2, always(func(r *Result) float64 { return r.LatencyMs.P99 }), true},
		{"longest", " ms", 1, always(func(r *Result) float64 { return r.LatencyMs.Max }), true},
		{"lost after repair", " %", 4, always(func(r *Result) float64 { return r.Loss * 100 }), false},
		{"freezes over 200 ms", "", 0, always(func(r *Result) float64 { return r.Freezes }), false},
		{"POST to 201, p50", " ms", 1, always(func(r *Result) float64 { return r.CreatedMs.P50 }), true},
		{"p95", " ms", 1, always(func(r *Result) float64 { return r.CreatedMs.P95 }), true},
		{"POST to first RTP, p50", " ms", 1, always(func(r *Result) float64 { return r.FirstRTPMs.P50 }), true},
		{"p95", " ms", 1, always(func(r *Result) float64 { return r.FirstRTPMs.P95 }), true},
		{"POST to first keyframe, p50", " ms", 1, always(func(r *Result) float64 { return r.FirstKeyframeMs.P50 }), true},
		{"p95", " ms", 1, always(func(r *Result) float64 { return r.FirstKeyframeMs.P95 }), true},
		{"packets delivered a second", "", 0, always(func(r *Result) float64 { return r.PacketsPerSecond }), false},
		{"subscribers that failed", "", 0, unless(func(r *Result) float64 { return r.Failed }), false},
		{"without a keyframe", "", 0, unless(func(r *Result) float64 { return r.NoKeyframe }), false},
		{"packets asked for again", "", 0, unless(func(r *Result) float64 { return r.NACKs }), false},
		{"came by RTX", "", 0, unless(func(r *Result) float64 { return r.Repaired }), false},
		{"came twice", "", 0, unless(func(r *Result) float64 { return r.Duplicates }), false},
		{"unreadable packets", "", 0, unless(func(r *Result) float64 { return r.Unreadable + r.Unauthentic }), false},
		{"lost at the generator's sockets", "", 0, unless(func(r *Result) float64 { return r.Overflowed }), false},
		{"joins while measured", "", 0, unless(func(r *Result) float64 { return r.ChurnJoins }), false},
		{"of them failed", "", 0, unless(func(r *Result) float64 { return r.ChurnFailed }), false},
		{"in the storm: joins", "", 0, stormy(func(s *StormResult) float64 { return s.Joins }), false},
		{"of them failed", "", 0, stormy(func(s *StormResult) float64 { return s.Failed }), false},
		{"latency of those who watched, p50", " ms", 2, stormy(func(s *StormResult) float64 { return s.LatencyMs.P50 }), true},
		{"p99", " ms", 2, stormy(func(s *StormResult) float64 { return s.LatencyMs.P99 }), true},
		{"longest", " ms", 1, stormy(func(s *StormResult) float64 { return s.LatencyMs.Max }), true},
		{"lost to them after repair", " %", 4, stormy(func(s *StormResult) float64 { return s.Loss * 100 }), false},
		{"lost at the generator's sockets", "", 0, stormy(func(s *StormResult) float64 { return s.Overflowed }), false},
		{"their freezes over 200 ms", "", 0, stormy(func(s *StormResult) float64 { return s.Freezes }), false},
		{"POST to first keyframe, p50", " ms", 1, stormy(func(s *StormResult) float64 { return s.FirstKeyframeMs.P50 }), true},
		{"p95", " ms", 1, stormy(func(s *StormResult) float64 { return s.FirstKeyframeMs.P95 }), true},
		{"processors used", "", 2, stormy(func(s *StormResult) float64 { return s.Cores }), true},
		{"machine idle", " %", 0, stormy(func(s *StormResult) float64 { return s.MachineIdle * 100 }), false},
		{"over TCP, with something left unread", "", 0, beside(func(s *StalledResult) float64 { return s.Stuck }), false},
		{"latency of the others, p50", " ms", 2, beside(func(s *StalledResult) float64 { return s.LatencyMs.P50 }), false},
		{"p99", " ms", 2, beside(func(s *StalledResult) float64 { return s.LatencyMs.P99 }), false},
		{"longest", " ms", 1, beside(func(s *StalledResult) float64 { return s.LatencyMs.Max }), false},
		{"lost to them after repair", " %", 4, beside(func(s *StalledResult) float64 { return s.Loss * 100 }), false},
		{"lost at the generator's sockets", "", 0, beside(func(s *StalledResult) float64 { return s.Overflowed }), false},
		{"their freezes over 200 ms", "", 0, beside(func(s *StalledResult) float64 { return s.Freezes }), false},
		{"machine idle", " %", 0, beside(func(s *StalledResult) float64 { return s.MachineIdle * 100 }), false},
		{"generator's CPU per packet", " µs", 2, always(func(r *Result) float64 { return r.GeneratorUsPerPacket }), false},
		{"machine idle", " %", 0, always(func(r *Result) float64 { return r.MachineIdle * 100 }), false},
	}
}
