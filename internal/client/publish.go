package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Publisher is a WHIP session that sends media. Its methods are safe for
// concurrent use.
type Publisher struct {
	*Session
	opts  PublishOptions
	tap   *tap
	lanes []*lane

	ended chan struct{} // closed when the sources are done

	mu       sync.Mutex
	mediaErr error // guarded by mu; constant after ended is closed
}

// Publish opens a WHIP session and starts sending as soon as it is connected.
// The context bounds the exchange only; the session lives until it is closed.
// The publisher owns the sources from here on, also when an error is returned.
func Publish(ctx context.Context, opts PublishOptions) (*Publisher, error) {
	p, err := newPublisher(opts)
	if err != nil {
		closeSources(opts)
		return nil, err
	}
	if err := p.open(ctx); err != nil {
		closeSources(opts)
		return nil, err
	}
	p.start()
	return p, nil
}

func newPublisher(opts PublishOptions) (*Publisher, error) {
	if opts.MTU == 0 {
		opts.MTU = defaultMTU
	}
	if err := checkSources(opts); err != nil {
		return nil, err
	}
	t := &tap{}
	s, err := newSession(&opts.Options, peerPlan{
		formats: publishFormats(opts), extensions: publishExtensions(opts), send: true, tap: t,
	})
	if err != nil {
		return nil, err
	}
	p := &Publisher{Session: s, opts: opts, tap: t, ended: make(chan struct{})}
	if err := p.addTracks(); err != nil {
		s.end()
		s.closePeer()
		return nil, err
	}
	return p, nil
}

func checkSources(opts PublishOptions) error {
	switch {
	case len(opts.Video) == 0 && opts.Audio == nil:
		return errors.New("nothing to publish: neither video nor audio")
	case len(opts.Video) > maxEncodings:
		return fmt.Errorf("more than %d encodings", maxEncodings)
	case opts.MTU < 200 || opts.MTU > 65000:
		return fmt.Errorf("an MTU of %d bytes cannot work", opts.MTU)
	case opts.Audio != nil && opts.Audio.Format().Codec.Kind() != codec.Audio:
		return fmt.Errorf("%s is no audio codec", opts.Audio.Format().Codec)
	}
	seen := make(map[string]bool)
	for _, e := range opts.Video {
		name := e.Source.Format().Codec
		switch {
		case name.Kind() != codec.Video:
			return fmt.Errorf("%s is no video codec", name)
		case name != opts.Video[0].Source.Format().Codec:
			return fmt.Errorf("encodings of one track must share a codec: %s and %s", opts.Video[0].Source.Format().Codec, name)
		case seen[e.RID] || e.RID == "" && len(opts.Video) > 1:
			return fmt.Errorf("each encoding needs a RID of its own, %q is not", e.RID)
		}
		seen[e.RID] = true
	}
	return nil
}

func publishFormats(opts PublishOptions) []Format {
	var formats []Format
	if opts.Audio != nil {
		formats = append(formats, opts.Audio.Format())
	}
	if len(opts.Video) > 0 {
		formats = append(formats, opts.Video[0].Source.Format())
	}
	return formats
}

func publishExtensions(opts PublishOptions) map[codec.Extension][]codec.Kind {
	both, video := []codec.Kind{codec.Audio, codec.Video}, []codec.Kind{codec.Video}
	extensions := map[codec.Extension][]codec.Kind{codec.MID: both, codec.TransportCC: both}
	if simulcast(opts.Video) {
		extensions[codec.RID], extensions[codec.RepairedRID] = video, video
	}
	return extensions
}

func simulcast(video []Encoding) bool { return len(video) > 0 && video[0].RID != "" }

func closeSources(opts PublishOptions) {
	for _, e := range opts.Video {
		e.Source.Close() //nolint:errcheck // reading only
	}
	if opts.Audio != nil {
		opts.Audio.Close() //nolint:errcheck // reading only
	}
}

// addTracks makes one lane per encoding, audio first, as OBS orders its offer.
func (p *Publisher) addTracks() error {
	if p.opts.Audio != nil {
		if err := p.addLane("audio", Encoding{Source: p.opts.Audio}, nil); err != nil {
			return err
		}
	}
	var sender *webrtc.RTPSender
	for _, e := range p.opts.Video {
		if err := p.addLane("video", e, sender); err != nil {
			return err
		}
		sender = p.lanes[len(p.lanes)-1].sender
	}
	return nil
}

// addLane adds a track, or to a sender that exists an encoding of its track.
func (p *Publisher) addLane(id string, e Encoding, sender *webrtc.RTPSender) error {
	var options []func(*webrtc.TrackLocalStaticRTP)
	if e.RID != "" {
		options = append(options, webrtc.WithRTPStreamID(e.RID))
	}
	track, err := webrtc.NewTrackLocalStaticRTP(e.Source.Format().capability(), id, "whippet", options...)
	if err != nil {
		return err
	}
	if sender != nil {
		err = sender.AddEncoding(track)
	} else {
		var t *webrtc.RTPTransceiver
		t, err = p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if t != nil {
			sender = t.Sender()
		}
	}
	if err != nil {
		return err
	}
	p.lanes = append(p.lanes, newLane(p, e, track, sender))
	return nil
}

// start runs the session's goroutines: one that reads feedback per encoding, and
// one that plays all sources.
func (p *Publisher) start() {
	for _, l := range p.lanes {
		p.spawn(func() { p.readFeedback(l) })
	}
	p.spawn(p.play)
}

// readFeedback keeps pion's interceptors running and answers keyframe requests.
func (p *Publisher) readFeedback(l *lane) {
	for {
		packets, err := l.readRTCP()
		if err != nil {
			return
		}
		l.feedback.add(packets)
		if p.opts.OnRTCP != nil {
			p.opts.OnRTCP(packets)
		}
		for range keyframeRequests(packets) {
			p.keyframeRequested(l)
		}
	}
}

func keyframeRequests(packets []rtcp.Packet) (count int) {
	for _, packet := range packets {
		switch packet.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			count++
		}
	}
	return count
}

func (p *Publisher) keyframeRequested(l *lane) {
	if p.opts.OnKeyframeRequest != nil {
		p.opts.OnKeyframeRequest(l.rid)
	}
	if asked, ok := l.source.(KeyframeRequester); ok && !p.opts.IgnoreKeyframeRequests {
		asked.RequestKeyframe()
	}
}

// play runs all sources from the connected state on, again and again with Loop,
// until the session ends.
func (p *Publisher) play() {
	defer close(p.ended)
	defer closeSources(p.opts) // after all lanes have returned
	select {
	case <-p.connected:
	case <-p.life.Done():
		return
	}
	stop := context.AfterFunc(p.life, func() { closeSources(p.opts) }) // wakes sources that wait for packets
	defer stop()
	if err := p.playAll(); err != nil && p.life.Err() == nil {
		p.mu.Lock()
		p.mediaErr = err
		p.mu.Unlock()
	}
}

// playAll runs pass after pass over the sources. All sources of a pass begin
// together, so that picture and sound of different length do not part.
func (p *Publisher) playAll() error {
	clock := newMediaClock(time.Now())
	for offset := time.Duration(0); ; {
		length, err := p.pass(clock, offset)
		if err != nil || !p.opts.Loop || p.life.Err() != nil {
			return err
		}
		if length == 0 {
			return errors.New("the media is empty")
		}
		offset += length
		for _, l := range p.lanes {
			if err := l.source.Rewind(); err != nil {
				return err
			}
		}
	}
}

// pass plays every source to its end and returns the length of the longest.
func (p *Publisher) pass(clock *mediaClock, offset time.Duration) (time.Duration, error) {
	var group sync.WaitGroup
	lengths, errs := make([]time.Duration, len(p.lanes)), make([]error, len(p.lanes))
	for i, l := range p.lanes {
		group.Go(func() { lengths[i], errs[i] = l.run(p.life, clock, offset) })
	}
	group.Wait()
	longest := time.Duration(0)
	for i, err := range errs {
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		longest = max(longest, lengths[i])
	}
	return longest, nil
}

// Ended is closed when the sources have been played, or failed, or the session
// has ended. See MediaErr for the reason.
func (p *Publisher) Ended() <-chan struct{} { return p.ended }

// MediaErr returns why the sources ended before their end, nil if they did not.
func (p *Publisher) MediaErr() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mediaErr
}
