package bench

// received sums up what the subscribers measured.
func (s *subscribers) received() *received {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &received{Delivered: make([]counts, len(s.job.Streams))}
	r.Packets, r.Bytes = s.visits.packets, s.visits.bytes
	r.VisitCreated, r.VisitFirstKeyframe = s.visits.created.spread(), s.visits.firstKeyframe.spread()
	r.ChurnJoins, r.ChurnFailed = int(s.churned.Load()), int(s.churnFailed.Load())
	var t totals
	for _, sub := range s.staying {
		sub.mu.Lock()
		t.add(r, sub)
		sub.mu.Unlock()
	}
	r.LatencyP50, r.LatencyP99, r.LatencyMax = t.latency.quantile(0.5), t.latency.quantile(0.99), t.latency.max
	r.Created, r.FirstRTP, r.FirstKeyframe = t.created.spread(), t.firstRTP.spread(), t.firstKeyframe.spread()
	return r
}

// totals are the distributions over all subscribers.
type totals struct {
	latency, created, firstRTP, firstKeyframe histogram
}

// add is called with the subscriber's mu held.
func (t *totals) add(r *received, s *subscriber) {
	m := &s.meter
	m.finish()
	r.Packets += m.packets
	r.Bytes += m.bytes
	d := &r.Delivered[s.stream]
	d.Subscribers++
	d.Audio += m.delivered[0]
	d.Video += m.delivered[1]
	r.Freezes += m.freezes
	r.Longest = max(r.Longest, m.longest)
	r.NACKs += s.nacks
	r.Repaired += m.repaired
	r.Duplicates += m.duplicates
	r.Unreadable += m.unreadable
	r.Unauthentic += m.unauthentic
	r.Thrown += m.dropped
	r.Overflowed += uint64(s.peer.socket.overflowed() - s.overflowed)
	t.latency.merge(&m.latency)
	t.created.add(s.created.Sub(s.posted))
	if m.firstRTP.IsZero() {
		r.NoMedia++
	} else {
		t.firstRTP.add(m.firstRTP.Sub(s.posted))
	}
	if m.firstKeyframe.IsZero() {
		r.NoKeyframe++
	} else {
		t.firstKeyframe.add(m.firstKeyframe.Sub(s.posted))
	}
}
