package harness

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Session is one WHIP or WHEP session of a test page. Times are milliseconds on the page's clock.
type Session struct {
	page     *Page
	name     string
	Location string
	Answer   string
}

// Publishing says what a page publishes. The zero value is the test picture at 640 by 360, 30
// frames a second, in the browser's own choice of codec.
type Publishing struct {
	URL       string     `json:"url"`
	Token     string     `json:"token,omitempty"`
	Codec     string     `json:"codec,omitempty"`  // "VP8", "VP9", "AV1", "H264"
	Camera    bool       `json:"camera,omitempty"` // the fake camera and microphone
	Width     int        `json:"width,omitempty"`
	Height    int        `json:"height,omitempty"`
	FPS       int        `json:"fps,omitempty"`
	Noise     float64    `json:"noise,omitempty"`    // 0 to 1: share of the picture that is noise
	Contrast  float64    `json:"contrast,omitempty"` // of the noise, 0 to 1; zero: full
	Encodings []Encoding `json:"encodings,omitempty"`
	KeepSize  bool       `json:"keepSize,omitempty"` // busy machine: fewer frames, never smaller ones
}

// Encoding is one encoding a page sends, as RTCRtpEncodingParameters has it.
type Encoding struct {
	RID             string  `json:"rid,omitempty"`
	MaxBitrate      int64   `json:"maxBitrate,omitempty"` // bits per second
	ScaleDownBy     float64 `json:"scaleResolutionDownBy,omitempty"`
	ScalabilityMode string  `json:"scalabilityMode,omitempty"`
}

// Publish publishes from the page, which must be the test page, under a name of the caller's.
func (p *Page) Publish(t testing.TB, name string, what Publishing) *Session {
	t.Helper()
	return p.must(t, name)(p.publish(name, what))
}

// TryPublish publishes where that is expected to fail; the error has the status as "status 401".
func (p *Page) TryPublish(name string, what Publishing) error {
	_, err := p.publish(name, what)
	return err
}

func (p *Page) publish(name string, what Publishing) (*Session, error) {
	return p.start("publish", name, struct {
		Name string `json:"name"`
		Publishing
	}{name, what})
}

// Watching says how a page watches a stream. Only URL is required.
type Watching struct {
	URL   string `json:"url"`
	Token string `json:"token,omitempty"`
	Count bool   `json:"count,omitempty"` // read the clip's counter in every frame
	TCP   bool   `json:"tcp,omitempty"`   // use the answer's TCP candidates only
	Trace bool   `json:"trace,omitempty"` // note everything, see Session.Trace

	// Descriptor offers the Dependency Descriptor, without which no browser can decode spatial
	// layers of AV1. Browsers offer it for sending alone, unless the page asks for it.
	Descriptor bool `json:"descriptor,omitempty"`
}

// Watch watches a stream in the page, which must be the test page, under a name of the caller's.
func (p *Page) Watch(t testing.TB, name string, what Watching) *Session {
	t.Helper()
	return p.must(t, name)(p.watch(name, what))
}

// TryWatch watches where that is expected to fail; the error has the status as "status 401".
func (p *Page) TryWatch(name string, what Watching) error {
	_, err := p.watch(name, what)
	return err
}

func (p *Page) watch(name string, what Watching) (*Session, error) {
	return p.start("watch", name, struct {
		Name string `json:"name"`
		Watching
	}{name, what})
}

func (p *Page) start(act, name string, arg any) (*Session, error) {
	s := &Session{page: p, name: name}
	p.browser.mu.Lock()
	p.browser.sessions = append(p.browser.sessions, s)
	p.browser.mu.Unlock()
	return s, p.Try("o => harness."+act+"(o)", arg, s, callTimeout)
}

// must ends the test if a session could not be started.
func (p *Page) must(t testing.TB, name string) func(*Session, error) *Session {
	t.Helper()
	return func(s *Session, err error) *Session {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, p.browser.process.Log())
		}
		return s
	}
}

// Fault is what is wrong, on purpose, with the test picture.
type Fault struct {
	Late  float64 `json:"late,omitempty"`  // seconds by which beeps come after flashes
	Still bool    `json:"still,omitempty"` // black, and never changing
}

// Direct sends the test picture within the page, without a server: what [Session.Synchrony] says
// of it is the browser's own share.
func (p *Page) Direct(t testing.TB, name string, f Fault) *Session {
	t.Helper()
	return p.must(t, name)(p.start("direct", name, struct {
		Name string `json:"name"`
		Fault
	}{name, f}))
}

// Codecs returns the video codecs the page's browser can send, as "video/VP8".
func (p *Page) Codecs(t testing.TB) []string {
	t.Helper()
	var codecs []string
	p.Call(t, "() => harness.codecs()", nil, &codecs)
	return codecs
}

func (s *Session) call(t testing.TB, function string, more map[string]any, value any) {
	t.Helper()
	if err := s.try(function, more, value); err != nil {
		t.Fatalf("%s: %v\n%s", s.name, err, s.page.browser.process.Log())
	}
}

func (s *Session) try(function string, more map[string]any, value any) error {
	arg := map[string]any{"name": s.name}
	for k, v := range more {
		arg[k] = v
	}
	return s.page.Try("o => harness."+function+"(o)", arg, value, callTimeout)
}

// Stop ends the session and returns the status of its DELETE.
func (s *Session) Stop(t testing.TB) int {
	t.Helper()
	var status int
	s.call(t, "stop", nil, &status)
	return status
}

// Abandon closes the peer connection and leaves the session to the node.
func (s *Session) Abandon(t testing.TB) {
	t.Helper()
	s.call(t, "stop", map[string]any{"silent": true}, nil)
}

// Times are the moments of a session. A moment that has not come is zero.
type Times struct {
	Start      float64 `json:"start"`
	Post       float64 `json:"post"`   // the POST is sent
	Answer     float64 `json:"answer"` // the 201 is read
	Connected  float64 `json:"connected"`
	FirstFrame float64 `json:"firstFrame"` // the first frame is shown
	Now        float64 `json:"now"`
	Origin     float64 `json:"origin"` // of the page's clock, in milliseconds since 1970
}

// Wall converts a moment to the time of day.
func (v Times) Wall(moment float64) time.Time {
	return time.UnixMicro(int64((v.Origin + moment) * 1000))
}

// Times returns the session's moments.
func (s *Session) Times(t testing.TB) Times {
	t.Helper()
	var v Times
	s.call(t, "times", nil, &v)
	return v
}

// RTPStats is what getStats says of one RTP stream; which fields are set depends on Type.
type RTPStats struct {
	Type            string  `json:"type"` // "inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "transport"
	Kind            string  `json:"kind"`
	SSRC            uint32  `json:"ssrc"`
	RID             string  `json:"rid"`
	CodecID         string  `json:"codecId"`
	BytesReceived   int64   `json:"bytesReceived"`
	BytesSent       int64   `json:"bytesSent"`              // retransmissions and padding included
	BytesResent     int64   `json:"retransmittedBytesSent"` // of BytesSent; probes are retransmissions, too
	PacketsReceived int64   `json:"packetsReceived"`
	PacketsLost     int64   `json:"packetsLost"`
	PacketsSent     int64   `json:"packetsSent"`
	FramesDecoded   int64   `json:"framesDecoded"`
	FramesDropped   int64   `json:"framesDropped"`
	FramesEncoded   int64   `json:"framesEncoded"`
	Keyframes       int64   `json:"keyFramesEncoded"`
	FramesSent      int64   `json:"framesSent"`
	FreezeCount     int64   `json:"freezeCount"`
	FrameRate       float64 `json:"framesPerSecond"`
	FrameWidth      int     `json:"frameWidth"`
	FrameHeight     int     `json:"frameHeight"`
	AudioEnergy     float64 `json:"totalAudioEnergy"`
	ConcealedSample int64   `json:"concealedSamples"`
	NACKs           int64   `json:"nackCount"`
	PLIs            int64   `json:"pliCount"`
	JitterBuffer    float64 `json:"jitterBufferDelay"`        // seconds, summed over
	JitterCount     int64   `json:"jitterBufferEmittedCount"` // frames or samples
	TargetBitrate   float64 `json:"targetBitrate"`            // bits per second
	LimitedBy       string  `json:"qualityLimitationReason"`
	RoundTripTime   float64 `json:"roundTripTime"` // seconds
	Cipher          string  `json:"srtpCipher"`    // of "transport"
}

// Stats returns the session's reports of the given types, all if none is given.
func (s *Session) Stats(t testing.TB, types ...string) []RTPStats {
	t.Helper()
	var v []RTPStats
	s.call(t, "stats", map[string]any{"types": types}, &v)
	return v
}

// Codec returns the codec of the video the session sends or receives, as "video/VP8".
func (s *Session) Codec(t testing.TB) string {
	t.Helper()
	var reports []struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Kind     string `json:"kind"`
		CodecID  string `json:"codecId"`
		MIMEType string `json:"mimeType"`
	}
	s.call(t, "stats", nil, &reports)
	names := map[string]string{}
	for _, r := range reports {
		names[r.ID] = r.MIMEType
	}
	for _, r := range reports {
		if (r.Type == "inbound-rtp" || r.Type == "outbound-rtp") && r.Kind == "video" && r.CodecID != "" {
			return names[r.CodecID]
		}
	}
	return ""
}

// Picture is what a watching page shows.
type Picture struct {
	Width  int   `json:"width"`
	Height int   `json:"height"`
	Cells  []int `json:"cells"` // brightness, 0 to 255, of 32 by 18 cells, row by row
}

// Contrast returns the difference between the brightest and the darkest cell; a black picture
// has none.
func (p Picture) Contrast() int {
	low, high := 255, 0
	for _, c := range p.Cells {
		low, high = min(low, c), max(high, c)
	}
	return max(0, high-low)
}

// Difference returns the greatest change of a cell between two pictures.
func (p Picture) Difference(q Picture) int {
	most := 0
	for i := range min(len(p.Cells), len(q.Cells)) {
		most = max(most, p.Cells[i]-q.Cells[i], q.Cells[i]-p.Cells[i])
	}
	return most
}

// Picture returns what a watching session shows now.
func (s *Session) Picture(t testing.TB) Picture {
	t.Helper()
	var v Picture
	s.call(t, "picture", nil, &v)
	return v
}

// Frames says when a watching session showed frames, in milliseconds on the page's clock.
type Frames struct {
	Count   int     `json:"count"`
	First   float64 `json:"first"`
	Last    float64 `json:"last"`
	Longest float64 `json:"longest"` // time without a new frame since ResetGap, until now
	Now     float64 `json:"now"`
}

// Frames returns when the session showed frames.
func (s *Session) Frames(t testing.TB) Frames {
	t.Helper()
	var v Frames
	s.call(t, "frames", nil, &v)
	return v
}

// Counted is the clip's counter in one frame a watching session showed, or -1, and when that was.
type Counted struct {
	Number int
	At     time.Time
}

// Counted returns all frames shown so far; the session must have been told to count.
func (s *Session) Counted(t testing.TB) []Counted {
	t.Helper()
	var raw [][2]*float64
	s.call(t, "counted", nil, &raw)
	list := make([]Counted, 0, len(raw))
	for _, r := range raw {
		c := Counted{Number: -1, At: time.UnixMicro(int64(*r[1] * 1000))}
		if r[0] != nil {
			c.Number = int(*r[0])
		}
		list = append(list, c)
	}
	return list
}

// ResetGap makes [Frames.Longest] count from now on.
func (s *Session) ResetGap(t testing.TB) {
	t.Helper()
	s.call(t, "resetGap", nil, nil)
}

// AwaitFrames waits until the session showed at least some more frames, and fails the test if
// that does not happen in time.
func (s *Session) AwaitFrames(t testing.TB, more int, within time.Duration) Frames {
	t.Helper()
	var v Frames
	start := s.Frames(t).Count
	Eventually(t, within, func() error {
		v = s.Frames(t)
		if v.Count-start < more {
			return fmt.Errorf("%s: %d frames shown, want %d", s.name, v.Count-start, more)
		}
		return nil
	})
	return v
}

// Synchrony is what a watching page saw and heard of the flashes and beeps that the test picture
// and [Clip] have once a second.
type Synchrony struct {
	Offsets []float64 `json:"offsets"` // ms from a beep to its flash; positive: seen later
	Flashes []float64 `json:"flashes"` // moments
	Beeps   []float64 `json:"beeps"`
	Loudest float64   `json:"loudest"` // largest sample, 0 to 1
}

// Offset returns the offset in the middle, and whether at least three beeps had a flash.
func (s Synchrony) Offset() (float64, bool) {
	if len(s.Offsets) < 3 {
		return 0, false
	}
	return slices.Sorted(slices.Values(s.Offsets))[len(s.Offsets)/2], true
}

// Synchrony watches and listens for some time, at most 20 seconds.
func (s *Session) Synchrony(t testing.TB, during time.Duration) Synchrony {
	t.Helper()
	var v Synchrony
	s.call(t, "synchrony", map[string]any{"ms": during.Milliseconds()}, &v)
	return v
}

// SynchronyBeside is Synchrony of this session and of another one of its page, at the same time.
func (s *Session) SynchronyBeside(t testing.TB, other *Session, during time.Duration) (own, others Synchrony) {
	t.Helper()
	var v [2]Synchrony
	s.call(t, "synchronies", map[string]any{"other": other.name, "ms": during.Milliseconds()}, &v)
	return v[0], v[1]
}

// Beside sends the test picture within the session's page, without a server: see [Page.Direct].
func (s *Session) Beside(t testing.TB) *Session {
	t.Helper()
	return s.page.Direct(t, "beside "+s.name, Fault{})
}

// PlayoutOffset returns by how many milliseconds the picture shown is ahead of the sound played
// according to the sender reports, and whether the browser knows it yet.
func (s *Session) PlayoutOffset(t testing.TB) (float64, bool) {
	t.Helper()
	var v *float64
	s.call(t, "playoutOffset", nil, &v)
	if v == nil {
		return 0, false
	}
	return *v, true
}
