package scenario

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// A Scenario is subscribers of one publisher behind one path.
type Scenario struct {
	Name      string
	Link      link.Config
	Length    time.Duration
	Encodings []Encoding // nil: those of Encodings
	AudioOnly bool
	SVC       SVC
	Sizes     *Sizes        // of pictures; nil: 30 a second
	Busy      time.Duration // the receiver reads what came that often; 0: at once
	Skips     bool          // the receiver shows what it can decode, whatever is missing before (SVC only)
	Cap       int64         // of the session, bits per second; 0: none
	Player    Player
	Select    *forwarder.Selection // what the subscriber wants; nil: the automatic choice

	// Choose is what the subscriber wants from a time on; nil, or nil returned: nothing else.
	Choose func(at time.Duration) *forwarder.Selection

	// Active tells whether an encoding is sent at a time; nil: all are.
	Active func(i int, at time.Duration) bool

	// Subscribers are behind the same bottleneck and join one after the other, Apart. 0: one.
	Subscribers int
	Apart       time.Duration

	// Runs is how often it is played, with others' traffic at other times: the score is
	// their mean. What small changes turn over is not held against one run. 0: once.
	Runs int

	// Steady are the spans in which nothing changes, for counting switches.
	Steady time.Duration // from here to the end; 0: from 10 s on
}

const (
	step             = time.Millisecond
	feedbackInterval = 50 * time.Millisecond
	packetOverhead   = 64 // IP, UDP, RTP with extensions, authentication tag
)

// A Run is a scenario being played.
type Run struct {
	s     Scenario
	link  *link.Link
	src   *source
	sub   *forwarder.Subscriber
	recv  *receiver
	out   forwarder.Output
	joins time.Duration // when the subscriber does
	at    time.Duration
	air   arrivals
	back  []report // to the core

	reports []report // from the core
	order   int
	begins  map[uint16]bool // which numbers begin a picture
	newest  uint32          // timestamp of the picture sent last
	sound   int             // packets sent
	bytes   []int           // put out in each second
	probes  []int           // of them as retransmissions and probes
	keys    []keyframe      // put out

	nextPicture, nextSound, nextFeedback, nextREMB, due time.Duration

	Samples []Sample // each 100 ms
}

// A Sample is what holds at one moment.
type Sample struct {
	At       time.Duration
	Estimate int64
	Capacity int64
	Queued   time.Duration
	Choice   forwarder.Choice
}

type report struct {
	at time.Duration
	b  []byte
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *Run) now() time.Time { return epoch.Add(r.at) }

// Play plays a scenario of one subscriber to its end.
func Play(s Scenario) *Run { return Together(s)[0] }

// Together plays a scenario to its end, for all of its subscribers.
func Together(s Scenario) []*Run {
	if s.Encodings == nil {
		s.Encodings = Encodings()
	}
	if s.Sizes == nil {
		s.Sizes = &evenSizes
	}
	rtt := s.Link.Back
	for _, d := range s.Link.Delay {
		rtt = max(rtt, d.Delay+s.Link.Back)
	}
	path, src := link.New(s.Link), newSource(s.Encodings, s.AudioOnly, s.SVC, *s.Sizes)
	src.active = s.Active
	all := make([]*Run, s.subscribers())
	for i := range all {
		all[i] = &Run{s: s, joins: time.Duration(i) * s.Apart, begins: map[uint16]bool{}, link: path, src: src, recv: newReceiver(rtt, s.Link.Back)}
		all[i].recv.skips, all[i].recv.busy = s.Skips, s.Busy
	}
	first := all[0]
	first.warmUp()
	for at := time.Duration(0); at < s.Length; at += step {
		first.at = at
		published := first.publish()
		for _, r := range all {
			if r.at = at; r.at >= r.joins {
				r.pass(published)
			}
		}
	}
	return all
}

// subscribers is how many there are.
func (s *Scenario) subscribers() int { return max(s.Subscribers, 1) }

// pass lets a step pass for the subscriber.
func (r *Run) pass(published bool) {
	if r.at == r.joins {
		r.join()
	}
	if published {
		r.due = r.at
	}
	if r.s.Choose != nil {
		if sel := r.s.Choose(r.at); sel != nil {
			r.sub.Select(*sel)
		}
	}
	r.deliver()
	r.report()
	r.serve()
	if r.at%(100*time.Millisecond) == 0 {
		r.sample()
	}
}

// warmUp lets the publisher send for two seconds before the subscriber joins.
func (r *Run) warmUp() {
	for r.at = -2 * time.Second; r.at < 0; r.at += step {
		if r.nextPicture == 0 && r.nextSound == 0 {
			r.nextPicture, r.nextSound = r.at, r.at
		}
		r.publish()
	}
}

func (r *Run) join() {
	r.sub = forwarder.NewSubscriber(forwarder.SubscriberConfig{Seed: 1, Tracks: r.s.Player.tracks(r.src.format())})
	if r.s.Select != nil {
		r.sub.Select(*r.s.Select)
	}
	r.sub.SetCap(r.s.Cap)
	r.sub.SetPublisher(r.src.up)
	r.due = r.at
}

// publish sends what the publisher does now, if anything.
func (r *Run) publish() (published bool) {
	for r.at >= r.nextSound && !r.s.Player.NoSound {
		r.src.sound(r.now())
		r.nextSound += audioInterval
		published = true
	}
	for r.at >= r.nextPicture {
		r.src.picture(r.now(), r.at)
		r.nextPicture += r.s.Sizes.Interval
		published = true
	}
	if !r.now().Before(r.src.up.Deadline()) {
		r.src.requests(r.now(), r.at)
	}
	return published
}

// serve pulls what the core wants sent now.
func (r *Run) serve() {
	for r.at >= r.due {
		r.due = r.s.Length
		r.out.Reset()
		r.sub.Pull(r.now(), &r.out)
		r.emit()
		if !r.out.Deadline.IsZero() {
			r.due = max(r.out.Deadline.Sub(epoch), r.at+step)
		}
		if r.out.More {
			r.due = r.at
		}
	}
}

// emit sends what the core put out over the link.
func (r *Run) emit() {
	for i := range r.out.Packets {
		p := &r.out.Packets[i]
		size := p.Payload() + int(p.Padding) + packetOverhead
		r.count(p, size)
		at, ok := r.link.Send(r.at, size)
		if !ok {
			continue
		}
		a := newArrival(p)
		a.sent = r.at
		r.describe(a, p)
		r.order++
		heap.Push(&r.air, flight{at, r.order, a})
	}
	if len(r.out.RTCP) > 0 {
		if at, ok := r.link.Send(r.at, len(r.out.RTCP)+packetOverhead); ok {
			r.reports = append(r.reports, report{at, slices.Clone(r.out.RTCP)})
		}
	}
	for _, e := range r.out.Wishes {
		r.src.up.RequestKeyframe(e)
	}
}

// count counts what the core put out.
func (r *Run) count(p *forwarder.OutPacket, size int) {
	second := int(max(r.at, 0) / time.Second)
	for len(r.bytes) <= second {
		r.bytes, r.probes = append(r.bytes, 0), append(r.probes, 0)
	}
	r.bytes[second] += size
	switch p.SSRC {
	case subAudioSSRC:
		r.sound++
	case subRTXSSRC:
		r.probes[second] += size
	case subVideoSSRC:
		r.key(p, size)
	}
}

// A keyframe is when one left, and how much it was.
type keyframe struct {
	timestamp   uint32
	first, last time.Duration
	bytes       int
}

func (r *Run) key(p *forwarder.OutPacket, size int) {
	n := len(r.keys)
	same := n > 0 && r.keys[n-1].timestamp == p.Timestamp
	switch {
	case same:
		r.keys[n-1].last, r.keys[n-1].bytes = r.at, r.keys[n-1].bytes+size
	case p.Packet.Layering.Flags&codec.LayerKeyframe != 0:
		r.keys = append(r.keys, keyframe{p.Timestamp, r.at, r.at, size})
	}
}

// begins are the flags of the packet that a keyframe begins with.
const begins = codec.LayerKeyframe | codec.LayerStart

func newArrival(p *forwarder.OutPacket) *arrival {
	a := &arrival{
		seq: p.Seq, timestamp: p.Timestamp, transport: p.TransportSeq, payload: p.Payload(), marker: p.Mark,
		numbered: p.IDs[codec.TransportCC] != 0, size: p.Payload() + int(p.Padding) + packetOverhead,
		video: p.SSRC != subAudioSSRC, padding: p.Padding > 0, made: p.Packet.At.Sub(epoch),
		key: p.Packet.Layering.Flags&begins == begins && p.Packet.Layering.Spatial == 0,
	}
	if p.Retransmit {
		a.seq = p.OriginalSeq
	}
	return a
}

// describe notes what a descriptor tells a receiver of a picture.
func (r *Run) describe(a *arrival, p *forwarder.OutPacket) {
	if !a.video || a.padding || r.s.SVC == NoSVC {
		return
	}
	if !p.Retransmit {
		r.begins[p.Seq], r.newest = p.Timestamp != r.newest, p.Timestamp
	}
	a.begins = r.begins[a.seq]
	a.picture = int(p.Packet.Timestamp / frameTicks)
	a.needs = r.src.refs[a.picture]
}

// deliver lets arrive what is due.
func (r *Run) deliver() {
	for len(r.air) > 0 && r.air[0].at <= r.at {
		f := heap.Pop(&r.air).(flight)
		r.recv.receive(f.at, f.packet)
	}
	for len(r.reports) > 0 && r.reports[0].at <= r.at {
		if b := videoReport(r.reports[0].b); b != nil {
			r.recv.report = report{r.reports[0].at, b}
		}
		r.reports = r.reports[1:]
	}
	for len(r.back) > 0 && r.back[0].at <= r.at {
		r.out.Reset()
		r.sub.HandleRTCP(r.now(), r.back[0].b, &r.out)
		r.emit()
		r.back, r.due = r.back[1:], r.at
	}
}

// videoReport finds the sender report on video in a compound; nil if there is none.
func videoReport(b []byte) []byte {
	const senderReport = 200
	for len(b) >= 8 {
		if b[1] == senderReport && binary.BigEndian.Uint32(b[4:]) == subVideoSSRC {
			return b
		}
		b = b[4+4*int(binary.BigEndian.Uint16(b[2:])):]
	}
	return nil
}

func (r *Run) report() {
	if r.at < r.nextFeedback {
		return
	}
	r.nextFeedback = r.at + feedbackInterval
	b := r.recv.reception(r.at, r.recv.feedback(r.at, nil))
	if r.s.Player.plain() && r.at >= r.nextREMB {
		r.nextREMB = r.at + rembEvery
		if bitrate := cmp.Or(r.s.Player.REMB, r.recv.estimate.renew(r.at)); bitrate > 0 {
			b = appendREMB(b, bitrate)
		}
	}
	if at, ok := r.link.Return(r.at); ok && len(b) > 0 {
		r.back = append(r.back, report{at, b})
	}
}

func (r *Run) sample() {
	r.Samples = append(r.Samples, Sample{
		At: r.at, Estimate: r.sub.Estimate(), Capacity: r.link.Capacity(r.at), Queued: r.link.Queued(r.at), Choice: r.sub.Choice(),
	})
}

type flight struct {
	at     time.Duration
	order  int
	packet *arrival
}

type arrivals []flight

// sounds is how many packets of sound are on their way.
func (a arrivals) sounds() (n int) {
	for _, f := range a {
		if !f.packet.video {
			n++
		}
	}
	return n
}

func (a arrivals) Len() int { return len(a) }
func (a arrivals) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push is called by container/heap only.
func (a *arrivals) Push(x any) { *a = append(*a, x.(flight)) }

// Pop is called by container/heap only.
func (a *arrivals) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	*a = (*a)[:last]
	return x
}
