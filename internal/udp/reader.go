package udp

import (
	"net/netip"
	"time"
)

const (
	// maxWaited bounds how long ago a datagram is said to have come, so that a step of
	// the machine's clock does no harm.
	maxWaited = time.Second

	// maxDatagramRead is room for the largest datagram, and for the largest run of them
	// that the kernel joins.
	maxDatagramRead = 64 << 10
)

// A Message is a datagram that was received.
type Message struct {
	// Bytes are borrowed until the next Read.
	Bytes []byte
	// From is who sent it; an IPv4 peer has an IPv4 address.
	From netip.AddrPort
	// To is the address of ours it was sent to, invalid as for ReadFromTo.
	To netip.Addr
	// At is when the kernel received it, where it says so, else when it was read. It has
	// a monotonic reading, is never after the return of Read nor more than a second before
	// the read, and never before that of the Reader's message before.
	At time.Time
}

// A Reader receives datagrams, many in a call, and takes apart the runs that the kernel
// joined. Owned by one goroutine. It allocates nothing after NewReader, but for a peer
// with a link-local address of another interface than the last such peer's.
type Reader struct {
	s        *Socket   // nil: there is only plain
	plain    plainRead // reads one datagram; nil: the socket's batched paths
	buf      []byte    // for plain
	count    *counters
	messages []Message
	last     time.Time // the latest At
	tally    readTally
	wire     inbox
}

// NewReader returns the Reader of a Socket, with memory of its own of less than 1 MiB.
// Make one only, and do not use ReadFrom, ReadFromTo or ReadFromAddrPort any more: they
// would take runs of joined datagrams for one each.
func (s *Socket) NewReader() *Reader {
	r := &Reader{s: s, count: &s.count}
	r.open()
	return r
}

// A PacketReader receives single datagrams, as Socket.ReadFromTo.
type PacketReader interface {
	ReadFromTo(b []byte) (n int, from netip.AddrPort, to netip.Addr, err error)
}

// NewPlainReader returns a Reader for a connection that is no Socket, a virtual
// network's for one. It reads one datagram at a time, and nobody counts them; errors are
// the connection's.
func NewPlainReader(c PacketReader) *Reader {
	r := &Reader{count: new(counters)}
	r.openPlain(c.ReadFromTo)
	return r
}

// plainRead is ReadFromTo of some connection.
type plainRead func(b []byte) (n int, from netip.AddrPort, to netip.Addr, err error)

func (r *Reader) openPlain(read plainRead) {
	r.plain, r.buf, r.messages = read, make([]byte, maxDatagramRead), make([]Message, 0, 1)
}

// receiveOne reads one datagram.
func (r *Reader) receiveOne() error {
	n, from, to, err := r.plain(r.buf)
	if err != nil {
		return err
	}
	r.tally.calls++
	r.add(r.buf[:n:n], from, to, r.arrival(time.Now(), 0))
	return nil
}

// Read waits for at least one datagram and returns all that one call to the kernel gave,
// in order of arrival. They are borrowed until the next Read. After Close it fails with
// net.ErrClosed, after the read deadline with os.ErrDeadlineExceeded; after any other
// error it may be called again. Datagrams that do not fit their buffer are dropped and
// counted as Truncated.
func (r *Reader) Read() ([]Message, error) {
	for {
		r.messages = r.messages[:0]
		var err error
		if r.plain != nil {
			err = r.receiveOne()
		} else {
			err = r.receive()
		}
		if err != nil {
			return nil, err
		}
		r.count.addReads(len(r.messages), &r.tally)
		r.tally = readTally{}
		if len(r.messages) > 0 {
			return r.messages, nil
		}
	}
}

// add appends a datagram.
func (r *Reader) add(b []byte, from netip.AddrPort, to netip.Addr, at time.Time) {
	r.messages = append(r.messages, Message{Bytes: b, From: from, To: to, At: at})
	r.tally.bytes += uint64(len(b))
}

// arrival places a datagram in time: now and how long it waited for being read.
func (r *Reader) arrival(now time.Time, waited time.Duration) time.Time {
	at := now.Add(-min(max(waited, 0), maxWaited))
	if at.Before(r.last) {
		at = r.last
	}
	r.last = at
	return at
}
