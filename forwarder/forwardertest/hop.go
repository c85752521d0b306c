package forwardertest

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A hop is a link from the publisher's core to the one that subscribers are at.
type hop struct {
	p       *publisher
	origin  *forwarder.Publisher
	tap     *forwarder.Tap
	out     forwarder.Output
	ticking time.Time // of the subscribers' core
	bytes   int       // of payload that crossed the link
}

// tapEvery is how often a tap is asked for what is due.
const tapEvery = 20 * time.Millisecond

// link puts a link behind the publisher's core.
func (p *publisher) link() {
	origin := p.core
	h := &hop{p: p, origin: origin, tap: forwarder.NewTap(origin, forwarder.TapConfig{SSRC: 2})}
	d := origin.Describe()
	p.hop, p.core = h, forwarder.NewPublisher(d.PublisherConfig())
	h.again()
	h.tickLater()
}

// up is the core that the publisher sends to.
func (p *publisher) up() *forwarder.Publisher {
	if p.hop != nil {
		return p.hop.origin
	}
	return p.core
}

func (h *hop) again() {
	if h.origin.Ended() {
		return
	}
	h.pull()
	h.p.w.after(tapEvery, h.again)
}

func (h *hop) pull() {
	for more := true; more; more = h.out.More {
		h.out.Reset()
		h.tap.Pull(h.p.w.now, &h.out)
		h.emit()
	}
}

// emit lets what the tap sends cross the link.
func (h *hop) emit() {
	w := h.p.w
	for i := range h.out.Packets {
		p := &h.out.Packets[i]
		b := make([]byte, 2000)
		n, err := p.MarshalTo(b)
		if err != nil {
			panic(err)
		}
		h.bytes += len(p.Packet.Payload)
		s, o := h.original(p)
		if o != nil && p.FirstPayload {
			o.came, o.before = 0, o.came // the far end forgot it
		}
		w.carry(w.opt.Link, func() { h.deliver(b[:n], s, o) })
	}
	if len(h.out.RTCP) > 0 {
		b := slices.Clone(h.out.RTCP)
		w.carry(w.opt.Link, func() {
			if !h.p.core.Ended() {
				h.p.core.HandleRTCP(w.now, b)
				h.tickLater()
			}
		})
	}
	for _, e := range h.out.Wishes {
		h.origin.RequestKeyframe(e)
		h.p.tickLater()
	}
}

// original finds what the publisher sent.
func (h *hop) original(p *forwarder.OutPacket) (*upstream, *original) {
	for _, t := range h.origin.Describe().Tracks {
		for _, e := range t.Encodings {
			if e.SSRC != p.SSRC {
				continue
			}
			for _, s := range h.p.streams {
				if s.kind == t.Kind && (s.kind == codec.Audio || s.rid == e.RID) {
					return s, s.sent[s.seq-1-uint32(uint16(s.seq-1)-p.Seq)]
				}
			}
		}
	}
	return nil, nil
}

func (h *hop) deliver(b []byte, s *upstream, o *original) {
	p := h.p
	if p.core.Ended() {
		return
	}
	if p.core.HandleRTP(p.w.now, b) {
		p.came++
		if o != nil {
			o.came, s.lastCame = p.came, p.w.now
		}
		p.w.pullAll()
		p.live()
	}
	h.tickLater()
}

// tickLater sees to it that the deadline of the subscribers' core is met.
func (h *hop) tickLater() {
	at := h.p.core.Deadline()
	if !h.ticking.IsZero() && !at.Before(h.ticking) || h.p.core.Ended() {
		return
	}
	h.ticking = at
	h.p.w.after(max(0, at.Sub(h.p.w.now)), func() { h.tick(at) })
}

func (h *hop) tick(at time.Time) {
	w := h.p.w
	if h.ticking != at || h.p.core.Ended() {
		return
	}
	h.ticking = time.Time{}
	if b := h.p.core.Tick(w.now, 2*w.opt.Link.Delay, nil); len(b) > 0 {
		w.carry(w.opt.Link, func() {
			if h.origin.Ended() {
				return
			}
			h.out.Reset()
			h.tap.HandleRTCP(w.now, b, &h.out)
			h.emit()
		})
	}
	h.tickLater()
}

// LinkBytes is how many bytes of payload crossed the link of the last publisher.
func (w *World) LinkBytes() int {
	if w.pub == nil || w.pub.hop == nil {
		return 0
	}
	return w.pub.hop.bytes
}
