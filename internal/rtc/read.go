package rtc

import (
	"errors"
	"net"
	"time"

	"github.com/whippet-media/whippet/internal/udp"
)

// newReader returns the socket's own reader, or one that reads packet by packet.
func (s *socket) newReader() *udp.Reader {
	if u, ok := s.conn.(*udp.Socket); ok {
		return u.NewReader()
	}
	return udp.NewPlainReader(s.packetIO)
}

// newBatch returns the socket's own batch, or one that sends packet by packet.
func (s *socket) newBatch() *udp.Batch {
	if u, ok := s.conn.(*udp.Socket); ok {
		return u.NewBatch()
	}
	return udp.NewPlainBatch(s.packetIO)
}

// maxReadPause bounds the pause after errors of a socket that go on.
const maxReadPause = 100 * time.Millisecond

// read hands everything that arrives at the socket to the mux until it is closed.
func (m *mux) read(s *socket) {
	r := s.newReader()
	pause := time.Duration(0)
	for {
		msgs, err := r.Read()
		if errors.Is(err, net.ErrClosed) || m.closing.Load() {
			return
		}
		if err != nil { // an error of one packet, or of a machine short of memory
			time.Sleep(pause)
			pause = min(2*pause+time.Millisecond, maxReadPause)
			continue
		}
		pause = 0
		for i := range msgs {
			m.take(&msgs[i], s.endpoint(msgs[i].From))
		}
		m.afterRead()
	}
}

// take hands on one datagram.
func (m *mux) take(d *udp.Message, endpoint int) {
	switch {
	case endpoint < 0:
		m.drops.count(DropUnknownAddress)
		return
	case len(d.Bytes) >= maxDatagram:
		m.drops.count(DropOversize)
		return
	}
	p := m.pool.get()
	p.n = copy(p.buf[:], d.Bytes)
	p.from, p.to, p.at, p.endpoint = d.From, d.To, d.At, endpoint
	if !m.dispatch(p) {
		m.pool.put(p)
	}
}
