package forwarder

import "time"

// sentMap remembers which numbers were sent, so that no number is used twice, and
// of each what cannot be had again from the history and the segment it went out
// with. It is a ring by outgoing number over the last ones, of a power of two
// entries without pointers: each subscriber writes one per packet, in memory that
// is cold by then.
type sentMap struct {
	entries []sentPacket
	most    int
	next    uint64 // one above the highest number sent
	floor   uint64 // what was sent under lower numbers may be forgotten
}

type sentPacket struct {
	transport uint16
	at        uint16 // when it was sent last, in milliseconds of the track's clock; wraps
	state     uint8  // 0: nothing was sent
	layer     layerID
}

// bits of a sentPacket's state
const (
	sentBit     = 1 << 7
	sentEarly   = 1 << 6   // its timestamp is that of a catch-up
	sentEmpty   = 1 << 5   // only its number was used
	sentResends = 1<<4 - 1 // how often it was sent again
)

// newSentMap returns the map of a track that begins with number first.
func newSentMap(size, most int, first uint64) sentMap {
	return sentMap{entries: make([]sentPacket, size), most: most, next: first, floor: first}
}

func (m *sentMap) slot(seq uint64) *sentPacket { return &m.entries[seq&uint64(len(m.entries)-1)] }

// put adds an entry, whose number must be free.
func (m *sentMap) put(seq uint64, p sentPacket) {
	if seq >= m.next {
		m.advance(seq, p.at)
	}
	*m.slot(seq) = p
}

// advance moves the ring's end to seq. Once that would forget a packet sent within
// sentKeep the map grows, up to its bound; a time that wrapped makes it grow early.
func (m *sentMap) advance(seq uint64, now uint16) {
	for size := uint64(len(m.entries)); seq-m.next >= size; size *= 2 { // nearly all would go
		if len(m.entries) == m.most {
			clear(m.entries)
			m.next = seq
			break
		}
		m.grow()
	}
	for m.next <= seq {
		e := m.slot(m.next)
		if e.state != 0 && len(m.entries) < m.most && now-e.at < uint16(sentKeep/time.Millisecond) {
			m.grow()
			continue
		}
		*e = sentPacket{}
		m.next++
	}
	m.lift()
}

// lift moves the floor up to what the ring reaches back to.
func (m *sentMap) lift() {
	if size := uint64(len(m.entries)); m.next > size {
		m.floor = max(m.floor, m.next-size)
	}
}

// grow doubles the map. The floor stays: what is below it is forgotten.
func (m *sentMap) grow() {
	m.lift()
	old := *m
	m.entries = make([]sentPacket, 2*len(old.entries))
	for seq := m.floor; seq < m.next; seq++ {
		*m.slot(seq) = *old.slot(seq)
	}
}

// get returns the entry with extended number seq, or nil.
func (m *sentMap) get(seq uint64) *sentPacket {
	if seq < m.floor || seq >= m.next {
		return nil
	}
	if s := m.slot(seq); s.state != 0 {
		return s
	}
	return nil
}

// free tells whether nothing was sent under seq for certain.
func (m *sentMap) free(seq uint64) bool { return seq >= m.floor && m.get(seq) == nil }
