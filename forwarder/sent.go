package forwarder

import "time"

// sentMap remembers what was sent under which number, so that a resend is what
// was sent and no number is used twice. It is a ring by outgoing number, of a
// power of two entries.
type sentMap struct {
	entries []sentPacket
	most    int
	floor   uint64 // what was sent under lower numbers may be forgotten
}

type sentPacket struct {
	packet    *Packet // nil: empty entry
	seq       uint64  // extended outgoing number
	timestamp uint32
	transport uint16
	pt        uint8
	resends   uint8
	at        uint32 // when it was sent first, in milliseconds of the track's clock
	resent    uint32 // when it was sent last
}

func newSentMap(size, most int) sentMap {
	return sentMap{entries: make([]sentPacket, size), most: most}
}

func (m *sentMap) slot(seq uint64) *sentPacket { return &m.entries[seq&uint64(len(m.entries)-1)] }

// put adds an entry, whose number must be free. Once that would forget a packet
// sent within sentKeep the map grows, up to its bound.
func (m *sentMap) put(p sentPacket) {
	s := m.slot(p.seq)
	if s.packet != nil && len(m.entries) < m.most && p.at-s.at < uint32(sentKeep/time.Millisecond) {
		m.grow()
		s = m.slot(p.seq)
	}
	if s.packet != nil {
		m.floor = max(m.floor, s.seq+1)
	}
	*s = p
}

func (m *sentMap) grow() {
	old := m.entries
	m.entries = make([]sentPacket, 2*len(old))
	for _, s := range old {
		if s.packet != nil {
			*m.slot(s.seq) = s
		}
	}
}

// get returns the entry with extended number seq, or nil.
func (m *sentMap) get(seq uint64) *sentPacket {
	if s := m.slot(seq); s.packet != nil && s.seq == seq {
		return s
	}
	return nil
}

// free tells whether nothing was sent under seq for certain.
func (m *sentMap) free(seq uint64) bool { return seq >= m.floor && m.get(seq) == nil }
