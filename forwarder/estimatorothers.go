package forwarder

// A sawtooth is a queue of others: again and again it falls though no less is sent.
type sawtooth struct {
	peak, queue float64 // the excess where it was highest since it fell last, and the queue, ms
	sent        float64 // what was sent until then, bits per second
	falls       int     // in a row
	fell        int64   // when it did last
	probed      int64   // when a probe was sent last; 0: its queue is gone
}

const (
	sawLeast = 20.0       // ms, and noiseFactor times the noise, that a queue falls by at least
	sawShare = 0.5        // of its peak, the same
	sawSent  = 0.9        // of what was sent until the peak must be sent until it fell
	sawOwn   = 0.8        // of the estimate, at most, must that be: who sends more makes queues
	sawFalls = 2          // that show that it is others'
	sawTime  = 500_000    // µs from fall to fall, at least
	sawProbe = 1_000_000  // µs, at most, that a queue is a probe's
	sawLife  = 10_000_000 // µs from fall to fall, at most
)

// add takes what a group shows, and what was sent until then.
func (s *sawtooth) add(p *packetGroup, t *delayTrend, sent, estimate float64) {
	now := p.start
	if p.probe {
		s.probed = now
	}
	own := now-s.probed < sawProbe // a probe's queue falls when it is over
	if t.queue < shortQueue+noiseFactor*t.noise {
		s.probed = 0
	}
	if t.excess >= s.peak || own {
		s.peak, s.queue, s.sent = t.excess, t.queue, sent
		return
	}
	least := max(sawLeast+noiseFactor*t.noise, sawShare*s.peak)
	if s.peak-t.excess < least || s.queue-t.queue < least {
		return
	}
	switch {
	case now-s.fell < sawTime:
	case s.sent > 0 && sent >= sawSent*s.sent && sent < sawOwn*estimate:
		if now-s.fell > sawLife {
			s.falls = 0
		}
		s.falls, s.fell = s.falls+1, now
	default:
		s.falls = 0
	}
	s.peak, s.queue, s.sent = t.excess, t.queue, sent
}

// others tells whether the queue is known to be others'.
func (s *sawtooth) others(now int64) bool { return s.falls >= sawFalls && now-s.fell < sawLife }
