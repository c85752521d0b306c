package forwardertest

import "time"

// receiver is a subscriber's jitter buffer and decoder: frames in order of their
// numbers, decodable ones are shown.
type receiver struct {
	started bool
	highest uint64 // extended
	next    uint64 // the first number not yet decoded
	got     map[uint64][]byte
	begun   bool // a keyframe was decoded
	decoded map[frameKey]bool
	sets    bool // parameter sets came

	needSets bool // a keyframe is decodable only after parameter sets
	tells    bool // packets say what their frame needs, so that a hole may hide nothing

	pli    time.Time
	stuck  time.Time // since when next is missing
	looked time.Time // for a keyframe behind it
	now    time.Time
}

// patience is how long a receiver waits for a repair before it looks for a
// keyframe behind the hole, and shortPatience before it looks for anything
// decodable, where packets tell what they need.
const (
	patience      = 400 * time.Millisecond
	shortPatience = 100 * time.Millisecond
)

// lookAgain is how often it looks.
const lookAgain = 30 * time.Millisecond

func (r *receiver) packet(now time.Time, seq uint16, payload []byte) {
	r.now = now
	if r.got == nil {
		r.got, r.decoded = map[uint64][]byte{}, map[frameKey]bool{}
		r.started, r.highest, r.next = true, 1<<16+uint64(seq), 1<<16+uint64(seq)
	}
	ext := uint64(int64(r.highest) + int64(int16(seq-uint16(r.highest))))
	r.highest = max(r.highest, ext)
	if ext < r.next {
		if r.begun || r.next-ext > 200 {
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

// decode shows layer frames while they are whole and decodable.
func (r *receiver) decode(show func(*content)) {
	for {
		end, c, ok := r.frameAt(r.next)
		if !ok {
			if !r.giveUp() {
				return
			}
			continue
		}
		r.learn(end)
		if c.parts > 0 && r.decodable(&c) {
			r.take(&c)
			show(&c)
		}
		for s := r.next; s < end; s++ {
			delete(r.got, s)
		}
		r.next, r.stuck = end, time.Time{}
	}
}

// take notes a decoded layer frame; a keyframe makes the ones before it useless.
func (r *receiver) take(c *content) {
	if c.key && c.spatial == 0 {
		clear(r.decoded)
		r.begun = true
	}
	r.decoded[c.frame()] = true
	if len(r.decoded) > 4*keepNumbers {
		for k := range r.decoded {
			if k.place+4*keepNumbers/2 < c.frame().place {
				delete(r.decoded, k)
			}
		}
	}
}

func (r *receiver) decodable(c *content) bool {
	if c.key && c.spatial == 0 {
		return r.sets || !r.needSets
	}
	for _, need := range c.needs() {
		if !r.decoded[need] {
			return false
		}
	}
	return true
}

// learn looks for parameter sets in the frame that ends before end.
func (r *receiver) learn(end uint64) {
	for s := r.next; s < end; s++ {
		if isSets(r.got[s]) {
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
		} else if !p.sameFrame(&c) {
			return s, content{}, true // truncated
		}
		if p.ends() {
			return s + 1, c, true
		}
	}
}

// giveUp skips to the next keyframe behind a hole, or to anything decodable, if it
// waited long enough.
func (r *receiver) giveUp() bool {
	if r.next > r.highest {
		r.stuck = time.Time{}
		return false
	}
	if r.stuck.IsZero() {
		r.stuck = r.now
	}
	wait := patience
	if r.tells {
		wait = shortPatience
	}
	if r.now.Sub(r.stuck) < wait || r.now.Sub(r.looked) < lookAgain {
		return false
	}
	r.looked = r.now
	for s := r.next + 1; s <= r.highest; s++ {
		if r.goesOn(s) {
			for o := r.next; o < s; o++ {
				delete(r.got, o)
			}
			r.next, r.stuck = s, time.Time{}
			return true
		}
	}
	return false
}

// goesOn tells whether decoding may go on at a number behind a hole.
func (r *receiver) goesOn(seq uint64) bool {
	c, ok := parseContent(r.got[seq])
	if !ok || c.part != 0 {
		return false
	}
	if _, _, whole := r.frameAt(seq); !whole {
		return false
	}
	return c.key && c.spatial == 0 || r.tells && r.decodable(&c)
}
