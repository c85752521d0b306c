package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
)

// What a load must not exceed to count as carried.
const (
	capacityLoss  = 0.0001 // share of the packets, after repair
	capacityP99Ms = 500
)

const (
	// capacityPrecision is where a search ends: at steps of a twentieth.
	capacityPrecision = 20

	// maxSteps of one search; it takes about ten.
	maxSteps = 40

	// exhausted is the idle share of a machine that could give no more.
	exhausted = 0.05
)

// A Capacity tells how many subscribers of each stream servers carry on this machine,
// beside the load generators: with less than 0.01 % loss, p99 of the latency below
// 500 ms, and nobody left outside.
type Capacity struct {
	Searches []Search `json:"searches"`
	Ratio    float64  `json:"ratio,omitempty"` // the server's to the baseline's: large is good
}

// A Search is that of one server.
type Search struct {
	Server      Server `json:"server"`
	Subscribers int    `json:"subscribers"` // the most that were carried; 0: none
	Steps       []Step `json:"steps"`       // in the order they were tried

	refused int // the least that were not carried; 0: not known yet
	start   int
}

// A Step is one attempt.
type Step struct {
	Subscribers int     `json:"subscribers"`
	Carried     bool    `json:"carried"`
	Error       string  `json:"error,omitempty"` // why there is no result
	Result      *Result `json:"result,omitempty"`
}

// carries tells whether a result is good enough.
func carries(r *Result) bool {
	return r.Sent > 0 && r.Loss < capacityLoss && r.LatencyMs.P99 < capacityP99Ms && r.Failed+r.NoKeyframe == 0
}

// next is the number to try, 0 when the search is over: half as many again until it is
// too much, then halfway between.
func (s *Search) next() int {
	low, high := s.Subscribers, s.refused
	switch {
	case len(s.Steps) >= maxSteps:
		return 0
	case low == 0 && high == 0:
		return s.start
	case high == 0:
		return min(low+(low+1)/2, maxSubscribers)
	case high-low <= max(1, low/capacityPrecision):
		return 0
	}
	return (low + high) / 2
}

// take notes an attempt. A later success counts, though fewer were refused before: on
// a busy machine an attempt may fail for its own reasons.
func (s *Search) take(step Step) {
	s.Steps = append(s.Steps, step)
	n := step.Subscribers
	switch {
	case step.Carried:
		s.Subscribers = max(s.Subscribers, n)
		if s.refused <= n {
			s.refused = 0
		}
	case n > s.Subscribers && (s.refused == 0 || n < s.refused):
		s.refused = n
	}
	if s.Subscribers >= maxSubscribers {
		s.refused = maxSubscribers + 1
	}
}

// capacity searches for all servers in turn.
func (o *Options) capacity(ctx context.Context) (*Capacity, error) {
	c := &Capacity{}
	for _, s := range o.servers() {
		c.Searches = append(c.Searches, Search{Server: s, start: o.Load.Subscribers})
	}
	for again := true; again; {
		again = false
		for i := range c.Searches {
			n := c.Searches[i].next()
			if n == 0 {
				continue
			}
			again = true
			if err := o.try(ctx, &c.Searches[i], n); err != nil {
				return c, err
			}
		}
	}
	if o.Baseline && c.Searches[1].Subscribers > 0 {
		c.Ratio = float64(c.Searches[0].Subscribers) / float64(c.Searches[1].Subscribers)
	}
	return c, c.failed()
}

// failed is the reason why a server carried nobody.
func (c *Capacity) failed() error {
	for _, s := range c.Searches {
		if last := s.Steps[len(s.Steps)-1]; s.Subscribers == 0 && last.Error != "" {
			return fmt.Errorf("%s carried nobody: %s", s.Server, last.Error)
		}
	}
	return nil
}

// try makes up to as many attempts as there are rounds.
func (o *Options) try(ctx context.Context, s *Search, n int) error {
	for attempt := range o.Rounds {
		m := &measurement{Options: o, load: o.Load, server: s.Server}
		m.load.Subscribers, m.load.Joins = n, 0
		m.label = fmt.Sprintf("%s, %d × %d, attempt %d of %d", s.Server, m.load.Publishers, n, attempt+1, o.Rounds)
		result, err := m.run(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		step := Step{Subscribers: n}
		if err != nil {
			step.Error = err.Error()
		} else {
			step.Result, step.Carried = &result, carries(&result)
		}
		s.take(step)
		if step.Carried {
			break
		}
	}
	return nil
}

func (o *Options) checkCapacity() error {
	switch {
	case !o.Capacity:
		return nil
	case len(o.Sweep) > 0 || o.Load.Storm.Joins > 0 || o.Load.StalledTCP > 0 || o.Profile != "" || o.Breakdown:
		return errors.New("a search for the capacity takes no sweep, storm, stalled subscribers, profile or breakdown")
	}
	return nil
}

// exhausted tells whether the machine was busy all the time.
func (r *Result) exhausted() bool { return r.Server != nil && r.MachineIdle < exhausted }

// write writes all steps, and what was the limit.
func (c *Capacity) write(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nserver\tsubscribers\tcarried\tlost, %\tp99, ms\tprocessors\tof subscribers' generator\tidle, %\t")
	for i := range c.Searches {
		for _, step := range c.Searches[i].Steps {
			step.write(w, c.Searches[i].Server)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range c.Searches {
		fmt.Fprintf(to, "\n%s carried %d subscribers of each stream.", c.Searches[i].Server, c.Searches[i].Subscribers)
		if c.Searches[i].exhausted() {
			fmt.Fprint(to, " The machine was the limit: with more, nothing of it was idle.")
		}
	}
	if c.Ratio > 0 {
		fmt.Fprintf(to, "\nratio %.2f", c.Ratio)
	}
	_, err := fmt.Fprintln(to)
	return err
}

func (t *Step) write(w io.Writer, server Server) {
	r := t.Result
	if r == nil {
		fmt.Fprintf(w, "%s\t%d\tfailed\t\t\t\t\t\t\n", server, t.Subscribers)
		return
	}
	carried, cores := "no", 0.0
	if t.Carried {
		carried = "yes"
	}
	if r.Server != nil {
		cores = r.Server.Cores
	}
	fmt.Fprintf(w, "%s\t%d\t%s\t%.4f\t%.1f\t%.2f\t%.2f\t%.0f\t\n", server, t.Subscribers, carried, r.Loss*100,
		r.LatencyMs.P99, cores, r.GeneratorUsPerPacket*r.PacketsPerSecond/1e6, r.MachineIdle*100)
}

// exhausted tells whether all that was refused was refused by a machine without idle time.
func (s *Search) exhausted() bool {
	refused := false
	for _, step := range s.Steps {
		if step.Subscribers <= s.Subscribers || step.Result == nil {
			continue
		}
		refused = true
		if !step.Result.exhausted() {
			return false
		}
	}
	return refused
}
