package forwardertest

import "time"

// receiver is a subscriber's jitter buffer and decoder: frames in order of their
// numbers, decodable ones are shown.
type receiver struct {
	started bool
	highest uint64 // extended
	next    uint64 // the first number not yet decoded
	got     map[uint64][]byte
	last    content // frame decoded last
	primed  bool    // last is valid
	sets    bool    // parameter sets came

	needSets bool // a keyframe is decodable only after parameter sets

	pli    time.Time
	stuck  time.Time // since when next is missing
	looked time.Time // for a keyframe behind it
	now    time.Time
}

// patience is how long a receiver waits for a repair before it looks for a
// keyframe behind the hole.
const patience = 400 * time.Millisecond

// lookAgain is how often it looks.
const lookAgain = 30 * time.Millisecond

func (r *receiver) packet(now time.Time, seq uint16, payload []byte) {
	r.now = now
	if r.got == nil {
		r.got = map[uint64][]byte{}
		r.started, r.highest, r.next = true, 1<<16+uint64(seq), 1<<16+uint64(seq)
	}
	ext := uint64(int64(r.highest) + int64(int16(seq-uint16(r.highest))))
	r.highest = max(r.highest, ext)
	if ext < r.next {
		if r.primed || r.next-ext > 200 {
			return
		}
		r.next = ext // nothing decoded yet: an earlier start
	}
	r.got[ext] = payload
}

// missing lists the newest holes.
func (r *receiver) missing() []uint16 {
	var out []uint16
	from := r.next
	if r.highest > from+400 {
		from = r.highest - 400
	}
	for s := from; s < r.highest && len(out) < 100; s++ {
		if _, ok := r.got[s]; !ok {
			out = append(out, uint16(s))
		}
	}
	return out
}

// decode shows frames while they are whole and decodable.
func (r *receiver) decode(show func(content)) {
	for {
		end, c, ok := r.frameAt(r.next)
		if !ok {
			if !r.giveUp() {
				return
			}
			continue
		}
		r.learn(end)
		if c.key && (r.sets || !r.needSets) || r.primed && !c.key && c.follows(r.last) {
			r.last, r.primed = c, true
			show(c)
		} else {
			r.primed = false
		}
		for s := r.next; s < end; s++ {
			delete(r.got, s)
		}
		r.next, r.stuck = end, time.Time{}
	}
}

// learn looks for parameter sets in the frame that ends before end.
func (r *receiver) learn(end uint64) {
	for s := r.next; s < end; s++ {
		if p := r.got[s]; len(p) > 0 && p[0]&0x1f == 24 {
			r.sets = true
		}
	}
}

// frameAt finds a whole frame that begins at from; what is not media (parameter
// sets, empty packets) before it belongs to it.
func (r *receiver) frameAt(from uint64) (end uint64, c content, ok bool) {
	for s := from; ; s++ {
		payload, have := r.got[s]
		if !have {
			return 0, c, false
		}
		p, media := parseContent(payload)
		if !media {
			continue
		}
		if !ok {
			if c, ok = p, true; p.part != 0 {
				return s + 1, content{}, true // the middle of something: not decodable
			}
		} else if !p.sameFrame(c) {
			return s, content{}, true // truncated
		}
		if p.part == p.parts-1 {
			return s + 1, c, true
		}
	}
}

// giveUp skips to the next keyframe behind a hole, if it waited long enough.
func (r *receiver) giveUp() bool {
	if r.next > r.highest {
		r.stuck = time.Time{}
		return false
	}
	if r.stuck.IsZero() {
		r.stuck = r.now
	}
	if r.now.Sub(r.stuck) < patience || r.now.Sub(r.looked) < lookAgain {
		return false
	}
	r.looked = r.now
	for s := r.next + 1; s <= r.highest; s++ {
		if c, ok := parseContent(r.got[s]); ok && c.key && c.part == 0 {
			if _, _, whole := r.frameAt(s); whole {
				for o := r.next; o < s; o++ {
					delete(r.got, o)
				}
				r.next, r.primed, r.stuck = s, false, time.Time{}
				return true
			}
		}
	}
	return false
}
