package forwarder

// within returns the rungs that the session may have and its selection allows, and whether the
// selection fixes them, whatever the network carries: it does not if none of them is left.
func (s *Subscriber) within(all *ladders, d *DownTrack, described bool) (l ladder, fixed bool) {
	if all == nil {
		return nil, false
	}
	sel := &d.selection
	if s.cap > 0 {
		all = all.capped(max(s.cap-s.sound(), 0), &s.alloc)
	}
	l = all.within(sel, described)
	fixed = sel.fixed() && len(l) > 0 && sel.is(&l[0])
	if fixed && s.cap > 0 && l[0].cost() > s.cap {
		fixed = false // not even the least may be sent
	}
	return l, fixed
}

// capped returns the rungs that usually take no more than a bitrate which nothing may exceed,
// with some to spare for all but the one that is sent; at least the one that takes least.
func (l *ladders) capped(limit int64, a *allocator) *ladders {
	var some ladder
	for _, r := range l.all {
		cost := onWire(r.usual)
		if r.enc != a.enc || r.layer != a.layer {
			cost += cost / stepUpMargin
		}
		if cost <= limit {
			some = append(some, r)
		}
	}
	if some == nil && len(l.all) > 0 {
		least := &l.all[0]
		for i := range l.all {
			if l.all[i].usual < least.usual {
				least = &l.all[i]
			}
		}
		some = ladder{*least}
	}
	return &ladders{some, some.sensible()}
}
