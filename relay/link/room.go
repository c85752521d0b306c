package link

import "time"

// The bound of a stream's links counts nodes that are fed. One that seems dead gives up its place to
// another, and for good: it may only have been silent for a moment.

// roomLocked returns how many more links of a stream there may be, if one is to be for a
// node: what is left of that one's last link does not count, nor do nodes that seem dead. origin: nobody else has the stream.
func (l *Links) roomLocked(name, node string, origin bool) int {
	if l.draining && !origin {
		return 0
	}
	live, _ := l.fedLocked(name, node)
	return l.cfg.MaxLinks - len(live)
}

// fedLocked returns the nodes besides one that are fed with a stream: those that say something,
// and of the others when they last did, in Unix time in nanoseconds. Who yields is none of the latter.
func (l *Links) fedLocked(name, except string) (live map[string]bool, mute map[string]int64) {
	live, mute = map[string]bool{}, map[string]int64{}
	now := time.Now()
	for s := range l.streams[name] {
		if s.node != except && !s.mute(now) {
			live[s.node] = true
		}
	}
	for s := range l.streams[name] {
		if s.node != except && !live[s.node] && !s.yields {
			mute[s.node] = max(mute[s.node], s.heard.Load())
		}
	}
	return live, mute
}

// yieldLocked returns the links that must end if one for a node is opened, since there would be too
// many: all of the node that has said nothing for longest. Call keep if none is.
func (l *Links) yieldLocked(name, node string) (all []*served) {
	live, mute := l.fedLocked(name, node)
	if len(live)+len(mute) < l.cfg.MaxLinks {
		return nil
	}
	longest := ""
	for node, heard := range mute {
		if longest == "" || heard < mute[longest] {
			longest = node
		}
	}
	for s := range l.streams[name] {
		if s.node == longest && !s.yields {
			s.yields = true
			all = append(all, s)
		}
	}
	return all
}

// keep takes back that links should end.
func (l *Links) keep(all []*served) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range all {
		s.yields = false
	}
}
