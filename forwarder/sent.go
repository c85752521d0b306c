package forwarder

import "time"

// sentMap remembers what was sent under which number, so that a resend is what
// was sent. It is a ring by outgoing number, of a power of two entries.
type sentMap struct {
	entries []sentPacket
	most    int
}

type sentPacket struct {
	packet    *Packet
	seq       uint64 // extended outgoing number; 0: empty entry
	timestamp uint32
	transport uint16
	pt        uint8
	resends   uint8
	at        uint32 // when it was sent first, in milliseconds of the track's clock
	resent    uint32 // when it was sent last
}

func newSentMap(size, most int) sentMap { return sentMap{make([]sentPacket, size), most} }

func (m *sentMap) slot(seq uint64) *sentPacket { return &m.entries[seq&uint64(len(m.entries)-1)] }

// put adds an entry. Once that would forget a packet sent within sentKeep the map
// grows, up to its bound.
func (m *sentMap) put(p sentPacket) {
	s := m.slot(p.seq)
	if s.seq != 0 && len(m.entries) < m.most && p.at-s.at < uint32(sentKeep/time.Millisecond) {
		m.grow()
		s = m.slot(p.seq)
	}
	*s = p
}

func (m *sentMap) grow() {
	old := m.entries
	m.entries = make([]sentPacket, 2*len(old))
	for _, s := range old {
		if s.seq != 0 {
			*m.slot(s.seq) = s
		}
	}
}

// get returns the entry with extended number seq, or nil.
func (m *sentMap) get(seq uint64) *sentPacket {
	if s := m.slot(seq); s.seq == seq {
		return s
	}
	return nil
}
