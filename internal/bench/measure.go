package bench

import (
	"context"
	"time"
)

// A look is what is read at one end of the window.
type look struct {
	server, generator usage
	idle, whole       time.Duration
}

func (m *measurement) look() (l look, err error) {
	l.idle, l.whole = machineTimes()
	if l.server, err = m.usage(); err != nil {
		return l, err
	}
	l.generator, _ = readUsage(m.play.cmd.Process.Pid) // zero where there is no /proc
	return l, nil
}

// window measures.
func (m *measurement) window(ctx context.Context) error {
	ctx, cancel := m.patience(ctx, m.load.Window)
	defer cancel()
	from := time.Now().Add(announce)
	w := &Window{From: from, To: from.Add(m.load.Window)}
	for _, worker := range []*worker{m.publish, m.play} {
		if err := worker.tell(command{Do: doMeasure, Window: w}); err != nil {
			return worker.fail(err)
		}
	}
	m.startProfile(ctx)
	before, after, err := m.ends(ctx, w)
	if err != nil {
		return err
	}
	goroutines, err := m.target.goroutines(ctx)
	m.counted = m.counted && err == nil
	if m.sent, err = m.publish.await(ctx, eventMeasured); err != nil {
		return err
	}
	e, err := m.play.await(ctx, eventMeasured)
	if err != nil {
		return err
	}
	m.received = e.Received
	m.evaluate(before, after, goroutines)
	return nil
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
func (m *measurement) evaluate(before, after look, goroutines int) {
	r, got := &m.result, m.received
	seconds := m.load.Window.Seconds()
	packets, bits := float64(got.Packets), float64(got.Bytes)*8
	r.PacketsPerSecond, r.BitsPerSecond = packets/seconds, bits/seconds
	m.evaluateMedia()
	if whole := after.whole - before.whole; whole > 0 {
		r.MachineIdle = float64(after.idle-before.idle) / float64(whole)
	}
	if packets == 0 {
		return
	}
	r.GeneratorUsPerPacket = us(after.generator.minus(before.generator).cpu) / packets
	if m.target.pid == 0 {
		return
	}
	r.Server = &Cost{}
	c, used := r.Server, after.server.minus(before.server)
	user, system := used.split()
	c.CPUUsPerPacket = us(used.cpu) / packets
	c.UserUsPerPacket, c.SystemUsPerPacket = user*1e6/packets, system*1e6/packets
	c.CPUSecondsPerGbit = used.cpu.Seconds() / (bits / 1e9)
	c.Cores = used.cpu.Seconds() / seconds
	c.SwitchesPerPacket = float64(used.switches) / packets
	subscribers := float64(m.subscribers())
	c.KBPerSubscriber = float64(after.server.resident-m.before.resident) / 1000 / subscribers
	if m.counted {
		each := float64(goroutines-m.threads) / subscribers
		c.GoroutinesPerSubscriber = &each
	}
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// subscribers is how many stayed; at least 1.
func (m *measurement) subscribers() int {
	n := 0
	for _, d := range m.received.Delivered {
		n += d.Subscribers
	}
	return max(n, 1)
}

// evaluateMedia compares both ends' counts.
func (m *measurement) evaluateMedia() {
	r, got := &m.result, m.received
	for i, d := range got.Delivered {
		if i < len(m.sent.Sent) {
			s := m.sent.Sent[i]
			r.Sent += float64(s.Audio+s.Video) * float64(d.Subscribers)
			r.Requests += float64(s.Requests)
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
	r.ChurnJoins, r.ChurnFailed = float64(got.ChurnJoins), float64(got.ChurnFailed)
}
