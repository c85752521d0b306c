package forwarder_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// estimating is what a scenario drives: the Estimator, or another one to compare with.
type estimating interface {
	Sent(now time.Time, number uint16, size int, probe bool)
	Feedback(now time.Time, body []byte) bool
	Estimate() int64
	Want(bitrate int64)
	Probe(now time.Time) (bytes int, ok bool)
	Deadline() time.Time
}

// A source is an application that sends, and adapts to the estimate.
type source interface {
	// step says at each millisecond how many bytes of which packets to send.
	step(p *path)
}

// path is an estimator, an application, a link and a receiver in virtual time.
type path struct {
	est      estimating
	link     *link.Link
	recv     link.Receiver
	rnd      *rand.Rand
	now      time.Duration
	number   uint16
	flying   []link.Arrival
	feedback []arrivedFeedback
	nextFB   time.Duration
	interval time.Duration
	pacer    forwarder.Pacer
	queue    []int // packets held back by the pacer
	keyframe int

	sum     summary
	trace   func(p *path)
	padding int64
}

type arrivedFeedback struct {
	at   time.Duration
	body []byte
}

// summary is what a scenario is judged by.
type summary struct {
	sent, got int64 // bits on the wire
	estimates float64
	ticks     int
	queues    []float64 // ms, each 10 ms
	padding   int64
	share     float64 // of the estimate in the capacity, summed
	layers    []int   // current layer each ms
	rates     []int64 // estimates each ms
	lost      int
	packets   int
}

var epoch = time.Unix(1_000_000, 0)

func (p *path) at() time.Time { return epoch.Add(p.now) }

func newPath(est estimating, cfg link.Config) *path {
	return &path{
		est: est, link: link.New(cfg), rnd: rand.New(rand.NewPCG(cfg.Seed, 5)), interval: 100 * time.Millisecond,
		number: uint16(cfg.Seed * 7919), recv: link.Receiver{Offset: 1000 * time.Second},
	}
}

func (p *path) run(src source, d time.Duration, wait func()) {
	for end := p.now + d; p.now < end; p.now += time.Millisecond {
		if wait != nil {
			wait()
		}
		p.receive()
		src.step(p)
		p.release()
		p.probe()
		p.measure()
		if p.trace != nil {
			p.trace(p)
		}
	}
}

// send queues a packet behind the pacer.
func (p *path) send(size int) { p.queue = append(p.queue, size) }

func (p *path) release() {
	if e, ok := p.est.(interface{ Pace(int) int64 }); ok {
		p.pacer.Set(p.at(), e.Pace(p.keyframe))
	}
	for len(p.queue) > 0 && p.pacer.Allow(p.at(), p.queue[0]) {
		p.put(p.queue[0], false)
		p.queue = p.queue[1:]
	}
}

func (p *path) put(size int, probe bool) {
	p.est.Sent(p.at(), p.number, size, probe)
	p.sum.sent += int64(size) * 8
	if at, ok := p.link.Send(p.now, size); ok {
		p.flying = append(p.flying, link.Arrival{Number: p.number, At: at})
		p.sum.got += int64(size) * 8
	}
	p.number++
}

func (p *path) probe() {
	if d := p.est.Deadline(); d.IsZero() || d.After(p.at()) {
		return
	}
	bytes, ok := p.est.Probe(p.at())
	for ok && bytes > 0 {
		size := min(max(bytes, 200), 1200)
		p.sum.padding += int64(size * 8)
		p.put(size, true)
		bytes -= size
	}
}

func (p *path) receive() {
	if len(p.flying) > 0 {
		slices.SortStableFunc(p.flying, func(a, b link.Arrival) int { return int(a.At - b.At) })
		n := 0
		for n < len(p.flying) && p.flying[n].At <= p.now {
			p.recv.Receive(p.flying[n].Number, p.flying[n].At)
			n++
		}
		p.flying = p.flying[n:]
	}
	if p.now >= p.nextFB {
		p.nextFB = p.now + p.interval
		if body := p.recv.Feedback(nil); len(body) > 0 {
			if at, ok := p.link.Return(p.now); ok {
				p.feedback = append(p.feedback, arrivedFeedback{at, body})
			}
		}
	}
	for len(p.feedback) > 0 && p.feedback[0].at <= p.now {
		if !p.est.Feedback(p.at(), p.feedback[0].body) {
			panic("feedback is malformed")
		}
		p.feedback = p.feedback[1:]
	}
}

func (p *path) measure() {
	s := &p.sum
	s.ticks++
	s.rates = append(s.rates, p.est.Estimate())
	if s.ticks%10 == 0 {
		s.queues = append(s.queues, float64(p.link.Queued(p.now))/1e6)
	}
}

// layered is a publisher's encodings, of which one at a time is sent, and audio.
type layered struct {
	rates    []int64 // bits per second of payload
	audio    int64
	latency  time.Duration // from the wish for a layer to its keyframe
	current  int
	target   int
	targetAt time.Duration
	frameAt  time.Duration
	audioAt  time.Duration
	key      bool
	switches int
	changed  time.Duration
	start    int
}

func newLayered() *layered {
	return &layered{rates: []int64{150_000, 500_000, 1_500_000}, audio: 40_000, latency: 200 * time.Millisecond, key: true}
}

const (
	packetSize = 1160
	overhead   = 48 // IP, UDP, RTP with an extension
)

// wire is what a layer takes on the wire, audio included.
func (l *layered) wire(i int) int64 {
	return int64(float64(l.rates[i])*(1+float64(overhead)/packetSize)) + l.audio + 50*overhead*8 + 30*overhead*4
}

func (l *layered) step(p *path) {
	l.choose(p)
	if p.now >= l.audioAt {
		l.audioAt += 20 * time.Millisecond
		p.send(int(l.audio/50/8) + overhead)
	}
	if p.now >= l.frameAt {
		l.frameAt += time.Second / 30
		l.frame(p)
	}
	p.sum.layers = append(p.sum.layers, l.current)
}

func (l *layered) choose(p *path) {
	if l.target != l.current && p.now >= l.targetAt {
		l.current, l.key = l.target, true
		l.switches++
		l.changed = p.now
	}
	e := p.est.Estimate()
	want := l.current
	for want > 0 && float64(e) < float64(l.wire(want)) && e > 0 {
		want--
	}
	if want == l.current && p.now-l.changed > time.Second {
		for want+1 < len(l.rates) && float64(e) > 1.08*float64(l.wire(want+1)) {
			want++
		}
	}
	if want != l.target {
		l.target, l.targetAt = want, p.now+l.latency
	}
	next := min(l.current+1, len(l.rates)-1)
	p.est.Want(int64(1.12 * float64(l.wire(next))))
}

func (l *layered) frame(p *path) {
	size := float64(l.rates[l.current]) / 8 / 30 * (0.7 + 0.6*p.rnd.Float64())
	if l.key {
		l.key = false
		size *= 7
		p.keyframe = int(size)
	}
	for n := int(size); n > 0; n -= packetSize {
		p.send(min(n, packetSize) + overhead)
	}
}

// elastic is an encoder that follows the estimate.
type elastic struct {
	most    int64
	rate    float64
	frameAt time.Duration
}

func (l *elastic) step(p *path) {
	e := float64(p.est.Estimate())
	if e == 0 {
		e = 300_000
	}
	l.rate += (min(e, float64(l.most)) - l.rate) * 0.01
	p.est.Want(l.most)
	if p.now < l.frameAt {
		return
	}
	l.frameAt += time.Second / 30
	for n := int(l.rate / 8 / 30 * (0.8 + 0.4*p.rnd.Float64())); n > 0; n -= packetSize + overhead {
		p.send(min(n, packetSize+overhead))
	}
	p.sum.layers = append(p.sum.layers, 0)
}

// fixed sends at one rate whatever the estimate.
type fixed struct {
	rate    int64
	frameAt time.Duration
}

func (l *fixed) step(p *path) {
	p.est.Want(l.rate)
	if p.now < l.frameAt {
		return
	}
	l.frameAt += time.Second / 30
	for n := int(float64(l.rate) / 8 / 30 * (0.8 + 0.4*p.rnd.Float64())); n > 0; n -= packetSize + overhead {
		p.send(min(n, packetSize+overhead))
	}
}

func (p *path) String() string {
	s := &p.sum
	slices.Sort(s.queues)
	q := func(f float64) float64 { return s.queues[int(f*float64(len(s.queues)-1))] }
	var mean float64
	for _, r := range s.rates {
		mean += float64(r)
	}
	c := p.link.Counts()
	var layers [4]int
	switches := 0
	for i, l := range s.layers {
		layers[l]++
		if i > 0 && l != s.layers[i-1] {
			switches++
		}
	}
	n := float64(max(1, len(s.layers))) / 100
	return fmt.Sprintf("est %5.0fk sent %5.0fk got %5.0fk pad %4.1f%% q50 %4.0f q95 %4.0f max %4.0f over %4.1f%% lost %4.1f%% layers %3.0f %3.0f %3.0f sw %d",
		mean/float64(len(s.rates))/1e3, float64(s.sent)/p.now.Seconds()/1e3, float64(s.got)/p.now.Seconds()/1e3,
		100*float64(s.padding)/float64(s.sent), q(0.5), q(0.95), q(1), 100*float64(c.Overflowed)/float64(c.Sent), 100*float64(c.Lost)/float64(c.Sent),
		float64(layers[0])/n, float64(layers[1])/n, float64(layers[2])/n, switches)
}
