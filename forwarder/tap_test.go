package forwarder_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A hop is a link between two nodes' cores, over a network that loses and delays.
type hop struct {
	t      *testing.T
	rnd    *rand.Rand
	now    time.Time
	delay  time.Duration
	step   time.Duration
	loss   float64 // share of packets
	origin *forwarder.Publisher
	tap    *forwarder.Tap
	edge   *forwarder.Publisher
	out    forwarder.Output
	flying []flight
	bytes  int
	sent   map[*forwarder.Encoding]map[uint64]*forwarder.Packet // all that ever was in the histories of both

	unwanted map[string]bool // encodings nobody wants, by RID

	made map[uint64][]byte // what left under a number of an SSRC, since the link began
	top  map[uint32]uint64 // the highest number of each encoding

	wish func(*forwarder.Encoding) // what the origin's publisher is asked; nil: nothing happens
}

// A flight is a packet under way: media down, or feedback up.
type flight struct {
	at    time.Time
	rtp   []byte
	rtcp  []byte
	toTap bool
}

func newHop(t *testing.T, origin *forwarder.Publisher, now time.Time) *hop {
	h := &hop{t: t, rnd: rand.New(rand.NewPCG(1, 2)), now: now, step: time.Millisecond, delay: 5 * time.Millisecond, origin: origin, sent: map[*forwarder.Encoding]map[uint64]*forwarder.Packet{}}
	d := origin.Describe()
	h.edge = forwarder.NewPublisher(d.PublisherConfig())
	h.attach(nil)
	return h
}

// attach opens the link, or another one after the last.
func (h *hop) attach(held []forwarder.Held) {
	h.tap = forwarder.NewTap(h.origin, forwarder.TapConfig{SSRC: 99, Held: held})
	h.flying, h.made, h.top = nil, map[uint64][]byte{}, map[uint32]uint64{}
}

// once checks that whatever leaves under a number is the same each time: that number makes
// the key stream it is encrypted with.
func (h *hop) once(p *forwarder.OutPacket, b []byte) {
	top := max(h.top[p.SSRC], p.Packet.Seq) // a packet of a still crosses under another number, not far below
	h.top[p.SSRC] = top
	key := uint64(p.SSRC)<<32 | uint64(int64(top)+int64(int16(p.Seq-uint16(top))))
	if old, ok := h.made[key]; ok && !bytes.Equal(old, b) {
		h.t.Errorf("%d of %d left twice and was not the same:\n%x\n%x", p.Packet.Seq, p.SSRC, old[:32], b[:32])
	}
	h.made[key] = b
}

// run lets time pass in small steps.
func (h *hop) run(d time.Duration, each func()) {
	for end := h.now.Add(d); h.now.Before(end); h.now = h.now.Add(h.step) {
		if each != nil {
			each()
		}
		h.note()
		for _, e := range h.edge.Encodings(codec.Video) {
			if !h.unwanted[e.RID()] {
				e.Want(h.now)
			}
		}
		h.pull()
		h.arrive()
		if h.now.Before(h.edge.Deadline()) {
			continue
		}
		if b := h.edge.Tick(h.now, 2*h.delay, nil); len(b) > 0 {
			h.send(flight{rtcp: b, toTap: true})
		}
	}
}

// note keeps what is in the histories.
func (h *hop) note() {
	for _, kind := range []codec.Kind{codec.Audio, codec.Video} {
		for _, e := range append(slices.Clone(h.origin.Encodings(kind)), h.edge.Encodings(kind)...) {
			if h.sent[e] == nil {
				h.sent[e] = map[uint64]*forwarder.Packet{}
			}
			hist := e.History()
			for i := hist.Head(); i > hist.Tail(); i-- {
				p := hist.At(i - 1)
				if h.sent[e][p.Seq] == p {
					break
				}
				h.sent[e][p.Seq] = p
			}
		}
	}
}

func (h *hop) pull() {
	for more := true; more; more = h.out.More {
		h.out.Reset()
		h.tap.Pull(h.now, &h.out)
		h.emit()
	}
}

func (h *hop) emit() {
	for i := range h.out.Packets {
		b := make([]byte, 1500)
		n, err := h.out.Packets[i].MarshalTo(b)
		if err != nil {
			h.t.Fatal(err)
		}
		b = b[:n]
		h.once(&h.out.Packets[i], b)
		h.bytes += len(b)
		h.send(flight{rtp: b})
	}
	if len(h.out.RTCP) > 0 {
		h.send(flight{rtcp: slices.Clone(h.out.RTCP)})
	}
	for _, e := range h.out.Wishes {
		if h.wish != nil {
			h.wish(e)
		}
	}
}

func (h *hop) send(f flight) {
	if h.rnd.Float64() >= h.loss {
		f.at = h.now.Add(h.delay)
		h.flying = append(h.flying, f)
	}
}

func (h *hop) arrive() {
	for len(h.flying) > 0 && !h.flying[0].at.After(h.now) {
		f := h.flying[0]
		h.flying = h.flying[1:]
		switch {
		case f.toTap:
			h.out.Reset()
			h.tap.HandleRTCP(h.now, f.rtcp, &h.out)
			h.emit()
		case f.rtp != nil:
			h.edge.HandleRTP(h.now, f.rtp)
		default:
			h.edge.HandleRTCP(h.now, f.rtcp)
		}
	}
}

// wantSame wants the edge's histories to be the origin's, without a hole from the first
// packet on.
func (h *hop) wantSame() {
	h.t.Helper()
	for _, kind := range []codec.Kind{codec.Audio, codec.Video} {
		edge, origin := h.edge.Encodings(kind), h.origin.Encodings(kind)
		if len(edge) != len(origin) || len(edge) == 0 {
			h.t.Fatalf("%v: %d encodings at the edge, %d at the origin", kind, len(edge), len(origin))
		}
		for _, o := range origin {
			i := slices.IndexFunc(edge, func(e *forwarder.Encoding) bool { return e.RID() == o.RID() })
			if i < 0 {
				h.t.Fatalf("no encoding %q at the edge", o.RID())
			}
			h.wantSameHistory(o, edge[i])
		}
	}
}

func (h *hop) wantSameHistory(origin, edge *forwarder.Encoding) {
	h.t.Helper()
	h.note()
	sent, got := h.sent[origin], h.sent[edge]
	for seq, p := range got {
		q := sent[seq]
		if q == nil {
			h.t.Fatalf("%q: the origin had no packet %d", origin.RID(), seq)
		}
		if p.Timestamp != q.Timestamp || p.Marker != q.Marker || !bytes.Equal(p.Payload, q.Payload) ||
			!cmp.Equal(p.Ext, q.Ext) || p.Layering.Needed != q.Layering.Needed {
			h.t.Fatalf("%q: packet %d is another one at the edge:\n%+v\n%+v", origin.RID(), seq, q, p)
		}
	}
	all := slices.Sorted(maps.Keys(got))
	for seq := all[0]; seq <= all[len(all)-1]; seq++ {
		if got[seq] == nil && sent[seq] != nil {
			h.t.Errorf("%q: %d is missing at the edge, of %d to %d", origin.RID(), seq, all[0], all[len(all)-1])
		}
	}
	if last := origin.History().At(origin.History().Head() - 1); all[len(all)-1]+3 < last.Seq {
		h.t.Errorf("%q: the edge has got to %d, the origin to %d", origin.RID(), all[len(all)-1], last.Seq)
	}
}

// A simulcaster publishes sound and two encodings with header extensions.
type simulcaster struct {
	t      *testing.T
	up     *forwarder.Publisher
	frames int
	every  int // frames between keyframes
	key    bool
	rids   []string
}

func newSimulcaster(t *testing.T) *simulcaster {
	ids := map[uint8]codec.Extension{1: codec.MID, 2: codec.RID, 7: codec.AudioLevel, 9: codec.VideoOrientation, 12: codec.FrameMarking}
	return &simulcaster{t: t, every: 300, rids: []string{"hi", "lo"}, up: forwarder.NewPublisher(forwarder.PublisherConfig{
		ID: 7, Tracks: []forwarder.PublisherTrack{
			{Kind: codec.Audio, MID: "0", Formats: map[uint8]codec.Format{upAudio: opus}, Extensions: ids},
			{Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{upVideo: vp8}, RIDs: []string{"hi", "lo"}, Extensions: ids, NACK: true, PLI: true},
		},
	})}
}

// send sends a frame of each, 1/50 s of media.
func (s *simulcaster) send(now time.Time) {
	i := s.frames
	s.frames++
	s.packet(now, rtp.Header{SSRC: 7, PayloadType: upAudio, SequenceNumber: uint16(65500 + i), Timestamp: uint32(i * 960)}, []byte{1, 2, byte(i)}, 7, []byte{byte(i)})
	for n, rid := range []string{"hi", "lo"} {
		if !slices.Contains(s.rids, rid) {
			continue
		}
		frame := vp8Frame(i%s.every == 0 || s.key)
		frame = append(frame, byte(i), byte(n))
		h := rtp.Header{SSRC: uint32(8 + n), PayloadType: upVideo, SequenceNumber: uint16(65000 + 2*i), Timestamp: uint32(i * 1800)}
		s.packet(now, h, frame, 2, []byte(rid), 9, []byte{byte(n)}, 12, []byte{byte(i), 1})
		h.SequenceNumber++
		h.Marker = true
		s.packet(now, h, append([]byte{0, 1}, frame...), 2, []byte(rid))
	}
	s.key = false
}

func (s *simulcaster) packet(now time.Time, h rtp.Header, payload []byte, ext ...any) {
	s.t.Helper()
	h.Version = 2
	for i := 0; i < len(ext); i += 2 {
		if err := h.SetExtension(uint8(ext[i].(int)), ext[i+1].([]byte)); err != nil {
			s.t.Fatal(err)
		}
	}
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		s.t.Fatal(err)
	}
	s.up.HandleRTP(now, b)
}

// during sends for a while, before there is a link.
func (s *simulcaster) during(now time.Time, d time.Duration) time.Time {
	for end := now.Add(d); now.Before(end); now = now.Add(20 * time.Millisecond) {
		s.send(now)
	}
	return now
}

// every20 returns what sends each 20 ms.
func every20(s *simulcaster, now *time.Time) func() {
	next := *now
	return func() {
		if !now.Before(next) {
			next = next.Add(20 * time.Millisecond)
			s.send(*now)
		}
	}
}

func TestLinkIsVerbatim(t *testing.T) {
	for _, loss := range []float64{0, 0.05, 0.2} {
		s := newSimulcaster(t)
		h := newHop(t, s.up, s.during(start, 4*time.Second))
		h.loss = loss
		h.run(30*time.Second, every20(s, &h.now))
		h.loss = 0
		h.run(time.Second, nil)
		h.wantSame()
		if d := h.edge.Describe(); !cmp.Equal(d.Tracks[1].Types, s.up.Describe().Tracks[1].Types) || d.ID != 7 {
			t.Errorf("the edge describes itself differently: %+v", d)
		}
	}
}

// TestLinkBeginsAtTheKeyframe: what came before it is of no use to anybody.
func TestLinkBeginsAtTheKeyframe(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, 9*time.Second)) // keyframes at 0 and 6 s
	h.run(time.Millisecond, nil)
	h.run(h.delay, nil)
	e := h.edge.Encodings(codec.Video)[0]
	key := e.Keyframe()
	if key == nil || key.Timestamp != 300*1800 {
		t.Fatalf("keyframe %+v", key)
	}
	if age := h.now.Sub(key.At); age < 2900*time.Millisecond || age > 3100*time.Millisecond {
		t.Errorf("the keyframe is %v old at the edge, 3 s at the origin", age)
	}
	if !e.Active(h.now) || h.edge.Best(codec.Video) == nil {
		t.Error("the encoding is not taken for active while its past comes")
	}
	h.run(time.Second, every20(s, &h.now))
	h.wantSame()
	if first := e.History().At(e.History().Tail()); first.Timestamp != key.Timestamp {
		t.Errorf("the edge's history begins at %d, its keyframe at %d", first.Timestamp, key.Timestamp)
	}
}

// TestLinkGoesOn: another link continues the edge's histories where the last one ended.
func TestLinkGoesOn(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, 1*time.Second))
	send := every20(s, &h.now)
	h.run(3*time.Second, send)
	before := h.edge.Encodings(codec.Video)
	h.now = s.during(h.now, time.Second) // nothing comes through
	h.attach(h.edge.Held())
	sent := h.bytes
	h.run(3*time.Second, every20(s, &h.now))
	h.wantSame()
	if !slices.Equal(before, h.edge.Encodings(codec.Video)) {
		t.Error("the edge began other histories")
	}
	if c := h.tap.Counts(); c.Resent+c.Forgotten > 0 {
		t.Errorf("the edge had to ask for %d packets", c.Resent+c.Forgotten)
	}
	if n, most := h.bytes-sent, 4*50*(2*2*480+60); n > most {
		t.Errorf("%d bytes to go on with 4 s of media, want at most %d", n, most)
	}
}

// TestLinkGoesOnAfterLong: what is missing is no longer kept, so it begins at the keyframe.
func TestLinkGoesOnAfterLong(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	h.run(3*time.Second, every20(s, &h.now))
	h.now = s.during(h.now, 29*time.Second) // to 33 s: the last keyframe was at 30 s
	h.attach(h.edge.Held())
	h.run(3*time.Second, every20(s, &h.now))
	e := h.edge.Encodings(codec.Video)[0]
	if key := e.Keyframe(); key == nil || key.Timestamp != 5*300*1800 {
		t.Errorf("keyframe %+v", key)
	}
	if o := h.origin.Encodings(codec.Video)[0]; e.History().At(e.History().Head()-1).Seq+3 < o.History().At(o.History().Head()-1).Seq {
		t.Error("the edge is behind")
	}
}

// TestLinkShowsNewEncodings: simulcast encodings begin when the encoder pleases.
func TestLinkShowsNewEncodings(t *testing.T) {
	s := newSimulcaster(t)
	s.rids = []string{"hi"}
	h := newHop(t, s.up, s.during(start, time.Second))
	send := every20(s, &h.now)
	h.run(time.Second, send)
	s.rids, s.key = []string{"hi", "lo"}, true
	h.run(time.Second, send)
	h.wantSame()
}

// TestLinkAsksForKeyframes: a wish at the edge is one at the origin.
func TestLinkAsksForKeyframes(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	var wished []string
	h.wish = func(e *forwarder.Encoding) { wished = append(wished, e.RID()); s.key = true }
	send := every20(s, &h.now)
	h.run(100*time.Millisecond, send)
	before := h.edge.Encodings(codec.Video)[1].Keyframe()
	h.edge.RequestKeyframe(h.edge.Encodings(codec.Video)[1])
	h.run(100*time.Millisecond, send)
	if !slices.Equal(wished, []string{"lo"}) {
		t.Errorf("wishes for %q", wished)
	}
	if h.edge.Encodings(codec.Video)[1].Keyframe() == before {
		t.Error("no keyframe came")
	}
}

// TestLinkEnds: once the publisher has gone and all was sent, the tap is done, and the edge
// knows that nothing more comes.
func TestLinkEnds(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	h.run(time.Second, every20(s, &h.now))
	s.send(h.now)
	s.up.End()
	h.tap.SetPublisher(nil)
	if h.tap.Misfit() {
		t.Fatal("the tap ended with a frame to send")
	}
	edge := h.edge.Encodings(codec.Video)[0]
	h.run(20*time.Millisecond, nil)
	if !h.tap.Misfit() {
		t.Error("the tap did not end")
	}
	if last := edge.History().At(edge.History().Head() - 1); last.Timestamp != uint32(s.frames-1)*1800 {
		t.Errorf("the last frame is missing at the edge")
	}
	if !edge.Ended() || len(h.edge.Encodings(codec.Video)) != 0 {
		t.Error("the edge does not know that the encodings ended")
	}
}

// TestLinkIsAlive: something goes over it at least each 200 ms, whatever the publisher does.
func TestLinkIsAlive(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	h.run(time.Second, nil)
	quiet := h.now
	var longest time.Duration
	for range 2000 {
		n := len(h.flying)
		h.run(time.Millisecond, nil)
		if len(h.flying) > n {
			longest, quiet = max(longest, h.now.Sub(quiet)), h.now
		}
	}
	if longest > 250*time.Millisecond || longest == 0 {
		t.Errorf("%v without a word", longest)
	}
}

// TestLinkEndsWithoutAWord: an origin does not send to an edge that is gone.
func TestLinkEndsWithoutAWord(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	send := every20(s, &h.now)
	h.run(10*time.Second, send)
	if h.tap.Misfit() {
		t.Fatal("the tap ended though its far end reports")
	}
	h.loss = 1
	h.run(1900*time.Millisecond, send) // the last report is up to a second old
	if h.tap.Misfit() {
		t.Error("the tap ended too soon")
	}
	h.run(1200*time.Millisecond, send)
	if !h.tap.Misfit() {
		t.Error("the tap did not end")
	}
}

// TestAsleepAndAwakeSaysTheSame: an encoding that is wanted again begins at its keyframe, part of
// which left before, when it was fresh.
func TestAsleepAndAwakeSaysTheSame(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	send := every20(s, &h.now)
	for range 3 {
		h.run(time.Second, send)
		h.unwanted = map[string]bool{"hi": true}
		h.run(4*time.Second, send)
		h.unwanted = nil
	}
	before := len(h.made)
	h.run(2*time.Second, send)
	if len(h.made) == before || h.tap.Counts().Packets < uint64(before)+50 {
		t.Errorf("%d packets made %d numbers: nothing was sent twice", h.tap.Counts().Packets, len(h.made))
	}
}

// TestWhatLeftIsRememberedForAWhile: of more numbers than are remembered the oldest are not sent
// again, since nobody knows how they left.
func TestWhatLeftIsRememberedForAWhile(t *testing.T) {
	s := newSimulcaster(t)
	s.every = 1 << 30
	now := start
	for range 5000 { // 10,000 packets of each encoding
		s.send(now)
		now = now.Add(time.Millisecond)
	}
	h := newHop(t, s.up, now)
	h.loss, h.delay = 0.1, 200*time.Millisecond
	h.run(3*time.Second, every20(s, &h.now))
	if c := h.tap.Counts(); c.Packets < 2*forwarder.LinkSent || c.Resent == 0 || c.Forgotten == 0 {
		t.Errorf("%+v", c)
	}
}
