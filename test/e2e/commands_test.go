//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// The built-in clip, published by the command, shown by Chromium and written by play.
func TestPublishAndPlayCommands(t *testing.T) {
	l := newLab(t)
	for codec, c := range map[string]struct{ ending, name string }{"h264": {".h264", "H264"}, "vp8": {".ivf", "VP8"}} {
		t.Run(codec, func(t *testing.T) {
			publisher := l.whippet(t, "publish", l.node.WHIP(codec), "--codec", codec, "--json")
			if sent := awaitLine(t, publisher, connectedLine); sent.Video.Codec != c.name || sent.Audio.Codec != "opus" {
				t.Errorf("publish sends %s and %s, want %s and opus", sent.Video.Codec, sent.Audio.Codec, c.name)
			}
			files := l.play(t, l.node.WHEP(codec), c.ending)
			subscriber := l.watch(t, codec)
			wantPicture(t, subscriber)
			wantCodec(t, subscriber, c.name)
			wantSync(t, subscriber)
			l.wantClean(t, subscriber)
			files.want(t, codec, c.name)
			wantEnd(t, publisher)
		})
	}
}

// Files that another program made.
func TestPublishFiles(t *testing.T) {
	l := newLab(t)
	sound := filepath.Join(t.TempDir(), "clip.ogg")
	harness.MakeFile(t, sound, harness.Clip{For: 4 * time.Second})
	for ending, name := range map[string]string{".h264": "H264", ".ivf": "VP8"} {
		t.Run(name, func(t *testing.T) {
			picture := filepath.Join(t.TempDir(), "clip"+ending)
			harness.MakeFile(t, picture, harness.Clip{For: 4 * time.Second})
			stream := "file-" + name
			publisher := l.whippet(t, "publish", l.node.WHIP(stream), "--file", picture, "--audio-file", sound, "--loop", "--json")
			awaitLine(t, publisher, connectedLine)
			subscriber := l.watch(t, stream)
			wantPicture(t, subscriber)
			wantCodec(t, subscriber, name)
			wantSync(t, subscriber) // with wantPicture over the seam of the loop
			l.wantClean(t, subscriber)
			wantEnd(t, publisher)
		})
	}
}

// A file ends: so does the command, and without an error.
func TestPublishFileToItsEnd(t *testing.T) {
	l := newNode(t, harness.StartNode)
	picture := filepath.Join(t.TempDir(), "clip.h264")
	harness.MakeFile(t, picture, harness.Clip{For: 2 * time.Second})
	publisher := l.whippet(t, "publish", l.node.WHIP("short"), "--file", picture)
	if err := publisher.Wait(startsWithin); err != nil {
		t.Errorf("publish: %v", err)
	}
}

// FFmpeg's RTP, from a version that has no WHIP, taken on two ports.
func TestPublishRTP(t *testing.T) {
	l := newLab(t)
	video, audio := harness.FreePort(t), harness.FreePort(t)
	publisher := l.whippet(t, "publish", l.node.WHIP("rtp"), "--rtp-video", port(video), "--rtp-audio", port(audio), "--json")
	ffmpeg := harness.FFmpegRTP(t, video, audio, harness.Clip{})
	awaitLine(t, publisher, connectedLine)
	files := l.play(t, l.node.WHEP("rtp"), ".h264")
	subscriber := l.watch(t, "rtp")
	wantPicture(t, subscriber)
	wantCodec(t, subscriber, "H264")
	wantSync(t, subscriber)
	l.wantClean(t, subscriber)
	files.want(t, "h264", "H264")
	wantEnd(t, publisher)
	ffmpeg.Stop()
}

func port(number int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(number)) }

// line is what is looked at of a statistics line, of publish and of play.
type line struct {
	Seconds float64 // since the POST
	State   string
	Video   trackLine
	Audio   trackLine
}

type trackLine struct {
	Codec                            string
	Bitrate                          int64
	FPS                              float64
	Frames, Keyframes, Packets, Lost int64
	FirstRTPMs                       float64 // since the POST
}

func connectedLine(l line) bool {
	return l.State == "connected" && l.Video.Frames > 0 && l.Audio.Frames > 0
}

// awaitLine reads statistics lines until one satisfies a condition.
func awaitLine(t *testing.T, p *harness.Process, want func(line) bool) line {
	t.Helper()
	deadline := time.Now().Add(startsWithin)
	for {
		text, ok := p.Line(time.Until(deadline))
		if !ok {
			t.Fatalf("no such line in %v", startsWithin)
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if want(l) {
			return l
		}
	}
}

// written is a running play command and the files it writes.
type written struct {
	*harness.Process
	video, audio string
}

// play starts the command play for a few seconds.
func (l *lab) play(t *testing.T, endpoint, ending string, more ...string) written {
	t.Helper()
	folder := t.TempDir()
	w := written{video: filepath.Join(folder, "play"+ending), audio: filepath.Join(folder, "play.ogg")}
	args := []string{"play", endpoint, "--duration", "6s", "--json", "--output-video", w.video, "--output-audio", w.audio}
	w.Process = l.whippet(t, append(args, more...)...)
	return w
}

// Frames and packets of sound a second of what play is shown, and the share that must have come: its
// publisher may be held up on a busy machine.
const (
	playedFrames  = 30
	playedPackets = 50
	leastPlayed   = 0.7
)

// want checks that play ended well, what its lines said and what ffprobe finds in its files.
func (w written) want(t *testing.T, codec, name string) {
	t.Helper()
	if err := w.Wait(startsWithin); err != nil {
		t.Fatalf("play: %v", err)
	}
	said := lines(t, w.Process)
	last := said[len(said)-1]
	v, a := last.Video, last.Audio
	frames, packets := played(last.Seconds, v, playedFrames), played(last.Seconds, a, playedPackets)
	if v.Codec != name || v.Frames < frames || v.Keyframes < 1 || v.Lost != 0 || v.Bitrate < 50_000 {
		t.Errorf("play said of the picture: %+v, want %d frames", v, frames)
	}
	if a.Codec != "opus" || a.Frames < packets || a.Lost != 0 {
		t.Errorf("play said of the sound: %+v, want %d frames", a, packets)
	}
	if !slices.ContainsFunc(said, func(l line) bool { return l.Video.FPS >= 15 && l.Video.FPS <= 45 }) {
		t.Errorf("play never said that it gets about %d frames a second: %+v", playedFrames, said)
	}
	picture, sound := harness.Probe(t, w.video), harness.Probe(t, w.audio)
	if picture.Codec != codec || picture.Width != 640 || picture.Height != 360 || int64(picture.Frames) < frames {
		t.Errorf("ffprobe finds %+v, want %d frames", picture, frames)
	}
	if sound.Codec != "opus" || int64(sound.Frames) < packets {
		t.Errorf("ffprobe finds %+v, want %d frames", sound, packets)
	}
}

// played is how many units must have come of a track that has so many a second, as of a line.
func played(seconds float64, of trackLine, rate float64) int64 {
	return int64(leastPlayed * rate * (seconds - of.FirstRTPMs/1000))
}

// lines reads what an ended process said that was not read yet: one line at least.
func lines(t *testing.T, p *harness.Process) (all []line) {
	t.Helper()
	for text, ok := p.Line(time.Second); ok; text, ok = p.Line(time.Second) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		t.Fatal("it said nothing")
	}
	return all
}

// wantEnd asks a command to end and checks that it does so without an error.
func wantEnd(t *testing.T, p *harness.Process) {
	t.Helper()
	p.Stop()
	if err := p.Wait(time.Second); err != nil {
		t.Errorf("the command ended with %v", err)
	}
}

// A token for each right, and the health of a node that lives and of one that does not.
func TestTokenAndHealthCommands(t *testing.T) {
	data := t.TempDir()
	l := newNode(t, harness.StartNode, "--auth", "token", "--data", data)
	node := l.node
	publishToken, playToken := l.mint(t, data, "publish"), l.mint(t, data, "play")
	if err := l.whippet(t, "token", "inspect", playToken, "--data", data).Wait(startsWithin); err != nil {
		t.Errorf("token inspect: %v", err)
	}
	wantRefused(t, l.whippet(t, "publish", node.WHIP("closed"), "--token", playToken), "403")
	wantRefused(t, l.whippet(t, "play", node.WHEP("closed"), "--token", publishToken), "403")
	wantRefused(t, l.whippet(t, "play", node.WHEP("closed")), "401")

	publisher := l.whippet(t, "publish", node.WHIP("closed"), "--token", publishToken, "--json")
	awaitLine(t, publisher, connectedLine)
	l.play(t, node.WHEP("closed"), ".h264", "--token", playToken).want(t, "h264", "H264")
	wantEnd(t, publisher)

	admin := strings.TrimPrefix(node.Admin, "http://")
	health := l.whippet(t, "health", "--admin", admin)
	if said, _ := health.Line(startsWithin); said != "healthy" || health.Wait(startsWithin) != nil {
		t.Errorf("health of a living node: %q", said)
	}
	node.Kill()
	wantRefused(t, l.whippet(t, "health", "--admin", admin), "is a node running")
}

// wantRefused checks that a command ends with an error that says why.
func wantRefused(t *testing.T, p *harness.Process, why string) {
	t.Helper()
	if err := p.Wait(startsWithin); err == nil || !strings.Contains(p.Log(), why) {
		t.Errorf("the command ended with %v and said %q, want an error with %q", err, p.Log(), why)
	}
}
