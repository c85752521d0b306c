package forwardertest

import (
	"fmt"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

const (
	audioPT, videoPT, rtxPT            = 111, 96, 97
	midID, ridID, rrdID, ddID, clockID = 1, 2, 3, 4, 5
	frameInterval                      = time.Second / 30
	audioInterval                      = 20 * time.Millisecond
)

// publisher is one simulated publisher session and the core's end of it.
type publisher struct {
	w       *World
	id      uint16
	core    *forwarder.Publisher
	streams []*upstream   // audio first
	clock   time.Duration // its clock minus ours
	gone    bool
	ticking time.Time
	first   time.Time // when the core had a keyframe to send
	came    uint64    // packets that came to the core
	unheard int       // requests for keyframes that were lost
	hop     *hop      // behind which the subscribers' core is; nil: there is none
}

func (w *World) startPublisher() {
	w.pubs++
	p := &publisher{w: w, id: uint16(w.pubs), clock: w.upTo(time.Hour) - 30*time.Minute}
	w.known[p.id] = p
	delete(w.known, p.id-keepPublishers)
	audio := forwarder.PublisherTrack{
		Kind: codec.Audio, MID: "0",
		Formats:    map[uint8]codec.Format{audioPT: {Name: codec.Opus}},
		Extensions: map[uint8]codec.Extension{midID: codec.MID},
	}
	video := forwarder.PublisherTrack{
		Kind: codec.Video, MID: "1", NACK: true, PLI: true,
		Formats: map[uint8]codec.Format{videoPT: w.opt.format()},
		Repair:  map[uint8]uint8{rtxPT: videoPT},
		Extensions: map[uint8]codec.Extension{
			midID: codec.MID, ridID: codec.RID, rrdID: codec.RepairedRID,
			ddID: codec.DependencyDescriptor, clockID: codec.AbsCaptureTime,
		},
	}
	if !w.opt.VideoOnly {
		p.addStream(codec.Audio, 0)
	}
	for i := range w.opt.videos() {
		s := p.addStream(codec.Video, i)
		s.rid = rid(i)
		video.RIDs = append(video.RIDs, s.rid)
	}
	p.core = forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{audio, video}, SSRC: 1})
	if w.opt.Links > 0 {
		p.link(w.opt.Links)
	}
	w.pub = p
	for _, s := range w.subs {
		s.attach(p)
	}
	if w.opt.Restart > 0 {
		w.after(w.around(w.opt.Restart), p.end)
	}
	if w.opt.Steps > 0 {
		w.after(w.around(w.opt.Steps), p.step)
	}
}

// rid is what an encoding is called: nothing that tells its rank.
func rid(index int) string { return fmt.Sprint("r", (index*5+3)%7) }

func (p *publisher) addStream(kind codec.Kind, index int) *upstream {
	w := p.w
	s := &upstream{
		pub: p, index: index, kind: kind, ssrc: w.rnd.Uint32(), rtxSSRC: w.rnd.Uint32(),
		seq: w.rnd.Uint32N(1 << 16), base: w.firstTimestamp(), sent: map[uint32]*original{}, frames: map[uint64]*layerFrame{},
		start: w.now, since: w.now, wantKey: true,
	}
	p.streams = append(p.streams, s)
	if kind == codec.Audio {
		w.after(w.upTo(audioInterval), s.sendAudio)
	} else {
		s.ladder = newLadder(w.rnd, w.opt.Layers)
		s.describer = newDescriber(w.opt.Layers, w.opt.Rotate)
		s.describer.width, s.describer.height = s.size(w.opt.Layers.Spatial - 1)
		w.after(w.upTo(frameInterval), s.sendPicture)
		if w.opt.Vanish > 0 {
			w.after(w.around(w.opt.Vanish), s.toggle)
		}
		if w.opt.VanishLayers > 0 {
			w.after(w.around(w.opt.VanishLayers), s.toggleLayers)
		}
	}
	if !w.opt.NoSenderReports {
		w.after(w.upTo(time.Second), s.senderReport)
	}
	return s
}

// firstTimestamp is any, but often just before the wrap.
func (w *World) firstTimestamp() uint32 {
	if w.chance(0.5) {
		return -uint32(w.rnd.IntN(3_000_000))
	}
	return w.rnd.Uint32()
}

// end kills the session without a word; another one starts later.
func (p *publisher) end() {
	w := p.w
	if w.calm {
		w.after(time.Second, p.end)
		return
	}
	p.gone = true
	w.after(w.upTo(4*time.Second), func() {
		p.up().End()
		p.core.End()
		for _, s := range w.subs {
			s.attach(nil)
		}
		w.after(w.upTo(2*time.Second), w.startPublisher)
	})
}

// step sets the publisher's clock: its reports jump, its timestamps do not.
func (p *publisher) step() {
	p.clock += p.w.upTo(4*time.Hour) - 2*time.Hour
	if !p.gone {
		p.w.after(p.w.around(p.w.opt.Steps), p.step)
	}
}

// stream returns the encoding of video with an index.
func (p *publisher) stream(index uint8) *upstream {
	for _, s := range p.streams {
		if s.kind == codec.Video && s.index == int(index) {
			return s
		}
	}
	return nil
}

// others counts the encodings of video beside s that send.
func (p *publisher) others(s *upstream) int {
	n := 0
	for _, o := range p.streams {
		if o != s && o.kind == codec.Video && !o.paused {
			n++
		}
	}
	return n
}

// steady tells whether an encoding of video beside s has been sent since a point of time,
// and none vanished after it.
func (p *publisher) steady(s *upstream, since time.Time) bool {
	there := false
	for _, o := range p.streams {
		switch {
		case o == s || o.kind != codec.Video:
		case !o.paused:
			there = there || !o.since.After(since)
		case o.since.After(since):
			return false
		}
	}
	return there
}

// live notes when the core first had a keyframe to send, and when the check is
// due that all subscribers got it.
func (p *publisher) live() {
	if best := p.core.Best(codec.Video); p.first.IsZero() && best != nil && best.Keyframe() != nil {
		p.first = p.w.now
		p.w.after(resumeWithin, p.checkResumed)
	}
}
