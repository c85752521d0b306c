package forwardertest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A replay sends captures through the core, one an encoding of one publisher, again and again
// from their keyframe, to a subscriber that selects layers of them at random. Networks deliver
// everything in order: what is left out is the core's own choice.
type replay struct {
	rnd      *rand.Rand
	now      time.Time
	pub      *forwarder.Publisher
	sub      *forwarder.Subscriber
	players  []*player
	watch    replayOracle
	out      forwarder.Output
	last     forwarder.Choice
	changed  time.Time                 // when another layer was chosen
	recent   []*played                 // in the order they were
	layers   map[forwarder.Choice]bool // that were chosen
	switches int
	fault    func(p *rtp.Packet, from *played) bool // as Fault
	errs     []error
}

// A player sends a capture.
type player struct {
	capture *capture
	rid     string
	ssrc    uint32
	at      int  // the next packet
	again   bool // a keyframe was asked for
	loops   int
	seq     uint16
	time    uint32 // what is added to timestamps
	shift   running
	newest  running // sent
	shown   uint32  // the newest timestamp sent
	sent    map[uint16]*played
}

// played is a packet as a player sent it.
type played struct {
	*captured
	player *player
	loop   int
	wire   rtp.Packet
	bytes  []byte
	sent   running
	at     time.Time
}

// A reach says who understands the Dependency Descriptor.
type reach int

const (
	nobody reach = iota
	publisherOnly
	both
)

// newReplay makes one of captures of one codec.
func newReplay(seed uint64, reach reach, captures ...*capture) *replay {
	r := &replay{rnd: rand.New(rand.NewPCG(seed, 2)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), layers: map[forwarder.Choice]bool{}}
	format := codec.Format{Name: captures[0].codec()}
	if format.Name == codec.H264 {
		format.Profile, format.Mode = 0x42e0, 1
	}
	track := forwarder.PublisherTrack{
		Kind: codec.Video, MID: "1", NACK: true, PLI: true, Formats: map[uint8]codec.Format{videoPT: format},
		Extensions: map[uint8]codec.Extension{
			midID: codec.MID, ridID: codec.RID, captureLayersID: codec.VideoLayers, captureClockID: codec.AbsCaptureTime,
		},
	}
	ids := map[codec.Extension]uint8{codec.AbsCaptureTime: subClockID}
	if reach >= publisherOnly {
		track.Extensions[captureDescriptorID] = codec.DependencyDescriptor
	}
	if reach == both {
		ids[codec.DependencyDescriptor] = subDescriptorID
	}
	for i, c := range captures {
		p := &player{
			capture: c, rid: rid(i), ssrc: r.rnd.Uint32(), seq: uint16(r.rnd.Uint32()), sent: map[uint16]*played{},
			newest: running{id: uint16(r.rnd.Uint32()), number: uint16(r.rnd.Uint32()), tl0: uint8(r.rnd.Uint32())},
		}
		p.at = r.rnd.IntN(len(c.packets)) / 2
		p.begin()
		track.RIDs = append(track.RIDs, p.rid)
		r.players = append(r.players, p)
	}
	r.pub = forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{track}, SSRC: 1})
	r.sub = forwarder.NewSubscriber(forwarder.SubscriberConfig{Seed: seed, Tracks: []forwarder.SubscriberTrack{{
		Kind: codec.Video, SSRC: 2000, RTXSSRC: 3000, CNAME: "c", NACK: true, Extensions: ids,
		Formats: []forwarder.SubscriberFormat{{Format: format, PT: subVideoPT, RTX: subRTXPT}},
	}}})
	r.sub.SetPublisher(r.pub)
	r.watch = replayOracle{r: r, name: format.Name, described: reach == both, got: map[playedFrame]int{}}
	return r
}

// begin begins the capture anew: its numbers follow on those sent before.
func (p *player) begin() {
	first := p.capture.packets[0]
	p.at, p.again = 0, false
	p.loops++
	p.shift = running{id: p.newest.id + 1 - first.numbers.id, tl0: p.newest.tl0 + 1 - first.numbers.tl0, number: p.newest.number + 1 - first.numbers.number}
	p.time = p.shown + 3000 - first.Timestamp
}

// run plays for some time, with a selection each second on average.
func (r *replay) run(d time.Duration) {
	const picture = time.Second / 30
	for end := r.now.Add(d); r.now.Before(end) && len(r.errs) == 0; r.now = r.now.Add(picture) {
		for _, p := range r.players {
			r.picture(p)
		}
		r.tick()
		r.look()
	}
}

// picture sends the next picture of a capture.
func (r *replay) picture(p *player) {
	if p.at == len(p.capture.packets) || p.again {
		p.begin()
	}
	for ts := p.capture.packets[p.at].Timestamp; p.at < len(p.capture.packets) && p.capture.packets[p.at].Timestamp == ts; p.at++ {
		if r.rnd.IntN(40*len(r.players)) == 0 {
			r.sub.Select(r.selection())
		}
		s := p.next(r.now)
		r.pub.HandleRTP(r.now, s.bytes)
		r.recent = append(r.recent, s)
		if r.rnd.IntN(3) > 0 {
			r.pull()
		}
	}
	r.pull()
}

// steady is how long a layer must have been chosen before and after a picture for all of it to
// be there: a fast start takes a while.
const steady = 500 * time.Millisecond

// look checks what was played some time ago.
func (r *replay) look() {
	for len(r.recent) > 0 && r.now.Sub(r.recent[0].at) >= steady {
		p := r.recent[0]
		r.recent = r.recent[1:]
		if e := r.last.Encoding; e != nil && e.RID() == p.player.rid && p.at.Sub(r.changed) >= steady {
			r.watch.whole(p, r.last)
		}
	}
}

// next makes the next packet.
func (p *player) next(at time.Time) *played {
	c := p.capture.packets[p.at]
	b, err := c.Marshal()
	if err != nil {
		panic(err)
	}
	s := &played{captured: c, player: p, loop: p.loops, sent: c.numbers.plus(&p.shift)}
	if err := s.wire.Unmarshal(b); err != nil {
		panic(err)
	}
	w := &s.wire
	w.SSRC, w.PayloadType, w.SequenceNumber, w.Timestamp = p.ssrc, videoPT, p.seq, w.Timestamp+p.time
	w.Extension, w.ExtensionProfile = true, rtp.ExtensionProfileTwoByte
	setExtension(&w.Header, midID, []byte("1"))
	setExtension(&w.Header, ridID, []byte(p.rid))
	if len(w.Payload) > 0 {
		p.newest = s.sent
		p.newest.renumber(p.capture.codec(), w)
	}
	p.shown = w.Timestamp
	p.sent[p.seq] = s
	s.at = at
	p.seq++
	if s.bytes, err = w.Marshal(); err != nil {
		panic(err)
	}
	return s
}

// selection is a layer of an encoding, or the automatic choice within bounds or without.
func (r *replay) selection() forwarder.Selection {
	p := r.players[r.rnd.IntN(len(r.players))]
	spatial, temporal := uint8(r.rnd.IntN(p.capture.spatial)), uint8(r.rnd.IntN(p.capture.temporal))
	switch r.rnd.IntN(6) {
	case 0:
		return forwarder.Selection{}
	case 1:
		return forwarder.Selection{RID: p.rid, MaxSpatial: &spatial, MaxTemporal: &temporal}
	}
	return forwarder.Selection{Exact: true, RID: p.rid, Spatial: &spatial, Temporal: &temporal}
}

// pull takes what the core sends, passes wishes on and counts switches.
func (r *replay) pull() {
	for more := true; more; more = r.out.More {
		r.out.Reset()
		r.sub.Pull(r.now, &r.out)
		for i := range r.out.Packets {
			r.receive(&r.out.Packets[i])
		}
		for _, e := range r.out.Wishes {
			r.pub.RequestKeyframe(e)
		}
		now := r.sub.Choice()
		if r.last.Encoding != nil && (now.Encoding != r.last.Encoding || now.Spatial != r.last.Spatial || now.Temporal != r.last.Temporal) {
			r.switches++
			r.changed = r.now
		}
		r.last = now
		if now.Encoding != nil {
			now.Automatic = false
			r.layers[now] = true
		}
	}
}

// receive shows the oracle a packet in wire form.
func (r *replay) receive(o *forwarder.OutPacket) {
	b := make([]byte, 2000)
	n, err := o.MarshalTo(b)
	if err != nil {
		r.fail("%v", err)
		return
	}
	var p rtp.Packet
	if err := p.Unmarshal(bytes.Clone(b[:n])); err != nil {
		r.fail("%v", err)
		return
	}
	var from *played
	if len(p.Payload) > 0 {
		from = r.source(o.Packet)
	}
	if p.SSRC != 2000 || r.fault != nil && from != nil && !r.fault(&p, from) {
		return
	}
	r.watch.packet(&p, from)
}

// source is the packet of a player that the core was given.
func (r *replay) source(p *forwarder.Packet) *played {
	for _, e := range r.pub.Encodings(codec.Video) {
		if e.History().BySeq(p.Seq) == p {
			i := slices.IndexFunc(r.players, func(p *player) bool { return p.rid == e.RID() })
			return r.players[i].sent[uint16(p.Seq)]
		}
	}
	return nil
}

// tick passes requests for keyframes on.
func (r *replay) tick() {
	packets, _ := rtcp.Unmarshal(r.pub.Tick(r.now, 0, nil))
	for _, pkt := range packets {
		if pli, ok := pkt.(*rtcp.PictureLossIndication); ok {
			for _, p := range r.players {
				p.again = p.again || p.ssrc == pli.MediaSSRC
			}
		}
	}
}

func (r *replay) fail(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func (r *replay) err() error { return errors.Join(r.errs...) }
