package forwarder

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Held names an encoding and the last packet of it that the far end of a link has.
type Held struct {
	SSRC   uint32 // on links
	Number uint64 // extended sequence number
}

// A TapConfig is what a Tap is made of.
type TapConfig struct {
	SSRC uint32 // of its reports; any number
	Held []Held // what the far end has already; the rest begins at the last keyframe
}

// TapCounts are counters of a tap since its start.
type TapCounts struct {
	Packets, Bytes uint64 // sent, not counting resends; bytes of payload
	Resent         uint64
	Forgotten      uint64 // asked for again, but no longer kept
	Skips          uint64 // jumps ahead because the link fell behind the history
	Wishes         uint64 // for keyframes
	Malformed      uint64
}

// A Tap is the origin's end of a link: a position in the history of each encoding of one
// publisher, which it sends on as they are, with their numbers, timestamps and extension
// values. Rewriting is the last hop's. It is owned by its shard and not safe for
// concurrent use.
type Tap struct {
	pub     *Publisher
	ssrc    uint32
	ids     ExtensionIDs
	held    map[uint32]uint64
	streams []*tapStream // sound first
	pacer   Pacer        // of what is not fresh
	leaving bool         // the publisher has gone: what is left is sent

	heard    time.Time // when the far end last said anything, or the first pull
	probeAt  time.Time
	reportAt time.Time
	tellAt   time.Time // of the encodings that are not sent
	telling  findingsTold
	below    int      // subscribers at the far end and below it
	goodbyes []uint32 // encodings that have ended and all of which was sent
	counts   TapCounts
	pulled   bool
	silent   bool // the far end has said nothing for linkSilence
}

// NewTap returns a tap of pub that has sent nothing yet.
func NewTap(pub *Publisher, cfg TapConfig) *Tap {
	t := &Tap{pub: pub, ssrc: cfg.SSRC, ids: linkIDs(), held: map[uint32]uint64{}}
	for _, h := range cfg.Held {
		t.held[h.SSRC] = h.Number
	}
	return t
}

// SetPublisher tells the tap whose media its stream has now. A tap is of one publisher:
// with another one, or none, it ends once what is left is sent.
func (t *Tap) SetPublisher(pub *Publisher) { t.leaving = t.leaving || pub != t.pub }

// Misfit tells whether the tap has ended, or its far end says nothing: only another link
// can carry the stream's media.
func (t *Tap) Misfit() bool {
	return t.silent || t.leaving && len(t.streams) == 0 && t.pulled
}

// Counts returns the counters.
func (t *Tap) Counts() TapCounts { return t.counts }

// Blocked does nothing: what could not be sent will be asked for.
func (t *Tap) Blocked(*OutPacket, *Output) {}

// Pull appends to out what must be sent now. If out.More is set afterwards, call it again
// soon.
func (t *Tap) Pull(now time.Time, out *Output) {
	t.pacer.Set(now, linkPace)
	if !t.pulled {
		t.pulled, t.heard = true, now
	}
	t.silent = now.Sub(t.heard) > linkSilence
	t.follow(now)
	for _, s := range t.streams {
		t.pull(now, s, out)
	}
	t.retire()
	t.report(now, out)
	t.tell(now, out)
	t.tellFindings(now, out)
}

// follow begins with the encodings that are new.
func (t *Tap) follow(now time.Time) {
	for _, kind := range []codec.Kind{codec.Audio, codec.Video} {
		for _, e := range t.pub.Encodings(kind) {
			if e.pt != 0 && !e.Ended() && t.stream(e.id) == nil {
				t.begin(e)
			}
		}
	}
}

func (t *Tap) stream(ssrc uint32) *tapStream {
	for _, s := range t.streams {
		if s.enc.id == ssrc {
			return s
		}
	}
	return nil
}

func (t *Tap) begin(e *Encoding) {
	s := newTapStream(e)
	if number, ok := t.held[e.id]; ok {
		s.after(number)
	} else {
		s.join()
	}
	t.streams = append(t.streams, s)
}

// pull appends what is new of one encoding, at most passPackets.
func (t *Tap) pull(now time.Time, s *tapStream, out *Output) {
	if s.asleep {
		return
	}
	s.enc.want(now) // this node may be fed by a link, too
	s.enc.wantLayers(s.want)
	if !t.pullStill(now, s, out) {
		return
	}
	for range passPackets {
		p := t.next(s)
		if p == nil {
			return
		}
		age := now.Sub(p.At)
		if age > linkFresh && !t.pacer.Allow(now, len(p.Payload)+packetOverhead) {
			out.due(t.pacer.Next())
			return
		}
		s.pos++
		t.counts.Packets++
		s.turn(p)
		s.mark(p, age)
		o := t.put(s, p, out)
		o.FirstPayload = true
		t.counts.Bytes += uint64(len(o.Packet.Payload))
	}
	out.More = true
}

// next returns the next packet of an encoding, after a jump where it is gone.
func (t *Tap) next(s *tapStream) *Packet {
	for {
		p := s.enc.hist.At(s.pos)
		if p != nil || s.pos >= s.enc.hist.Tail() {
			return p
		}
		t.counts.Skips++
		s.join()
	}
}

// put appends p as it is; each time bit for bit as the first time, since a number is
// encrypted with its own key stream.
func (t *Tap) put(s *tapStream, p *Packet, out *Output) *OutPacket {
	p, stamp := s.as(p)
	o := out.add()
	*o = OutPacket{
		Packet: p, IDs: &t.ids, SSRC: s.enc.id, PayloadType: s.enc.pt,
		Seq: uint16(p.Seq), Timestamp: p.Timestamp, Mark: p.Marker, stamp: stamp,
	}
	return o
}

// retire lets go of encodings that have ended and all of which was sent.
func (t *Tap) retire() {
	kept := t.streams[:0]
	for _, s := range t.streams {
		t.replace(s)
		if s.enc.Ended() && (s.asleep || s.enc.hist.Head() <= s.pos) {
			t.goodbyes = append(t.goodbyes, s.enc.id)
			continue
		}
		kept = append(kept, s)
	}
	clear(t.streams[len(kept):])
	t.streams = kept
}

// replace goes on with the encoding that took the place of one which fell asleep where
// this node is fed from: for the far end it is the same.
func (t *Tap) replace(s *tapStream) {
	if !s.enc.relayed || !s.enc.Ended() || t.leaving {
		return
	}
	for _, e := range t.pub.Encodings(s.enc.format.Name.Kind()) {
		if e.id == s.enc.id && !e.Ended() {
			s.enc, s.reported = e, false
			s.move(0)
			if !s.asleep {
				s.join()
			}
			return
		}
	}
}

// A tapStream is a tap's position in one encoding.
type tapStream struct {
	enc   *Encoding
	pos   uint64
	fresh *stamp // what is added to every packet; nil: nothing

	highest uint64            // number sent
	floor   uint64            // numbers up to it may have been sent before the last move
	still   *sentStill        // what the link begins with before what comes live; nil: nothing
	stillOf *Keyframe         // the last keyframe that one was of
	stilled uint64            // numbers up to it may have been those of stills
	lowest  uint64            // number sent; 0: none was
	records []sentAs          // of the last numbers that did not go out as they are, by number
	want    uint32            // the layers that somebody at the far end wants
	travels uint32            // those that are sent whole; 0: all
	masks   *codec.LayerMasks // the last ones
	picture uint32            // timestamp of the picture going on
	begun   bool              // picture is valid

	asleep   bool // nobody wants it at the far end: it is not sent
	reported bool // a sender report was sent
}

// A stamp holds the extension values that only a link adds to a packet.
type stamp struct{ values []ExtensionValue }

func newTapStream(e *Encoding) *tapStream {
	s := &tapStream{enc: e, want: codec.AllLayers}
	if e.rid != "" {
		s.fresh = &stamp{[]ExtensionValue{{codec.RID, []byte(e.rid)}}}
	}
	return s
}

// join goes to where a subscriber would begin: the last keyframe, or the next packet of
// sound. Where there was none yet, all that is kept is sent: it may follow. One that has
// left the history is sent as a still before what comes live.
func (s *tapStream) join() {
	key, tail := s.enc.keyframe.Load(), s.enc.hist.Tail()
	s.still = nil
	switch {
	case s.enc.format.Name.Kind() == codec.Audio:
		s.move(s.enc.hist.Head())
	case key != nil && key.Index != noIndex && key.early >= tail:
		s.move(key.early)
	case key != nil:
		s.move(s.enc.hist.Head())
		s.hold(key)
	default:
		s.move(tail)
	}
}

// after goes behind the packet of a number: to the first to come that is later.
func (s *tapStream) after(number uint64) {
	h := s.enc.hist
	if p := h.BySeq(number); p != nil {
		s.pos = p.Index + 1
		return
	}
	s.join()
	from := s.pos
	for s.pos = h.Tail(); s.pos < h.Head(); s.pos++ {
		if p := h.At(s.pos); p != nil && p.Seq > number {
			break
		}
	}
	if lowest := h.At(h.Tail()); lowest == nil || lowest.Seq > number+1 {
		s.pos = max(s.pos, from) // too much is missing to follow on it
	} else {
		s.still = nil
	}
}
