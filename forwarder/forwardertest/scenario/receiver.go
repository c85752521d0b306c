package scenario

import (
	"encoding/binary"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// arrival is a packet on its way to the subscriber.
type arrival struct {
	seq       uint16 // of the media, also of what was sent again
	timestamp uint32
	transport uint16
	numbered  bool // transport is meaningful
	size      int  // on the wire
	payload   int
	marker    bool
	video     bool
	padding   bool
	made      time.Duration // when the publisher sent it
	sent      time.Duration // when the core did
	key       bool          // a keyframe begins with it
	begins    bool          // a picture does
	picture   int           // its number at the publisher
	needs     int           // that of the picture that it needs; -1: none
}

// receiver is the subscriber's end: what a browser tells the server, and shows.
type receiver struct {
	tcc link.Receiver

	estimate localEstimate
	packets  map[uint16]*arrival // of video, not yet shown
	next     uint16              // of video
	highest  uint16
	started  bool
	missing  map[uint16]*hole
	broken   bool // waits for a keyframe
	asked    time.Duration

	busy      time.Duration // it reads what came that often; 0: at once
	skips     bool          // shows what it can decode, whatever is missing before
	decoded   map[int]bool  // pictures
	shown     []shown
	mediaBits int64
	soundAt   time.Duration
	soundGap  time.Duration // the longest
	sounds    int           // packets of sound
	rtt       time.Duration
	back      time.Duration // part of it
	report    report        // the last sender report that came
	reportAt  time.Duration
}

type hole struct {
	since, asked time.Duration
	tries        int
}

// shown is a frame as it was shown.
type shown struct {
	at, latency time.Duration
	bytes       int
}

const (
	nackAfter     = 10 * time.Millisecond
	nackMost      = 10
	giveUp        = time.Second
	requestEvery  = 500 * time.Millisecond
	subscriberPT  = 100
	subscriberRTX = 101
	subAudioPT    = 111
	subAudioSSRC  = 5
	subVideoSSRC  = 6
	subRTXSSRC    = 7
	transportID   = 5
)

func newReceiver(rtt, back time.Duration) *receiver {
	return &receiver{packets: map[uint16]*arrival{}, missing: map[uint16]*hole{}, decoded: map[int]bool{}, rtt: rtt, back: back, asked: -time.Second}
}

// receive takes a packet that arrived.
func (r *receiver) receive(at time.Duration, p *arrival) {
	if p.numbered {
		r.tcc.Receive(p.transport, r.read(at))
	}
	r.estimate.receive(at, at-p.sent, p.size)
	r.rtt += (at - p.sent + r.back - r.rtt) / 8
	switch {
	case p.padding:
		return
	case !p.video:
		if r.soundAt > 0 {
			r.soundGap = max(r.soundGap, at-r.soundAt)
		}
		r.soundAt = at
		r.sounds++
		return
	}
	if !r.started {
		r.started, r.next, r.highest = true, p.seq, p.seq-1
	}
	if int16(p.seq-r.next) < 0 || r.packets[p.seq] != nil {
		return
	}
	delete(r.missing, p.seq)
	for s := r.highest + 1; int16(p.seq-s) > 0; s++ {
		r.missing[s] = &hole{since: at, asked: -time.Hour}
	}
	if int16(p.seq-r.highest) > 0 {
		r.highest = p.seq
	}
	r.packets[p.seq] = p
	r.show(at)
}

// read is when what arrives is read.
func (r *receiver) read(at time.Duration) time.Duration {
	if r.busy == 0 {
		return at
	}
	return (at + r.busy - 1) / r.busy * r.busy
}

// show shows all frames that are whole and follow on what was shown, or begin anew.
func (r *receiver) show(at time.Duration) {
	for {
		n, whole := r.frame(r.next)
		if !whole && !r.jump() {
			return
		}
		if !whole {
			continue
		}
		f := shown{at: at}
		for range n {
			p := r.packets[r.next]
			f.bytes += p.payload
			f.latency = at - p.made
			r.broken = r.broken && !p.key
			r.decoded[p.picture] = true
			delete(r.packets, r.next)
			r.next++
		}
		if !r.broken && f.bytes > 0 {
			r.shown = append(r.shown, f)
			r.mediaBits += int64(f.bytes) * 8
		}
	}
}

// jump goes on with the first whole keyframe there is, or picture that can be decoded, and
// forgets what is before it.
func (r *receiver) jump() bool {
	for s := r.next; int16(r.highest-s) >= 0; s++ {
		p := r.packets[s]
		if p == nil || !p.key && (!r.skips || !p.begins || !r.decoded[p.needs]) {
			continue
		}
		if _, whole := r.frame(s); !whole {
			continue
		}
		for ; r.next != s; r.next++ {
			delete(r.packets, r.next)
			delete(r.missing, r.next)
		}
		return true
	}
	return false
}

// frame returns how many packets the frame that begins with a number has; false if it is
// not whole.
func (r *receiver) frame(seq uint16) (n int, whole bool) {
	for {
		p := r.packets[seq]
		if p == nil {
			return 0, false
		}
		n++
		if p.marker || p.payload == 0 {
			return n, true
		}
		seq++
	}
}

// lost returns the numbers to ask for now, and whether a keyframe is needed.
func (r *receiver) lost(at time.Duration) (nack []uint16, keyframe bool) {
	for s := r.next; int16(r.highest-s) > 0; s++ {
		h := r.missing[s]
		switch {
		case h == nil:
		case at-h.since > giveUp || h.tries == nackMost:
			r.skip(at)
			return nil, r.request(at)
		case at-h.since >= nackAfter && at-h.asked >= r.rtt+10*time.Millisecond:
			h.tries++
			h.asked = at
			nack = append(nack, s)
		}
	}
	return nack, r.broken && r.request(at)
}

// skip gives up on what is missing: the next whole frame that can be shown is a keyframe.
func (r *receiver) skip(at time.Duration) {
	r.broken = true
	for len(r.packets) > 0 && r.packets[r.next] == nil {
		delete(r.missing, r.next)
		r.next++
	}
	r.show(at)
}

func (r *receiver) request(at time.Duration) bool {
	if at-r.asked < requestEvery {
		return false
	}
	r.asked = at
	return true
}

// feedback is the RTCP that is due each 50 ms.
func (r *receiver) feedback(at time.Duration, b []byte) []byte {
	if body := r.tcc.Feedback(nil); len(body) > 0 {
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		b = appendRTCP(b, 15, 205, body)
	}
	nack, keyframe := r.lost(at)
	if len(nack) > 0 {
		body := binary.BigEndian.AppendUint32(nil, 1)
		body = binary.BigEndian.AppendUint32(body, subVideoSSRC)
		for _, s := range nack {
			body = binary.BigEndian.AppendUint32(body, uint32(s)<<16)
		}
		b = appendRTCP(b, 1, 205, body)
	}
	if keyframe {
		body := binary.BigEndian.AppendUint32(nil, 1)
		b = appendRTCP(b, 1, 206, binary.BigEndian.AppendUint32(body, subVideoSSRC))
	}
	return b
}

// reception is the receiver report that is due each second (RFC 3550 §6.4.2).
func (r *receiver) reception(at time.Duration, b []byte) []byte {
	if at < r.reportAt || r.report.b == nil {
		return b
	}
	r.reportAt = at + time.Second
	body := binary.BigEndian.AppendUint32(nil, 1)
	body = binary.BigEndian.AppendUint32(body, subVideoSSRC)
	body = binary.BigEndian.AppendUint32(body, 0)
	body = binary.BigEndian.AppendUint32(body, uint32(r.highest))
	body = binary.BigEndian.AppendUint32(body, 0)
	body = append(body, r.report.b[10:14]...) // the middle of the NTP time
	return appendRTCP(b, 1, 201, binary.BigEndian.AppendUint32(body, uint32((at-r.report.at).Seconds()*65536)))
}

func appendRTCP(b []byte, count, kind uint8, body []byte) []byte {
	b = append(b, 2<<6|count, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)/4))
	return append(b, body...)
}
