package forwarder_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

const ms = time.Millisecond

// estimating is what a path is driven by: the Estimator, or another to compare with.
type estimating interface {
	Sent(now time.Time, number uint16, size int, probe bool)
	Feedback(now time.Time, body []byte) bool
	Estimate() int64
	Want(bitrate int64)
	Probe(now time.Time) (bytes int, ok bool)
	Deadline() time.Time
	Pace(keyframe int) int64
}

// A source is an application: at each millisecond it sends what is due, and adapts to
// the estimate.
type source interface{ step(p *path) }

// path is an estimator, a pacer and, in virtual time, a link and a receiver.
type path struct {
	est    estimating
	link   *link.Link
	recv   link.Receiver
	rnd    *rand.Rand
	now    time.Duration
	number uint16
	pacer  forwarder.Pacer
	queue  []int // sizes of packets the pacer holds back

	interval time.Duration // between two feedbacks
	next     time.Duration
	flying   []link.Arrival
	feedback []comingFeedback

	keyframe int // bytes of the last
	sent     int // bytes
	got      int // bytes
	padding  int // bytes
	asked    int // bytes that probes asked for
	queued   []time.Duration
	each     func() // at each millisecond, after all else
}

type comingFeedback struct {
	at   time.Duration
	body []byte
}

func newPath(est estimating, cfg link.Config) *path {
	return &path{
		est: est, link: link.New(cfg), rnd: rand.New(rand.NewPCG(cfg.Seed, 5)), interval: 100 * ms,
		number: 65000, recv: link.Receiver{Offset: 1000 * time.Second},
	}
}

func (p *path) clock() time.Time { return start.Add(p.now) }

// run lets time pass. wait, unless nil, is called each millisecond.
func (p *path) run(src source, d time.Duration, wait func()) {
	for end := p.now + d; p.now < end; p.now += ms {
		if wait != nil {
			wait()
		}
		p.arrive()
		p.report()
		if src != nil {
			src.step(p)
		}
		p.release()
		p.probe()
		if p.now%(10*ms) == 0 {
			p.queued = append(p.queued, p.link.Queued(p.now))
		}
		if p.each != nil {
			p.each()
		}
	}
}

// send queues a packet of so many bytes on the wire behind the pacer.
func (p *path) send(size int) { p.queue = append(p.queue, size) }

func (p *path) release() {
	p.pacer.Set(p.clock(), p.est.Pace(p.keyframe))
	for len(p.queue) > 0 && p.pacer.Allow(p.clock(), p.queue[0]) {
		p.put(p.queue[0], false)
		p.queue = p.queue[1:]
	}
}

func (p *path) put(size int, probe bool) {
	p.est.Sent(p.clock(), p.number, size, probe)
	p.sent += size
	if at, ok := p.link.Send(p.now, size); ok {
		p.flying = append(p.flying, link.Arrival{Number: p.number, At: at})
		p.got += size
	}
	p.number++
}

func (p *path) probe() {
	if d := p.est.Deadline(); d.IsZero() || d.After(p.clock()) {
		return
	}
	bytes, ok := p.est.Probe(p.clock())
	if !ok {
		return
	}
	p.asked += bytes
	for ; bytes > 0; bytes -= 1200 {
		size := min(max(bytes, 200), 1200)
		p.padding += size
		p.put(size, true)
	}
}

// arrive lets the receiver have what arrived by now.
func (p *path) arrive() {
	slices.SortStableFunc(p.flying, func(a, b link.Arrival) int { return cmp.Compare(a.At, b.At) })
	for len(p.flying) > 0 && p.flying[0].At <= p.now {
		p.recv.Receive(p.flying[0].Number, p.flying[0].At)
		p.flying = p.flying[1:]
	}
}

// report sends the receiver's feedback, and takes what came back.
func (p *path) report() {
	if p.now >= p.next {
		p.next = p.now + p.interval
		if body := p.recv.Feedback(nil); len(body) > 0 {
			if at, ok := p.link.Return(p.now); ok {
				p.feedback = append(p.feedback, comingFeedback{at, body})
			}
		}
	}
	for len(p.feedback) > 0 && p.feedback[0].at <= p.now {
		if !p.est.Feedback(p.clock(), p.feedback[0].body) {
			panic("feedback of ours is malformed")
		}
		p.feedback = p.feedback[1:]
	}
}

const (
	wireHeaders   = 48 // IP, UDP, RTP with an extension
	wirePayload   = 1160
	frameInterval = time.Second / 30
	soundInterval = 20 * ms
	soundPayload  = 100
)

// layered is a publisher's three encodings, one of which is sent at a time, and sound.
type layered struct {
	current, target  int
	arrives, changed time.Duration
	frame, sound     time.Duration
	begins           bool // the next frame is a keyframe
	switches         int
	taken            []int // what was current, each millisecond
}

func newLayered() *layered { return &layered{begins: true} }

// layerBitrates are of payload.
func layerBitrates() []float64 { return []float64{150_000, 500_000, 1_500_000} }

// wireBitrate is what a layer takes on the wire, sound included.
func wireBitrate(layer int) float64 {
	const sound = (soundPayload + wireHeaders) * 8 * 50
	return layerBitrates()[layer]*(1+float64(wireHeaders)/wirePayload) + 30*wireHeaders*4 + sound
}

func (l *layered) step(p *path) {
	l.choose(p)
	if p.now >= l.sound {
		l.sound += soundInterval
		p.send(soundPayload + wireHeaders)
	}
	if p.now >= l.frame {
		l.frame += frameInterval
		size := layerBitrates()[l.current] / 8 / 30 * (0.7 + 0.6*p.rnd.Float64())
		if l.begins {
			l.begins = false
			size *= 7
			p.keyframe = int(size)
		}
		sendFrame(p, int(size))
	}
	l.taken = append(l.taken, l.current)
}

func sendFrame(p *path, payload int) {
	for ; payload > 0; payload -= wirePayload {
		p.send(min(payload, wirePayload) + wireHeaders)
	}
}

// choose steps down when the current layer does not fit, up when a better one leaves
// some to spare. The keyframe of another layer comes after 200 ms.
func (l *layered) choose(p *path) {
	if l.target != l.current && p.now >= l.arrives {
		l.current, l.begins, l.changed = l.target, true, p.now
		l.switches++
	}
	estimate, best := float64(p.est.Estimate()), l.current
	for best > 0 && estimate > 0 && estimate < wireBitrate(best) {
		best--
	}
	if top := len(layerBitrates()) - 1; best == l.current && p.now-l.changed > time.Second {
		for best < top && estimate > 1.08*wireBitrate(best+1) {
			best++
		}
	}
	if best != l.target {
		l.target, l.arrives = best, p.now+200*ms
	}
	p.est.Want(int64(1.12 * wireBitrate(min(l.current+1, len(layerBitrates())-1))))
}

// elastic is an encoder that follows the estimate within a tenth of a second, up to most.
type elastic struct {
	most, bitrate float64
	frame         time.Duration
}

func newElastic() *elastic { return &elastic{most: 3_500_000, bitrate: 300_000} }

func (l *elastic) step(p *path) {
	estimate := float64(p.est.Estimate())
	if estimate == 0 {
		estimate = 300_000
	}
	l.bitrate += (min(estimate, l.most) - l.bitrate) / 100
	p.est.Want(int64(l.most))
	if p.now >= l.frame {
		l.frame += frameInterval
		sendFrame(p, int(l.bitrate/8/30*(0.8+0.4*p.rnd.Float64())/(1+float64(wireHeaders)/wirePayload)))
	}
}

// constant sends at one bitrate, whatever the estimate, and wants what it is told to.
type constant struct {
	bitrate, want float64
	frame         time.Duration
}

func (l *constant) step(p *path) {
	p.est.Want(int64(l.want))
	if p.now >= l.frame {
		l.frame += frameInterval
		sendFrame(p, int(l.bitrate/8/30/(1+float64(wireHeaders)/wirePayload)))
	}
}
