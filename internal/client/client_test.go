package client_test

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

const patience = 6 * time.Second

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls for a state that other processes or goroutines of pion bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// checkGoroutines fails if the test leaves goroutines of this package behind.
func checkGoroutines(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		deadline := time.Now().Add(patience)
		for left := clientGoroutines(); left != ""; left = clientGoroutines() {
			if time.Now().After(deadline) {
				t.Errorf("goroutines of the client are left:\n%s", left)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}

// clientGoroutines returns the stacks that run in the package under test.
func clientGoroutines() string {
	buf := make([]byte, 1<<20)
	var left []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "internal/client.(") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

// A gate holds a source back until it is opened, and ends it after most frames.
type gate struct {
	client.Source
	most         int // 0: all
	open, closed chan struct{}
	once         sync.Once
}

func newGate(s client.Source, open chan struct{}) *gate {
	return &gate{Source: s, open: open, closed: make(chan struct{})}
}

func (g *gate) Next() (client.Frame, error) {
	select {
	case <-g.open:
		f, err := g.Source.Next()
		if g.most > 0 && f.Number >= g.most {
			return client.Frame{}, io.EOF
		}
		return f, err
	case <-g.closed:
		return client.Frame{}, io.EOF
	}
}

func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Source.Close()
}

func mustClip(t *testing.T, name codec.Name, interval time.Duration) (video, audio client.Source) {
	t.Helper()
	video, audio, err := client.Clip(name, interval)
	if err != nil {
		t.Fatal(err)
	}
	return video, audio
}

func TestClipArrivesUnchanged(t *testing.T) {
	for _, test := range []struct {
		name   codec.Name
		ending string
	}{{codec.H264, ".h264"}, {codec.VP8, ".ivf"}} {
		t.Run(test.name.String(), func(t *testing.T) {
			videoPath := filepath.Join(t.TempDir(), "v"+test.ending)
			audioPath := filepath.Join(t.TempDir(), "a.ogg")
			roundTrip(t, test.name, videoPath, audioPath)
			compareFrames(t, test.name, videoPath, audioPath)
			probe(t, videoPath, 60)
		})
	}
}

// roundTrip publishes two seconds of the clip and records them.
func roundTrip(t *testing.T, name codec.Name, videoPath, audioPath string) {
	s := newServer(t)
	checkGoroutines(t)
	video, audio := mustClip(t, name, time.Second)
	open := make(chan struct{})
	pictures := newGate(video, open)
	pictures.most = 60
	p, err := client.Publish(testContext(t), client.PublishOptions{
		Options: client.Options{URL: s.URL + "/whip/a"},
		Video:   []client.Encoding{{Source: pictures}}, Audio: newGate(audio, open),
	})
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := client.NewRecorder(videoPath, audioPath)
	if err != nil {
		t.Fatal(err)
	}
	q, err := client.Play(testContext(t), client.PlayOptions{Options: client.Options{URL: s.URL + "/whep/a"}, Recorder: recorder})
	if err != nil {
		t.Fatal(err)
	}
	s.waitConnected()
	close(open)
	eventually(t, "60 frames and 100 sounds recorded", func() bool {
		v, a := recorder.Frames()
		return v >= 60 && a >= 100
	})
	checkStats(t, name, p.Stats(), q.Stats())
	for _, x := range []interface{ Close(context.Context) error }{p, q} {
		if err := x.Close(testContext(t)); err != nil {
			t.Error(err)
		}
	}
	if n := s.live(); n != 0 {
		t.Errorf("%d sessions left on the server", n)
	}
	if err := errors.Join(recorder.Close(), q.RecordErr(), p.MediaErr()); err != nil {
		t.Error(err)
	}
	if !errors.Is(p.Err(), client.ErrClosed) {
		t.Errorf("publisher ended with %v", p.Err())
	}
}

func checkStats(t *testing.T, name codec.Name, p client.PublishStats, q client.PlayStats) {
	t.Helper()
	v := q.Video
	if v.Codec != name || v.Lost != 0 || v.Keyframes != 2 || v.DamagedFrames != 0 || v.Frames != 60 {
		t.Errorf("video: %+v", v)
	}
	if v.FirstRTP <= 0 || v.FirstKeyframe < v.FirstRTP || v.FirstKeyframeWhole < v.FirstKeyframe || v.Bytes == 0 {
		t.Errorf("video times: %+v", v)
	}
	if q.Audio.Codec != codec.Opus || q.Audio.Frames < 100 || q.Audio.Jitter <= 0 {
		t.Errorf("audio: %+v", q.Audio)
	}
	if p.ConnectedAfter <= 0 || len(p.Encodings) != 2 || p.Encodings[1].Frames != 60 || p.Encodings[1].Keyframes != 2 {
		t.Errorf("publisher: %+v", p)
	}
	if q.Video.Packets != p.Encodings[1].Packets {
		t.Errorf("sent %d, received %d", p.Encodings[1].Packets, q.Video.Packets)
	}
}

// compareFrames holds the recorded files against the clip's first two seconds.
func compareFrames(t *testing.T, name codec.Name, videoPath, audioPath string) {
	t.Helper()
	video, audio := mustClip(t, name, time.Second)
	gotVideo, err := client.OpenVideo(videoPath, 30)
	if err != nil {
		t.Fatal(err)
	}
	gotAudio, err := client.OpenAudio(audioPath)
	if err != nil {
		t.Fatal(err)
	}
	sameFrames(t, "video", video, gotVideo, 60)
	sameFrames(t, "audio", audio, gotAudio, 100)
	if _, err := gotVideo.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("more than 60 frames recorded: %v", err)
	}
}

func sameFrames(t *testing.T, what string, want, got client.Source, count int) {
	t.Helper()
	for i := range count {
		a, err := want.Next()
		if err != nil {
			t.Fatal(err)
		}
		b, err := got.Next()
		if err != nil {
			t.Fatalf("%s %d: %v", what, i, err)
		}
		if string(a.Data) != string(b.Data) || a.Keyframe != b.Keyframe {
			t.Fatalf("%s %d differs: %d and %d bytes", what, i, len(a.Data), len(b.Data))
		}
		if d := a.At - b.At; d < -time.Millisecond || d > time.Millisecond {
			t.Fatalf("%s %d: time %s and %s", what, i, a.At, b.At)
		}
	}
}

// probe lets ffprobe count the frames it can decode, where there is one.
func probe(t *testing.T, path string, frames int) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Log("no ffprobe here")
		return
	}
	if got := strings.TrimSpace(string(out)); err != nil || got != "60" {
		t.Errorf("ffprobe: %q, %v, want %d frames and no complaint", got, err, frames)
	}
}

func TestLoopKeepsTimeRising(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	video, _ := mustClip(t, codec.H264, time.Second)
	p, err := client.Publish(testContext(t), client.PublishOptions{
		Options: client.Options{URL: s.URL + "/whip/a"}, Loop: true, Video: []client.Encoding{{Source: video}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var stamps []uint32
	q, err := client.Play(testContext(t), client.PlayOptions{
		Options: client.Options{URL: s.URL + "/whep/a"},
		OnRTP: func(_ codec.Kind, packet *rtp.Packet, _ time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if packet.Marker {
				stamps = append(stamps, packet.Timestamp)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "90 frames", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(stamps) > 90
	})
	q.Close(testContext(t))
	p.Close(testContext(t))
	for i := 1; i < len(stamps); i++ {
		if d := stamps[i] - stamps[i-1]; d < 2999 || d > 3001 {
			t.Fatalf("frame %d comes %d units after the one before, want 3000", i, d)
		}
	}
}

func TestSimulcast(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	var encodings []client.Encoding
	for rid, width := range map[string]int{"h": 640, "m": 320, "q": 160} {
		source, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, Width: width, Height: width * 9 / 16})
		if err != nil {
			t.Fatal(err)
		}
		encodings = append(encodings, client.Encoding{RID: rid, Source: source})
	}
	p, err := client.Publish(testContext(t), client.PublishOptions{Options: client.Options{URL: s.URL + "/whip/a"}, Video: encodings})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(testContext(t))
	if !strings.Contains(p.Offer(), "a=simulcast:send ") {
		t.Errorf("no simulcast in the offer:\n%s", p.Offer())
	}
	eventually(t, "all three encodings", func() bool {
		got := s.packets("a")
		return got["videoh"] > 5 && got["videom"] > 5 && got["videoq"] > 5
	})
}

func TestKeyframeRequest(t *testing.T) {
	for _, ignore := range []bool{false, true} {
		s := newServer(t)
		checkGoroutines(t)
		source, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, KeyframeInterval: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		asked := make(chan string, 10)
		p, err := client.Publish(testContext(t), client.PublishOptions{
			Options: client.Options{URL: s.URL + "/whip/a"}, Video: []client.Encoding{{Source: source}},
			OnKeyframeRequest: func(rid string) { asked <- rid }, IgnoreKeyframeRequests: ignore,
		})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "packets", func() bool { return s.packets("a")["video"] > 5 })
		s.pli("a")
		<-asked
		before := p.Stats().Encodings[0].Frames
		eventually(t, "five more frames", func() bool { return p.Stats().Encodings[0].Frames > before+5 })
		if got, want := p.Stats().Encodings[0].Keyframes, map[bool]int64{false: 2, true: 1}[ignore]; got != want {
			t.Errorf("ignore %v: %d keyframes, want %d", ignore, got, want)
		}
		if p.Stats().Encodings[0].Feedback.PLIs != 1 {
			t.Errorf("feedback: %+v", p.Stats().Encodings[0].Feedback)
		}
		p.Close(testContext(t))
	}
}

func TestRestart(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	p := publishSynthetic(t, client.Options{URL: s.URL + "/whip/a"})
	eventually(t, "packets", func() bool { return s.packets("a")["video"] > 5 })
	before := p.ETag()
	if err := p.Restart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if p.ETag() == before {
		t.Errorf("the entity tag is still %s", before)
	}
	was := s.packets("a")["video"]
	eventually(t, "media goes on", func() bool { return s.packets("a")["video"] > was+20 })
	if err := p.Close(testContext(t)); err != nil {
		t.Error(err)
	}
}

func publishSynthetic(t *testing.T, opts client.Options) *client.Publisher {
	t.Helper()
	source, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8})
	if err != nil {
		t.Fatal(err)
	}
	p, err := client.Publish(testContext(t), client.PublishOptions{Options: opts, Video: []client.Encoding{{Source: source}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTrickle(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	p := publishSynthetic(t, client.Options{URL: s.URL + "/whip/a", Trickle: true})
	if strings.Contains(p.Offer(), "a=candidate") {
		t.Errorf("candidates in the offer:\n%s", p.Offer())
	}
	eventually(t, "end of candidates", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		all := strings.Join(s.bodies[1:], "")
		return strings.Contains(all, "a=candidate:") && strings.Contains(all, "a=end-of-candidates")
	})
	eventually(t, "packets", func() bool { return s.packets("a")["video"] > 5 })
	p.Close(testContext(t))
}

// A server that is known by its checks alone is taken at once. Waiting for a better way never takes
// less than a second; a busy machine may take as long without.
func TestServerKnownByItsChecks(t *testing.T) {
	s := newServer(t)
	s.hidden = true
	for range 5 {
		p := publishSynthetic(t, client.Options{URL: s.URL + "/whip/x"})
		if err := p.WaitConnected(testContext(t)); err != nil {
			t.Fatal(err)
		}
		after := p.ConnectedAfter()
		p.Kill()
		if after < time.Second {
			return
		}
		t.Logf("connected after %s", after)
	}
	t.Error("waited for a better way each time")
}

func TestSetupRoles(t *testing.T) {
	for _, setup := range []client.Setup{client.ActPass, client.Active, client.Passive} {
		s := newServer(t)
		checkGoroutines(t)
		p := publishSynthetic(t, client.Options{URL: s.URL + "/whip/a", Setup: setup, NoCandidates: true})
		if !strings.Contains(p.Offer(), "a=setup:"+string(setup)+"\r\n") {
			t.Errorf("setup %s is not in the offer", setup)
		}
		if err := p.WaitConnected(testContext(t)); err != nil {
			t.Errorf("setup %s, answered %q: %v", setup, strings.SplitN(p.Answer(), "a=setup:", 2)[1][:8], err)
		}
		p.Close(testContext(t))
	}
}

func TestKillSaysNothing(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	p := publishSynthetic(t, client.Options{URL: s.URL + "/whip/a"})
	eventually(t, "packets", func() bool { return s.packets("a")["video"] > 5 })
	s.mu.Lock()
	requests, pc := len(s.requests), s.streams["a"].publisher
	s.mu.Unlock()
	closed := make(chan webrtc.PeerConnectionState, 10)
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) { closed <- state })
	p.Kill()
	got := s.packets("a")["video"]
	select {
	case state := <-closed:
		if state == webrtc.PeerConnectionStateClosed {
			t.Error("the server heard a good-bye")
		}
	case <-time.After(500 * time.Millisecond): // close_notify would be there in a millisecond
	}
	if now := s.packets("a")["video"]; now > got+50 {
		t.Errorf("%d packets after the end", now-got)
	}
	if len(s.requests) != requests {
		t.Error("a request was sent")
	}
}

func TestServerEndsSession(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	p := publishSynthetic(t, client.Options{URL: s.URL + "/whip/a"})
	s.waitConnected()
	s.mu.Lock()
	pc := s.streams["a"].publisher
	s.mu.Unlock()
	pc.Close()
	select {
	case <-p.Done():
	case <-testContext(t).Done():
		t.Fatal("nobody noticed")
	}
	if !errors.Is(p.Err(), client.ErrEndedByServer) {
		t.Errorf("ended with %v", p.Err())
	}
	<-p.Ended()
	p.Close(testContext(t))
}

func TestLossIsRepairedOrShown(t *testing.T) {
	for _, noRepair := range []bool{false, true} {
		s := newServer(t)
		checkGoroutines(t)
		s.lose = func(seq uint16) bool { return noRepair && seq%50 == 0 }
		video, _ := mustClip(t, codec.H264, time.Second)
		p, err := client.Publish(testContext(t), client.PublishOptions{
			Options: client.Options{URL: s.URL + "/whip/a"}, Loop: true, Video: []client.Encoding{{Source: video}},
		})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "v.h264")
		recorder, err := client.NewRecorder(path, "")
		if err != nil {
			t.Fatal(err)
		}
		q, err := client.Play(testContext(t), client.PlayOptions{
			Options: client.Options{URL: s.URL + "/whep/a", NoRepair: noRepair}, Recorder: recorder, KeyframeRequests: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "100 frames", func() bool { return q.Stats().Video.Frames > 100 })
		stats := q.Stats()
		q.Close(testContext(t))
		p.Close(testContext(t))
		recorder.Close()
		if damaged := stats.Video.DamagedFrames > 0 && stats.Video.Lost > 0; damaged != noRepair {
			t.Errorf("no repair %v: %+v", noRepair, stats.Video)
		}
		wantDecodable(t, path)
	}
}

// wantDecodable checks that every recorded frame of the looping 2 s clip follows
// the one it refers to: after a gap the file goes on at a keyframe.
func wantDecodable(t *testing.T, path string) {
	t.Helper()
	want, _ := mustClip(t, codec.H264, time.Second)
	index := map[string]int{}
	for {
		f, err := want.Next()
		if err != nil {
			break
		}
		index[string(f.Data)] = f.Number
	}
	got, err := client.OpenVideo(path, 30)
	if err != nil {
		t.Fatal(err)
	}
	last, frames := -1, 0
	for ; ; frames++ {
		f, err := got.Next()
		if err != nil {
			break
		}
		n, known := index[string(f.Data)]
		if !known || n != last+1 && !f.Keyframe {
			t.Fatalf("frame %d is the clip's %d (%v), after its %d", frames, n, known, last)
		}
		last = n
	}
	if frames < 5 { // losses may hit just behind the keyframes
		t.Errorf("only %d frames recorded", frames)
	}
}
