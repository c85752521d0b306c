package bench

import (
	"context"
	"errors"
	"time"
)

// A look is what is read at one end of the window.
type look struct {
	at                time.Time
	server, generator usage
	idle, whole       time.Duration
}

func (m *measurement) look() (l look, err error) {
	l.at = time.Now()
	l.idle, l.whole = machineTimes()
	if l.server, err = m.usage(); err != nil {
		return l, err
	}
	l.generator, _ = readUsage(m.play.cmd.Process.Pid) // zero where there is no /proc
	return l, nil
}

// A sight is what was seen of one window.
type sight struct {
	before, after look
	sent          event
	received      *received
}

// window measures.
func (m *measurement) window(ctx context.Context) error {
	v := visits{Rate: m.load.Churn, Stay: churnLife}
	s, err := m.see(ctx, m.load.Window, v, true)
	if err != nil {
		return err
	}
	goroutines, err := m.target.goroutines(ctx)
	m.counted = m.counted && err == nil
	m.evaluate(s, goroutines)
	if m.Breakdown {
		return m.dissect(ctx, s)
	}
	return nil
}

func (m *measurement) dissect(ctx context.Context, s *sight) error {
	filled, err := m.target.dissect(ctx)
	if err != nil {
		return err
	}
	m.breakdown = filled.since(m.unfilled, s.received.subscribers())
	return nil
}

// see watches for a window's length while visitors come.
func (m *measurement) see(ctx context.Context, length time.Duration, v visits, profiled bool) (s *sight, err error) {
	ctx, cancel := m.patience(ctx, length)
	defer cancel()
	w, err := m.agree(ctx, length)
	if err != nil {
		return nil, err
	}
	for _, worker := range m.workers() {
		if err := worker.tell(command{Do: doCount, Visits: &v}); err != nil {
			return nil, worker.fail(err)
		}
	}
	if profiled {
		m.startProfile(ctx)
	}
	s = &sight{}
	if s.before, s.after, err = m.ends(ctx, w); err != nil {
		return nil, err
	}
	if s.sent, err = m.publish.await(ctx, eventMeasured); err != nil {
		return nil, err
	}
	e, err := m.play.await(ctx, eventMeasured)
	s.received = e.Received
	return s, err
}

func (m *measurement) workers() []*worker { return []*worker{m.publish, m.play} }

// agree returns a window that both generators knew before it began: on a machine that
// is busy enough, it takes more than one attempt.
func (m *measurement) agree(ctx context.Context, length time.Duration) (*Window, error) {
	for lead := announce; lead <= longestAnnounce; lead *= 2 {
		from := time.Now().Add(lead)
		w := &Window{From: from, To: from.Add(length)}
		for _, worker := range m.workers() {
			if _, err := worker.ask(ctx, command{Do: doMeasure, Window: w}, eventNoted); err != nil {
				return nil, err
			}
		}
		if time.Now().Before(w.From) {
			return w, nil
		}
	}
	return nil, errors.New("the machine is too busy to measure: the generators do not answer in time")
}

func (m *measurement) startProfile(ctx context.Context) {
	if m.profile == "" {
		return
	}
	m.profiling = make(chan error, 1)
	go func() { m.profiling <- m.target.profile(ctx, m.profile, max(1, int(m.load.Window.Seconds()))) }()
}

// ends reads the counters at both ends of the window.
func (m *measurement) ends(ctx context.Context, w *Window) (before, after look, err error) {
	if !wait(ctx, w.From) {
		return before, after, ctx.Err()
	}
	if before, err = m.look(); err != nil {
		return before, after, err
	}
	if !wait(ctx, w.To) {
		return before, after, ctx.Err()
	}
	after, err = m.look()
	return before, after, err
}

// evaluate computes the result.
func (m *measurement) evaluate(s *sight, goroutines int) {
	r, got := &m.result, s.received
	seconds := m.load.Window.Seconds()
	packets, bits := float64(got.Packets), float64(got.Bytes)*8
	r.PacketsPerSecond, r.BitsPerSecond = packets/seconds, bits/seconds
	r.take(s)
	r.MachineIdle, _ = s.idle()
	if packets == 0 {
		return
	}
	generator := s.after.generator.minus(s.before.generator)
	r.GeneratorUsPerPacket = us(s.scale(generator.cpu, m.load.Window)) / packets
	if m.target.pid == 0 {
		return
	}
	r.Server = &Cost{}
	c, used := r.Server, s.after.server.minus(s.before.server)
	used.cpu = s.scale(used.cpu, m.load.Window)
	user, system := used.split()
	c.CPUUsPerPacket = us(used.cpu) / packets
	c.UserUsPerPacket, c.SystemUsPerPacket = user*1e6/packets, system*1e6/packets
	c.CPUSecondsPerGbit = used.cpu.Seconds() / (bits / 1e9)
	c.Cores = used.cpu.Seconds() / seconds
	c.SwitchesPerPacket = float64(used.switches) / packets
	subscribers := float64(got.subscribers())
	c.KBPerSubscriber = float64(s.after.server.resident-m.before.resident) / 1000 / subscribers
	if m.counted {
		each := float64(goroutines-m.threads) / subscribers
		c.GoroutinesPerSubscriber = &each
	}
}

// scale turns CPU time used between the looks into that of a window: on a busy
// machine a look may come late.
func (s *sight) scale(used, window time.Duration) time.Duration {
	between := s.after.at.Sub(s.before.at)
	if between <= 0 {
		return used
	}
	return time.Duration(float64(used) * float64(window) / float64(between))
}

// idle is the share of the machine nobody used, false if unknown.
func (s *sight) idle() (float64, bool) {
	whole := s.after.whole - s.before.whole
	if whole <= 0 {
		return 0, false
	}
	return float64(s.after.idle-s.before.idle) / float64(whole), true
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// subscribers is how many stayed; at least 1.
func (r *received) subscribers() int {
	n := 0
	for _, d := range r.Delivered {
		n += d.Subscribers
	}
	return max(n, 1)
}

// take compares both ends' counts.
func (r *Result) take(s *sight) {
	got := s.received
	for i, d := range got.Delivered {
		if i < len(s.sent.Sent) {
			sent := s.sent.Sent[i]
			r.Sent += float64(sent.Audio+sent.Video) * float64(d.Subscribers)
			r.Requests += float64(sent.Requests)
		}
		r.Delivered += float64(d.Audio + d.Video)
	}
	if r.Sent > 0 {
		r.Loss = 1 - r.Delivered/r.Sent
	}
	r.LatencyMs = Latency{ms(got.LatencyP50), ms(got.LatencyP99), ms(got.LatencyMax)}
	r.Freezes, r.LongestPauseMs = float64(got.Freezes), ms(got.Longest)
	r.CreatedMs, r.FirstRTPMs, r.FirstKeyframeMs = got.Created.ms(), got.FirstRTP.ms(), got.FirstKeyframe.ms()
	r.NoKeyframe = float64(got.NoKeyframe)
	r.NACKs, r.Repaired, r.Duplicates = float64(got.NACKs), float64(got.Repaired), float64(got.Duplicates)
	r.Unreadable, r.Unauthentic, r.Thrown = float64(got.Unreadable), float64(got.Unauthentic), float64(got.Thrown)
	r.Overflowed = float64(got.Overflowed)
	r.ChurnJoins, r.ChurnFailed = float64(got.ChurnJoins), float64(got.ChurnFailed)
}
