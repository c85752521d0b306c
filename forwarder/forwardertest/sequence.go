package forwardertest

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// sequence is the oracle of what takes more than two neighbours to see: it goes
// through what was sent in the order of numbers, as late as nothing can come between
// any more.
type sequence struct {
	o     *oracle
	queue []numberAt
	next  uint64 // the number looked at next
	holes int    // numbers without a packet since prev

	refused int // of them, those that a full sink refused
	empty   int // numbers with an empty packet since prev: a probe, or what came late and is not needed
	below   int // of the holes, those below an empty packet: of a segment that was left, in which it came before them

	prev    *sentRecord // the last packet of media
	from    *original   // as its publisher sent it; nil: forgotten
	gaps    []gap
	frame   assembly
	got     map[frameKey]bool // whole layer frames; true: decodable
	numbers numbers
	told    told
}

// A numberAt is when a number was the highest.
type numberAt struct {
	number uint64
	at     time.Time
}

// settled is how long after a number was sent the ones before it are looked at.
const settled = 3 * time.Second

// mostBelow bounds how many numbers a segment that was left may leave out.
const mostBelow = 32

// keepGaps is how many gaps excuse what is missing.
const keepGaps = 256

// A gap is where numbers have no packet: between two layer frames.
type gap struct {
	before, after frameKey
}

// spans tells whether a layer frame may have been lost in the gap.
func (g *gap) spans(f frameKey) bool {
	if g.after.publisher != f.publisher || g.after.encoding != f.encoding || f.place > g.after.place {
		return false
	}
	old := g.before.publisher != f.publisher || g.before.encoding != f.encoding || g.before.place > g.after.place
	return old || g.before.place <= f.place
}

// assembly is the layer frame going on.
type assembly struct {
	key   frameKey
	parts uint16 // that came, without a hole between
	sound bool   // its beginning came
}

func (q *sequence) start(o *oracle) {
	q.o, q.got = o, map[frameKey]bool{}
	q.told.start(q)
}

// look notes that a number was sent and goes on as far as it may.
func (q *sequence) look(number uint64) {
	if q.o.kind == codec.Audio {
		return
	}
	now := q.o.s.w.now
	if q.prev == nil && (q.next == 0 || number < q.next) {
		q.next = number
	}
	if n := len(q.queue); n == 0 || number > q.queue[n-1].number {
		q.queue = append(q.queue, numberAt{number, now})
	}
	for len(q.queue) > 0 && now.Sub(q.queue[0].at) > settled {
		q.to(q.queue[0].number)
		q.queue = q.queue[1:]
	}
}

// finish goes on to the end.
func (q *sequence) finish() {
	for _, n := range q.queue {
		q.to(n.number)
	}
	q.queue = nil
}

func (q *sequence) to(number uint64) {
	for ; q.next <= number; q.next++ {
		r := q.o.sent[q.next]
		if r == nil {
			q.holes++
			if q.o.refused[q.next] {
				q.refused++
			}
			continue
		}
		q.told.packet(r)
		switch {
		case r.media:
			q.media(r)
		case len(r.payload) == 0:
			q.empty++
			q.below = q.holes
		}
	}
}

func (q *sequence) fail(format string, args ...any) {
	q.o.fail(format+" at %d", append(args, uint16(q.next))...)
}

// media looks at the next packet of media.
func (q *sequence) media(r *sentRecord) {
	c := &r.content
	from := q.o.s.w.original(c)
	if q.prev == nil {
		q.gaps = append(q.gaps, gap{after: c.frame()}) // what comes before need not be told
	} else if q.holes > 0 {
		q.gaps = append(q.gaps, gap{q.prev.content.frame(), c.frame()})
		q.gaps = q.gaps[max(0, len(q.gaps)-keepGaps):]
	}
	q.course(r, from)
	if from != nil {
		q.numbers.packet(q, r, from)
	}
	if c.key && (q.prev == nil || r.fresh(q.prev)) {
		clear(q.got)
	}
	q.assemble(c)
	q.prev, q.from, q.holes, q.refused, q.empty, q.below = r, from, 0, 0, 0, 0
}

// course checks where the track goes: from encoding to encoding, and where it leaves
// numbers out.
func (q *sequence) course(r *sentRecord, from *original) {
	c := &r.content
	if q.prev == nil {
		if !c.key {
			q.fail("decoder: begins with picture %d, which is no keyframe", c.picture)
		}
		return
	}
	p := &q.prev.content
	switch {
	case !c.sameEncoding(p) && !c.key:
		q.fail("decoder: goes from encoding %d/%d to %d/%d with picture %d, which is no keyframe",
			p.publisher, p.encoding, c.publisher, c.encoding, c.picture)
	case c.sameEncoding(p) && c.frame().place < p.frame().place && !c.key:
		q.fail("decoder: picture %d layer %d follows picture %d layer %d", c.picture, c.spatial, p.picture, p.spatial)
	}
	if from != nil && q.from != nil {
		q.leftOut(r, from)
	}
}

// leftOut holds the numbers without a packet against what did not come from the
// publisher in time: the core must not make holes of its own.
func (q *sequence) leftOut(r *sentRecord, from *original) {
	c, p := &r.content, &q.prev.content
	s := q.o.s.w.stream(c)
	excuse := 0
	switch {
	case q.holes == 0:
		return
	case c.sameEncoding(p) && c.seq > p.seq:
		for n := p.seq + 1; n < c.seq; n++ {
			if o := s.sent[n]; o == nil || o.missed(from) {
				excuse++
			}
		}
	}
	if c.key {
		// An unfinished frame may lie before it, and its own beginning may be lost.
		excuse = max(excuse, 1+lostBefore(s, from))
		excuse += min(q.below, mostBelow)
	}
	if q.o.unclear(p) {
		excuse++ // an unfinished picture: what ends it was not known as that
	}
	if q.refused == 0 && q.holes > excuse {
		q.fail("wire: %d numbers left out before picture %d/%d/%d, %d may be", q.holes, c.publisher, c.encoding, c.picture, excuse)
	}
}

// lostBefore counts the packets right before one that had not come when it did.
func lostBefore(s *upstream, from *original) int {
	n := 0
	for seq := from.seq - 1; from.seq-seq < keepSent; seq-- {
		o := s.sent[seq]
		switch {
		case o == nil:
			return n
		case o.missed(from):
			n++
		case o.timestamp != from.timestamp:
			return n
		}
	}
	return n
}

// assemble puts layer frames together and checks, once one is whole, that it is
// decodable.
func (q *sequence) assemble(c *content) {
	a := &q.frame
	switch {
	case c.part == 0:
		*a = assembly{key: c.frame(), parts: 1, sound: true}
	case a.sound && a.key == c.frame() && c.part == a.parts && q.holes == 0:
		a.parts++
	default:
		a.sound = false
	}
	if a.sound && a.parts == c.parts {
		q.whole(c)
	}
}

// whole takes a whole layer frame: what it needs must have been sent whole before,
// unless a gap tells that it was lost.
func (q *sequence) whole(c *content) {
	key := c.frame()
	decodable := true
	for _, need := range c.needs() {
		ok, sent := q.got[need]
		if !sent && !q.excused(need) && !q.o.s.w.stream(c).unclear(uint32(need.place>>2)) {
			q.fail("decoder: picture %d layer %d/%d is not decodable without picture %d layer %d",
				c.picture, c.spatial, c.temporal, need.place>>2, need.place&3)
		}
		decodable = decodable && ok
	}
	q.got[key] = decodable
	if len(q.got) > 4*keepNumbers {
		q.forget(key.place)
	}
}

// excused tells whether a layer frame may have been lost where a gap is.
func (q *sequence) excused(f frameKey) bool {
	for i := range q.gaps {
		if q.gaps[i].spans(f) {
			return true
		}
	}
	return false
}

// forget drops layer frames that nothing can need any more.
func (q *sequence) forget(now uint64) {
	for k := range q.got {
		if k.place+4*keepNumbers/2 < now {
			delete(q.got, k)
		}
	}
}
