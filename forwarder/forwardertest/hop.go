package forwardertest

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A hop is a link from one node's core to the next one's. The last one has the subscribers.
type hop struct {
	p       *publisher
	from    *forwarder.Publisher
	to      *forwarder.Publisher
	next    *hop // nil: to has the subscribers
	tap     *forwarder.Tap
	out     forwarder.Output
	ticking time.Time // of to
	bytes   int       // of payload that crossed the link
}

// tapEvery is how often a tap is asked for what is due.
const tapEvery = 20 * time.Millisecond

// link puts a chain of links behind the publisher's core.
func (p *publisher) link(n int) {
	last := &p.hop
	for range n {
		h := &hop{p: p, from: p.core}
		d := p.core.Describe()
		h.to = forwarder.NewPublisher(d.PublisherConfig())
		*last, p.core, last = h, h.to, &h.next
		h.tickLater()
		if p.w.opt.LinkAfter == 0 {
			h.begin()
		} else {
			p.w.after(p.w.opt.LinkAfter, h.begin)
		}
	}
}

func (h *hop) begin() {
	h.tap = forwarder.NewTap(h.from, forwarder.TapConfig{SSRC: 2})
	h.again()
}

// up is the core that the publisher sends to.
func (p *publisher) up() *forwarder.Publisher {
	if p.hop != nil {
		return p.hop.from
	}
	return p.core
}

// lastHop is the one to the subscribers' core; nil: there is none.
func (p *publisher) lastHop() *hop {
	h := p.hop
	for h != nil && h.next != nil {
		h = h.next
	}
	return h
}

// before is the hop to where h begins; nil: the publisher sends there.
func (h *hop) before() *hop {
	for b := h.p.hop; b != nil; b = b.next {
		if b.next == h {
			return b
		}
	}
	return nil
}

func (h *hop) again() {
	if h.from.Ended() {
		return
	}
	h.pull()
	h.p.w.after(tapEvery, h.again)
}

func (h *hop) pull() {
	for more := h.tap != nil; more; more = h.out.More {
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
		if o != nil && o.came != 0 && p.FirstPayload && h.next == nil {
			s.forget() // the far end begins again with it
		}
		w.carry(w.opt.Link, func() { h.deliver(b[:n], s, o) })
	}
	if len(h.out.RTCP) > 0 {
		b := slices.Clone(h.out.RTCP)
		w.carry(w.opt.Link, func() {
			if !h.to.Ended() {
				h.to.HandleRTCP(w.now, b)
				h.tickLater()
			}
		})
	}
	for _, e := range h.out.Wishes {
		h.from.RequestKeyframe(e)
		if b := h.before(); b != nil {
			b.tickLater()
		} else {
			h.p.tickLater()
		}
	}
}

// original finds what the publisher sent.
func (h *hop) original(p *forwarder.OutPacket) (*upstream, *original) {
	for _, t := range h.from.Describe().Tracks {
		for _, e := range t.Encodings {
			if e.SSRC != p.SSRC {
				continue
			}
			for _, s := range h.p.streams {
				if s.kind == t.Kind && (s.kind == codec.Audio || s.rid == e.RID) {
					if c, ok := parseContent(p.Packet.Payload); ok && p.Seq != uint16(p.Packet.Seq) {
						return s, s.sent[c.seq] // of a still: under another number
					}
					return s, s.sent[s.seq-1-uint32(uint16(s.seq-1)-p.Seq)]
				}
			}
		}
	}
	return nil, nil
}

// forget notes that all that came so far did so before the far end began again.
func (s *upstream) forget() {
	for _, o := range s.sent {
		if o.came != 0 {
			o.came, o.before = 0, o.came
		}
	}
}

func (h *hop) deliver(b []byte, s *upstream, o *original) {
	p := h.p
	switch {
	case h.to.Ended():
		return
	case !h.to.HandleRTP(p.w.now, b):
	case h.next != nil:
		h.next.pull()
	default:
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
	at := h.to.Deadline()
	if !h.ticking.IsZero() && !at.Before(h.ticking) || h.to.Ended() {
		return
	}
	h.ticking = at
	h.p.w.after(max(0, at.Sub(h.p.w.now)), func() { h.tick(at) })
}

func (h *hop) tick(at time.Time) {
	w := h.p.w
	if h.ticking != at || h.to.Ended() {
		return
	}
	h.ticking = time.Time{}
	if b := h.to.Tick(w.now, 2*w.opt.Link.Delay, nil); len(b) > 0 {
		w.carry(w.opt.Link, func() {
			if h.from.Ended() || h.tap == nil {
				return
			}
			h.out.Reset()
			h.tap.HandleRTCP(w.now, b, &h.out)
			h.emit()
		})
	}
	h.tickLater()
}

// LinkBytes is how many bytes of payload crossed each link of the last publisher.
func (w *World) LinkBytes() []int {
	var all []int
	if w.pub != nil {
		for h := w.pub.hop; h != nil; h = h.next {
			all = append(all, h.bytes)
		}
	}
	return all
}
