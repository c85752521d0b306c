package forwarder

// estimatedSent remembers what was sent under the last transport-wide numbers. It is a
// ring of a power of two records, which grows while it would forget one that may still
// be heard of.
type estimatedSent struct {
	records []estimatedPacket
	next    uint64 // extended number above the highest sent; 0: nothing was sent
}

// An estimatedPacket is one packet in the memory of an Estimator; the zero value: none.
type estimatedPacket struct {
	at      uint32 // when it was sent, µs; wraps after 71 minutes
	backlog uint16 // what was ahead of it at a bottleneck as fast as the estimate, itself included: backlogUnits
	size    uint16 // bytes on the wire, and what is known of it in the highest bits
}

// What is known of a packet, in the highest bits of its size.
const (
	packetArrived = 1 << 15
	packetMissing = 1 << 14
	packetSize    = 1<<14 - 1
)

const (
	backlogUnit = 64 // µs

	// openTime is how long a packet may still be heard of: a round trip and a long
	// queue, or a feedback that was late.
	openTime = 2_000_000 // µs
)

// slot returns where the record of a number is.
func (s *estimatedSent) slot(number uint64) *estimatedPacket {
	return &s.records[number&uint64(len(s.records)-1)]
}

// extend returns the extended form of a number; false if it is above all that were
// sent, or far below.
func (s *estimatedSent) extend(number uint16) (uint64, bool) {
	back := uint16(s.next-1) - number
	return s.next - 1 - uint64(back), s.next > 0 && back < 1<<15
}

// oldest is the lowest number that may be remembered.
func (s *estimatedSent) oldest() uint64 { return s.next - min(s.next, uint64(len(s.records))) }

// get returns the record of a number; nil if nothing was sent under it or it is
// forgotten.
func (s *estimatedSent) get(number uint64) *estimatedPacket {
	if number >= s.next || number < s.oldest() {
		return nil
	}
	if r := s.slot(number); r.size != 0 {
		return r
	}
	return nil
}

// put adds the record of a number; false if that is not above the last. told says that
// there is feedback: where there is none the memory stays small.
func (s *estimatedSent) put(number uint16, p estimatedPacket, told bool) bool {
	if s.next == 0 {
		s.records = make([]estimatedPacket, estimatedLeast)
		s.next = 1<<16 + uint64(number)
	}
	skipped := number - uint16(s.next)
	if skipped >= 1<<15 {
		return false
	}
	if skipped > 0 {
		s.skip(int(skipped))
	}
	most := estimatedMost
	if !told {
		most = estimatedUnheard
	}
	if r := s.slot(s.next); r.size != 0 && r.size&packetArrived == 0 && p.at-r.at < openTime && len(s.records) < most {
		s.grow()
	}
	*s.slot(s.next) = p
	s.next++
	return true
}

// skip passes over numbers that nothing was sent under.
func (s *estimatedSent) skip(n int) {
	for range min(n, len(s.records)) {
		*s.slot(s.next) = estimatedPacket{}
		s.next++
		n--
	}
	s.next += uint64(n)
}

// grow doubles the ring.
func (s *estimatedSent) grow() {
	old := *s
	s.records = make([]estimatedPacket, 2*len(old.records))
	for n := old.oldest(); n < old.next; n++ {
		*s.slot(n) = *old.slot(n)
	}
}
