package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Claim is a name held for one publisher. It is started or released.
type Claim struct {
	stream *stream
	owner  string
	made   time.Time
	bounds Bounds // set before Start; Registry.mu

	relayed bool               // its publisher is on another node; constant
	stop    context.CancelFunc // ends its question to the directory; nil: it asks none; constant

	mu   sync.Mutex
	pub  *Publication // once started
	hold Hold         // in the cluster; nil: none
	end  bool
}

// alive tells whether the holder may keep the name.
func (c *Claim) alive(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.made
	if c.pub != nil {
		if t := c.pub.LastPacket(); t.After(last) {
			last = t
		}
	}
	return !c.end && now.Sub(last) < holderWindow
}

// close ends a claim whose name is another's now, and says so to its publisher.
func (c *Claim) close(reason error) {
	if p := c.finish(); p != nil {
		p.src.Close(reason)
	}
}

// finish ends the claim and its publication, once.
func (c *Claim) finish() *Publication {
	c.mu.Lock()
	p, done := c.pub, c.end
	c.end = true
	c.mu.Unlock()
	if c.stop != nil {
		c.stop()
	}
	if done || p == nil {
		return nil
	}
	p.stop()
	return p
}

// Release gives the name back and ends the publication, if any, whose Source is not
// written to any more then. In a cluster it waits a moment for the other nodes to know.
// Releasing twice is harmless.
func (c *Claim) Release() {
	c.finish()
	c.forget()
	if h := c.takeHold(); h != nil {
		h.Release()
	}
}

// A Publication is a publisher's media on its way into a stream.
type Publication struct {
	stream  *stream
	src     Source
	relayed bool                      // see Registry.ClaimLink
	number  uint64                    // of the node's publications, from 1
	first   atomic.Pointer[time.Time] // of the first packet

	shown bool // its source knows of the first keyframe; owned by who pushes

	due deadline[*Publication] // when it is to be told something; reporter.mu

	told []string // codes that were logged; reporter.running

	mu    sync.Mutex // guards up's steps and the fields below; never held across a write
	up    *forwarder.Publisher
	known time.Time // the deadline of up that the reporter knows
	bytes uint64    // of all RTP packets that came

	overseer overseer // reporter.running
}

// Start begins the publication: subscribers, those who wait too, get its media
// from its first keyframe on. It returns nil if the claim was lost meanwhile.
// The Source must then be closed by its owner.
func (c *Claim) Start(src Source, cfg forwarder.PublisherConfig) *Publication {
	cfg.Budget, cfg.Audience = c.stream.reg.budget, &c.stream.audience
	p := &Publication{
		stream: c.stream, src: src, relayed: c.relayed, number: c.stream.reg.publications.Add(1), up: forwarder.NewPublisher(cfg),
	}
	p.due = newDeadline(p)
	p.overseer.bounds = c.bounds
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end {
		return nil
	}
	c.pub = p
	c.stream.reg.received.begin(p)
	c.stream.received.begin(p)
	c.stream.live.Store(p)
	c.stream.reg.reporter.begin(p)
	c.stream.touch()
	c.stream.reg.Serve()
	return p
}

// stop ends the publication.
func (p *Publication) stop() {
	p.stream.reg.reporter.end(p)
	p.mu.Lock()
	p.up.End()
	p.mu.Unlock()
	p.stream.reg.received.end(p)
	p.stream.received.end(p)
	p.stream.live.CompareAndSwap(p, nil)
	p.stream.reg.watch.changed()
	p.stream.touch()
	p.stream.reg.Serve()
}

// PushRTP takes one RTP packet that arrived at the given time, borrowed until it
// returns. Subscribers have it with the next [Registry.Serve]. The publisher is told how far apart its packets arrived, from which it
// learns what it may send: a time of handling would mislead it. After the end of the
// publication PushRTP does nothing. It must not be called concurrently with itself.
func (p *Publication) PushRTP(b []byte, at time.Time) {
	p.mu.Lock()
	if p.up.Ended() {
		p.mu.Unlock()
		return
	}
	p.bytes += uint64(len(b))
	fresh := p.up.HandleRTP(at, b)
	due, early := p.broughtForward()
	p.mu.Unlock()
	if early {
		p.stream.reg.reporter.hurry(p, due)
	}
	if !fresh {
		return
	}
	if !p.shown {
		p.began(at)
	}
	p.stream.touch()
}

// began notes the first packet of media, and the first keyframe.
func (p *Publication) began(at time.Time) {
	if p.first.Load() == nil {
		p.first.Store(&at)
		p.stream.reg.watch.changed()
		p.src.Began(Beginning{At: at, Live: at})
	}
	if best := p.up.Best(codec.Video); best != nil && best.Keyframe() != nil {
		p.shown = true
		p.src.Began(Beginning{At: at, Keyframe: true, Live: *p.first.Load()})
	}
}

// PushRTCP takes one RTCP packet from the publisher, borrowed until it returns.
func (p *Publication) PushRTCP(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up.Ended() {
		p.up.HandleRTCP(time.Now(), b)
	}
}

// LastPacket returns when the last media packet came; zero: none did.
func (p *Publication) LastPacket() time.Time { return p.Counts().LastPacket }

// Counts returns the publisher's counters.
func (p *Publication) Counts() forwarder.PublisherCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up.Counts()
}

// Publisher returns the core's publisher, for its methods that are safe for
// concurrent use.
func (p *Publication) Publisher() *forwarder.Publisher { return p.up }

// requestKeyframe passes a subscriber's wish on.
func (p *Publication) requestKeyframe(e *forwarder.Encoding) {
	p.mu.Lock()
	p.up.RequestKeyframe(e)
	due, early := p.broughtForward()
	p.mu.Unlock()
	if early {
		p.stream.reg.reporter.hurry(p, due)
	}
}

// broughtForward returns the deadline if it is earlier than known. Called with mu.
func (p *Publication) broughtForward() (time.Time, bool) {
	due := p.up.Deadline()
	if !due.Before(p.known) {
		return due, false
	}
	p.known = due
	return due, true
}

// tick appends what the publisher is to be told now, lets it be diagnosed, and returns
// when it is due again.
func (p *Publication) tick(now time.Time, rtt time.Duration, out []byte) ([]byte, time.Time) {
	p.mu.Lock()
	if !now.Before(p.up.Deadline()) {
		out = p.up.Tick(now, rtt, out)
	}
	found := p.up.Diagnose(now)
	due, bytes := p.up.Deadline(), p.bytes
	p.known = due
	p.mu.Unlock()
	p.tell(found)
	p.oversee(p.overseer.look(now, bytes, p.up))
	return out, due
}
