package rtc

import (
	"slices"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/internal/udp"
)

// WriteRTP sends one packet through a batch of its own, which it flushes. A route to an
// endpoint that is not the Transport's is one that a test put there.
func (p *Peer) WriteRTP(h *rtp.Header, payload []byte) error {
	return p.newWriter().write(h, payload)
}

func (p *Peer) newWriter() *Writer {
	w := p.Writer(p.transport.NewBatch())
	if r := p.route.Load(); r != nil && !slices.Contains(p.transport.mux.endpoints, r.endpoint) {
		w.batch.sockets[r.endpoint.socket] = udp.NewPlainBatch(r.endpoint.packetIO)
	}
	return w
}

func (w *Writer) write(h *rtp.Header, payload []byte) error {
	room := w.Room()
	n, err := h.MarshalTo(room)
	if err != nil {
		return err
	}
	n += copy(room[n:], payload)
	if h.Padding {
		n += int(h.PaddingSize)
		room[n-1] = h.PaddingSize
	}
	if err := w.SendRTP(n); err != nil {
		return err
	}
	w.batch.Flush()
	return nil
}
