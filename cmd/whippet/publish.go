package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// PublishCmd sends media to a WHIP endpoint.
type PublishCmd struct {
	remoteFlags `embed:""`

	File             string  `name:"file" type:"path" placeholder:"FILE" help:"Video to send: .ivf (VP8, VP9, AV1), .h264 or .h265. Without files the built-in test clip is sent."`
	AudioFile        string  `name:"audio-file" type:"path" placeholder:"FILE" help:"Sound to send: .ogg (Opus)."`
	FPS              float64 `name:"fps" placeholder:"RATE" help:"Frame rate of a .h264 or .h265 file that does not tell its own."`
	Loop             bool    `name:"loop" help:"Begin files anew at their end; the test clip always does."`
	Codec            string  `name:"codec" default:"h264" placeholder:"CODEC" help:"Video codec of the test clip (h264 or vp8) or of --rtp-video."`
	KeyframeInterval int     `name:"keyframe-interval" default:"2" enum:"1,2,10" placeholder:"SECONDS" help:"Time between two keyframes of the test clip: 1, 2 or 10. Requests for keyframes go unanswered, as with OBS."`
	NoVideo          bool    `name:"no-video" help:"Send the test clip's sound only."`
	NoAudio          bool    `name:"no-audio" help:"Send the test clip's picture only."`
	Pace             bool    `name:"pace" help:"Spread the packets of a frame evenly; without it a frame leaves in one burst."`

	RTPVideo   string `name:"rtp-video" placeholder:"HOST:PORT" help:"Take video as RTP on this UDP address, e.g. :5004 for ffmpeg … -f rtp rtp://127.0.0.1:5004?pkt_size=1200."`
	RTPAudio   string `name:"rtp-audio" placeholder:"HOST:PORT" help:"Take sound as RTP on this UDP address."`
	AudioCodec string `name:"audio-codec" default:"opus" placeholder:"CODEC" help:"Codec of --rtp-audio: opus, pcmu, pcma or g722."`
}

// Run publishes until the media, the duration or the user ends it.
func (c *PublishCmd) Run(ctx context.Context, con *console) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	ctx, cancel := c.limited(ctx)
	defer cancel()
	return c.hold(ctx, con, func(ctx context.Context, url string) (time.Duration, error) {
		opts.URL = url
		return c.once(ctx, con, opts)
	})
}

// once runs one session.
func (c *PublishCmd) once(ctx context.Context, con *console, opts client.Options) (connected time.Duration, err error) {
	video, audio, err := c.sources()
	if err != nil {
		return 0, &mediaError{err}
	}
	publish := client.PublishOptions{Options: opts, Audio: audio, Loop: c.Loop || c.builtIn(), Pace: c.Pace}
	if video != nil {
		publish.Video = []client.Encoding{{Source: video}}
	}
	p, err := client.Publish(ctx, publish)
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil
		}
		return 0, err
	}
	err = c.watch(ctx, con, p)
	connected = p.ConnectedFor()
	closed := p.Close(context.WithoutCancel(ctx))
	if err != nil {
		return connected, err // what the server says of a session it has ended is no news
	}
	return connected, closed
}

// watch prints the progress until the session or its media ends.
func (c *PublishCmd) watch(ctx context.Context, con *console, p *client.Publisher) error {
	ticker := time.NewTicker(statsInterval)
	defer ticker.Stop()
	last := p.Stats()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.Done():
			return p.Err()
		case <-p.Ended():
			return c.endOf(p)
		case <-ticker.C:
		}
		now := p.Stats()
		line := newPublishLine(last, now)
		line.Sessions = c.sessions
		c.print(con.Out, line)
		last = now
	}
}

// endOf tells why the media has ended: also because the session has.
func (c *PublishCmd) endOf(p *client.Publisher) error {
	if err := p.MediaErr(); err != nil {
		return &mediaError{err}
	}
	return p.Err()
}

func (c *PublishCmd) builtIn() bool {
	return c.File == "" && c.AudioFile == "" && c.RTPVideo == "" && c.RTPAudio == ""
}

// sources opens what the flags name.
func (c *PublishCmd) sources() (video, audio client.Source, err error) {
	switch {
	case (c.File != "" || c.AudioFile != "") && (c.RTPVideo != "" || c.RTPAudio != ""):
		return nil, nil, errors.New("media comes from files or from RTP, not from both")
	case c.RTPVideo != "" || c.RTPAudio != "":
		return c.rtpSources()
	case !c.builtIn():
		return c.fileSources()
	}
	return c.clipSources()
}

func (c *PublishCmd) clipSources() (video, audio client.Source, err error) {
	name, err := client.ParseCodec(c.Codec)
	if err != nil {
		return nil, nil, fmt.Errorf("--codec: %w", err)
	}
	video, audio, err = client.Clip(name, time.Duration(c.KeyframeInterval)*time.Second)
	switch {
	case err != nil:
		return nil, nil, err
	case c.NoVideo && c.NoAudio:
		return nil, nil, errors.New("--no-video and --no-audio leave nothing to send")
	case c.NoVideo:
		video = nil
	case c.NoAudio:
		audio = nil
	}
	return video, audio, nil
}

func (c *PublishCmd) fileSources() (video, audio client.Source, err error) {
	if c.File != "" {
		if video, err = client.OpenVideo(c.File, c.FPS); err != nil {
			return nil, nil, err
		}
	}
	if c.AudioFile != "" {
		if audio, err = client.OpenAudio(c.AudioFile); err != nil {
			closeSource(video)
			return nil, nil, err
		}
	}
	return video, audio, nil
}

func (c *PublishCmd) rtpSources() (video, audio client.Source, err error) {
	if c.RTPVideo != "" {
		if video, err = listenRTP(c.RTPVideo, c.Codec, codec.Video); err != nil {
			return nil, nil, fmt.Errorf("--rtp-video: %w", err)
		}
	}
	if c.RTPAudio != "" {
		if audio, err = listenRTP(c.RTPAudio, c.AudioCodec, codec.Audio); err != nil {
			closeSource(video)
			return nil, nil, fmt.Errorf("--rtp-audio: %w", err)
		}
	}
	return video, audio, nil
}

func listenRTP(address, name string, kind codec.Kind) (client.Source, error) {
	n, err := client.ParseCodec(name)
	if err != nil {
		return nil, err
	}
	if n.Kind() != kind {
		return nil, fmt.Errorf("%s is no %s codec", n, kind)
	}
	return client.ListenRTP(address, client.Format{Codec: n})
}

func closeSource(s client.Source) {
	if s != nil {
		s.Close() //nolint:errcheck // reading only
	}
}

// A publishLine is the progress over the last second.
type publishLine struct {
	Seconds          float64 `json:"seconds"`
	State            string  `json:"state"`
	ConnectedAfterMs float64 `json:"connectedAfterMs,omitempty"`
	RTTMs            float64 `json:"rttMs"`
	Sessions         int     `json:"sessions"` // begun, this one too; attempts count

	Video *sentLine `json:"video,omitempty"`
	Audio *sentLine `json:"audio,omitempty"`
}

// A sentLine is one stream of it.
type sentLine struct {
	Codec            string  `json:"codec"`
	Bitrate          int64   `json:"bitrate"` // bits per second
	FPS              float64 `json:"fps"`
	Frames           int64   `json:"frames"`
	Keyframes        int64   `json:"keyframes"`
	Packets          int64   `json:"packets"`
	LossPercent      int64   `json:"lossPercent"`
	NACKs            int64   `json:"nacks"`
	KeyframeRequests int64   `json:"keyframeRequests"`
}

func newPublishLine(last, now client.PublishStats) publishLine {
	line := publishLine{
		Seconds: now.Since.Seconds(), State: now.State.String(),
		ConnectedAfterMs: milliseconds(now.ConnectedAfter), RTTMs: milliseconds(now.RTT),
	}
	for i, e := range now.Encodings {
		sent := newSentLine(last.Encodings[i], e, now.Since-last.Since)
		if e.Codec.Kind() == codec.Audio {
			line.Audio = sent
		} else {
			line.Video = sent
		}
	}
	return line
}

func newSentLine(last, now client.EncodingStats, over time.Duration) *sentLine {
	return &sentLine{
		Codec: now.Codec.String(), Bitrate: rate(now.Bytes-last.Bytes, over), FPS: perSecond(now.Frames-last.Frames, over),
		Frames: now.Frames, Keyframes: now.Keyframes, Packets: now.Packets, LossPercent: now.Feedback.LossPercent,
		NACKs: now.Feedback.NACKs, KeyframeRequests: now.Feedback.PLIs + now.Feedback.FIRs,
	}
}

// String writes the line for people.
func (l publishLine) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%4.0fs %s", l.Seconds, l.State)
	if v := l.Video; v != nil {
		fmt.Fprintf(&b, " | %s %s, %.1f fps, %d frames, %d keyframes (%d asked for)",
			v.Codec, humanRate(v.Bitrate), v.FPS, v.Frames, v.Keyframes, v.KeyframeRequests)
	}
	if a := l.Audio; a != nil {
		fmt.Fprintf(&b, " | %s %s", a.Codec, humanRate(a.Bitrate))
	}
	fmt.Fprintf(&b, " | rtt %.1f ms", l.RTTMs)
	if v := l.Video; v != nil {
		fmt.Fprintf(&b, ", loss %d %%, %d nacks", v.LossPercent, v.NACKs)
	}
	return b.String()
}
