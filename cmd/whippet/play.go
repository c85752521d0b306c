package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// PlayCmd receives media from a WHEP endpoint.
type PlayCmd struct {
	remoteFlags `embed:""`

	OutputVideo string        `name:"output-video" type:"path" placeholder:"FILE" help:"Write the video to this file: .ivf (VP8, VP9, AV1), .h264 or .h265."`
	OutputAudio string        `name:"output-audio" type:"path" placeholder:"FILE" help:"Write the sound to this file: .ogg (Opus)."`
	Codecs      []string      `name:"codecs" placeholder:"CODEC" help:"Offer these codecs only, best first, e.g. h264,opus."`
	NoVideo     bool          `name:"no-video" help:"Do not ask for video."`
	NoAudio     bool          `name:"no-audio" help:"Do not ask for sound."`
	Layer       string        `name:"layer" placeholder:"RID" help:"Ask for this simulcast encoding, once it is there; without it the server chooses."`
	Timeout     time.Duration `name:"timeout" default:"15s" placeholder:"TIME" help:"Fail when no media has come after this time; 0 waits for ever."`
}

// Run plays until the session, the duration or the user ends it.
func (c *PlayCmd) Run(ctx context.Context, con *console) error {
	opts, err := c.playOptions()
	if err != nil {
		return err
	}
	recorder, err := client.NewRecorder(c.OutputVideo, c.OutputAudio)
	if err != nil {
		return err
	}
	opts.Recorder = recorder
	ctx, cancel := c.limited(ctx)
	defer cancel()
	err = c.hold(ctx, con, func(ctx context.Context, url string) (time.Duration, error) {
		opts.URL = url
		return c.play(ctx, con, opts)
	})
	return errors.Join(err, recorder.Close())
}

func (c *PlayCmd) playOptions() (client.PlayOptions, error) {
	opts, err := c.options()
	if err != nil {
		return client.PlayOptions{}, err
	}
	for _, name := range c.Codecs {
		n, err := client.ParseCodec(name)
		if err != nil {
			return client.PlayOptions{}, fmt.Errorf("--codecs: %w", err)
		}
		opts.Codecs = append(opts.Codecs, n)
	}
	return client.PlayOptions{Options: opts, NoVideo: c.NoVideo, NoAudio: c.NoAudio, KeyframeRequests: true}, nil
}

// play runs one session.
func (c *PlayCmd) play(ctx context.Context, con *console, opts client.PlayOptions) (connected time.Duration, err error) {
	move := make(chan string, 1) // the first wish counts
	opts.OnReconnect = func(url string) {
		select {
		case move <- url:
		default:
		}
	}
	opts.Recorder.Splice()
	p, err := client.Play(ctx, opts)
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil
		}
		return 0, err
	}
	err = c.watch(ctx, con, p, move)
	last := p.Stats()
	if recordErr := p.RecordErr(); err == nil && recordErr != nil {
		err = &mediaError{recordErr}
	}
	if err == nil && last.Video.Packets+last.Audio.Packets == 0 {
		err = errNothing(last)
	} else {
		connected = p.ConnectedFor()
	}
	closed := p.Close(context.WithoutCancel(ctx))
	if err != nil {
		return connected, err // what the server says of a session it has ended is no news
	}
	return connected, closed
}

// errNothing tells how far the session had come.
func errNothing(s client.PlayStats) error {
	if s.ConnectedAfter == 0 {
		return fmt.Errorf("no media after %.1f s: %w (state %s)", s.Since.Seconds(), client.ErrTransportLost, s.State)
	}
	return fmt.Errorf("no media after %.1f s, though connected: does anybody publish this stream?", s.Since.Seconds())
}

// watch prints a line a second until the session ends, should be elsewhere, or nothing
// comes.
func (c *PlayCmd) watch(ctx context.Context, con *console, p *client.Player, move <-chan string) error {
	ticker := time.NewTicker(statsInterval)
	defer ticker.Stop()
	var timeout <-chan time.Time
	if c.Timeout > 0 {
		timeout = time.After(c.Timeout)
	}
	last, selected := p.Stats(), c.Layer == ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.Done():
			return p.Err()
		case url := <-move:
			return &movedError{url}
		case <-timeout:
			if s := p.Stats(); s.Video.Packets+s.Audio.Packets == 0 {
				return nil // play says so
			}
		case <-ticker.C:
			now := p.Stats()
			line := newPlayLine(last, now)
			line.Sessions = c.sessions
			c.print(con.Out, line)
			last = now
			if !selected {
				var err error
				if selected, err = c.selectLayer(ctx, p); err != nil {
					return err
				}
			}
		}
	}
}

// selectLayer asks for the layer and tells whether it is selected. One that is not there
// may come.
func (c *PlayCmd) selectLayer(ctx context.Context, p *client.Player) (bool, error) {
	err := p.SelectLayer(ctx, c.Layer)
	var problem *client.ProblemError
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusUnprocessableEntity, ctx.Err() != nil:
		return false, nil
	case err != nil:
		return false, &mediaError{fmt.Errorf("--layer: %w", err)}
	}
	return true, nil
}

// A playLine is what came over the last second.
type playLine struct {
	Seconds          float64 `json:"seconds"`
	State            string  `json:"state"`
	ConnectedAfterMs float64 `json:"connectedAfterMs,omitempty"`
	RTTMs            float64 `json:"rttMs"`
	NACKs            int64   `json:"nacks"`
	KeyframeRequests int64   `json:"keyframeRequests"`
	Sessions         int     `json:"sessions"` // begun, this one too; attempts count

	Video *receivedLine `json:"video,omitempty"`
	Audio *receivedLine `json:"audio,omitempty"`
}

// A receivedLine is one track of it. Times count from the POST.
type receivedLine struct {
	Codec           string  `json:"codec"`
	Bitrate         int64   `json:"bitrate"` // bits per second
	FPS             float64 `json:"fps"`
	Frames          int64   `json:"frames"`
	Keyframes       int64   `json:"keyframes"`
	Packets         int64   `json:"packets"`
	Lost            int64   `json:"lost"`
	JitterMs        float64 `json:"jitterMs"`
	FirstRTPMs      float64 `json:"firstRtpMs"`
	FirstKeyframeMs float64 `json:"firstKeyframeMs,omitempty"`
}

func newPlayLine(last, now client.PlayStats) playLine {
	over := now.Since - last.Since
	return playLine{
		Seconds: now.Since.Seconds(), State: now.State.String(),
		ConnectedAfterMs: milliseconds(now.ConnectedAfter), RTTMs: milliseconds(now.RTT),
		NACKs: now.Sent.NACKs, KeyframeRequests: now.Sent.PLIs + now.Sent.FIRs,
		Video: newReceivedLine(last.Video, now.Video, over), Audio: newReceivedLine(last.Audio, now.Audio, over),
	}
}

// newReceivedLine returns nil for a track of which nothing has come.
func newReceivedLine(last, now client.TrackStats, over time.Duration) *receivedLine {
	if now.Packets == 0 {
		return nil
	}
	line := &receivedLine{
		Codec: now.Codec.String(), Bitrate: rate(now.Bytes-last.Bytes, over), FPS: perSecond(now.Frames-last.Frames, over),
		Frames: now.Frames, Packets: now.Packets, Lost: now.Lost,
		JitterMs: milliseconds(now.Jitter), FirstRTPMs: milliseconds(now.FirstRTP),
	}
	if now.Codec.Kind() == codec.Video {
		line.Keyframes, line.FirstKeyframeMs = now.Keyframes, milliseconds(now.FirstKeyframe)
	}
	return line
}

// String writes the line for people.
func (l playLine) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%4.0fs %s", l.Seconds, l.State)
	if v := l.Video; v != nil {
		fmt.Fprintf(&b, " | %s %s, %.1f fps, %d keyframes, lost %d, jitter %.1f ms, first packet %.0f ms, keyframe %.0f ms",
			v.Codec, humanRate(v.Bitrate), v.FPS, v.Keyframes, v.Lost, v.JitterMs, v.FirstRTPMs, v.FirstKeyframeMs)
	}
	if a := l.Audio; a != nil {
		fmt.Fprintf(&b, " | %s %s, lost %d, jitter %.1f ms", a.Codec, humanRate(a.Bitrate), a.Lost, a.JitterMs)
	}
	if l.Video == nil && l.Audio == nil {
		b.WriteString(" | no media yet")
	}
	fmt.Fprintf(&b, " | rtt %.1f ms, %d nacks sent", l.RTTMs, l.NACKs)
	return b.String()
}
