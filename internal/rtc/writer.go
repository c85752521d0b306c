package rtc

import (
	"encoding/binary"
	"errors"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/internal/udp"
)

// A Batch collects what one goroutine writes to the Transport's sockets, for the kernel
// to take it in few calls. What its Writers wrote is on its way after Flush, some of it
// before. Not safe for concurrent use.
type Batch struct {
	sockets []*udp.Batch // as Config.UDP
	scratch [maxDatagram]byte
}

// NewBatch makes a batch for the Writers of one goroutine.
func (t *Transport) NewBatch() *Batch {
	b := &Batch{}
	for _, s := range t.sockets {
		b.sockets = append(b.sockets, s.newBatch())
	}
	return b
}

// Flush sends what is left.
func (b *Batch) Flush() {
	for _, s := range b.sockets {
		s.Flush()
	}
}

// A Writer sends media to one subscriber through a batch. It does not allocate, and takes no lock
// for RTP. Not safe for concurrent use, and the only one to write RTP to its peer.
type Writer struct {
	peer   *Peer
	batch  *Batch
	route  *route // of room
	room   []byte
	header rtp.Header  // scratch
	rtcp   rtcp.Header // scratch
}

// Writer returns what sends through b to the peer, which must have been made with Send.
func (p *Peer) Writer(b *Batch) *Writer { return &Writer{peer: p, batch: b} }

// Room returns memory for one packet, of MaxPacket bytes. It is borrowed until the next
// call of the Writer or of another one of the same batch.
func (w *Writer) Room() []byte {
	w.route = w.peer.route.Load()
	if w.route == nil || w.route.via != nil {
		w.room = w.batch.scratch[:]
	} else {
		w.room = w.batch.sockets[w.route.endpoint.socket].Room()
	}
	return w.room[:MaxPacket]
}

// SendRTP encrypts and queues the RTP packet that is the first n bytes of the last Room.
// ErrNotConnected and ErrQueueFull say that it was not sent; ErrClosed that none will
// be. What the socket refuses later is in the peer's Stats.
func (w *Writer) SendRTP(n int) error {
	_, out, err := w.peer.way()
	if err != nil {
		return err
	}
	sealed, err := w.seal(out, n)
	if err != nil {
		return err
	}
	return w.queue(sealed, n)
}

func (w *Writer) seal(out *outgoing, n int) ([]byte, error) {
	if out.sealer == nil {
		return out.context.EncryptRTP(w.room, w.room[:n], &w.header)
	}
	header, ok := headerSize(w.room[:n])
	if !ok {
		return nil, errMalformed
	}
	return out.sealer.seal(w.room[:n], header)
}

var errMalformed = errors.New("rtc: malformed RTP packet")

// headerSize returns the bytes of an RTP packet's header, extensions included (RFC 3550
// §5.1, §5.3.1); false if it ends before that.
func headerSize(b []byte) (int, bool) {
	const fixed, extension = 12, 4
	if len(b) < fixed {
		return 0, false
	}
	size := fixed + 4*int(b[0]&15)
	if b[0]&(1<<4) == 0 {
		return size, size <= len(b)
	}
	if size+extension > len(b) {
		return 0, false
	}
	size += extension + 4*int(binary.BigEndian.Uint16(b[size+2:]))
	return size, size <= len(b)
}

// WriteRTCP is SendRTP for one marshalled compound packet, which is not kept. The peer's own WriteRTCP
// may be called meanwhile.
func (w *Writer) WriteRTCP(compound []byte) error {
	if len(compound) > len(w.Room()) {
		return errTooLarge
	}
	_, out, err := w.peer.way()
	if err != nil {
		return err
	}
	w.peer.outMu.Lock() // links have more to say than what a Writer does
	sealed, err := out.context.EncryptRTCP(w.room, compound, &w.rtcp)
	w.peer.outMu.Unlock()
	if err != nil {
		return err
	}
	return w.queue(sealed, len(compound))
}

func (w *Writer) queue(sealed []byte, n int) error {
	switch r := w.route; {
	case r == nil:
		return ErrNotConnected
	case r.via != nil:
		if _, err := r.via.send(sealed, false); err != nil {
			return err
		}
	default:
		w.batch.sockets[r.endpoint.socket].Queue(len(sealed), r.to, r.binding.from(), w)
	}
	w.peer.sent(n)
	return nil
}

// NotSent is called by the batch: the socket did not take some of what was queued.
func (w *Writer) NotSent(packets int, _ error) {
	w.peer.notSent.Add(uint64(packets)) //nolint:gosec // not negative
}
