package harness

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FFmpeg returns the path of an ffmpeg with the WHIP muxer, which is fetched the first time.
func FFmpeg(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(Root(), "test", "ffmpeg-whip.sh")).Output()
	if err != nil {
		t.Fatalf("no ffmpeg with the WHIP muxer: %v (run test/setup.sh)", err)
	}
	return strings.TrimSpace(string(out))
}

// Clip describes what FFmpeg publishes: a moving picture with a field, where whippet's own clip
// has it, that is white in the first 100 ms of every second, exactly when a beep of 1 kHz sounds.
type Clip struct {
	Width, Height, FPS int           // zero: 640, 360, 30
	Keyframes          time.Duration // between keyframes; zero: one second
	For                time.Duration // zero: longer than any test
}

func (c Clip) withDefaults() Clip {
	if c.Width == 0 {
		c.Width, c.Height = 640, 360
	}
	if c.FPS == 0 {
		c.FPS = 30
	}
	if c.Keyframes == 0 {
		c.Keyframes = time.Second
	}
	if c.For == 0 {
		c.For = time.Hour
	}
	return c
}

// The expressions by which FFmpeg paints the field and sounds the beep.
const (
	whileOn = "lt(mod(t\\,1)\\,0.1)"
	field   = "drawbox=x=iw*524/640:y=ih*244/360:w=iw*96/640:h=ih*96/360:t=fill"
	flashes = field + ":color=black," + field + ":color=white:enable=" + whileOn
	beeps   = "0.5*sin(2*PI*1000*t)*" + whileOn + "+0.01*sin(2*PI*220*t)"
)

// picture returns the arguments that make the clip's picture FFmpeg's input.
func (c Clip) picture() []string {
	return []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d,%s,format=yuv420p", c.Width, c.Height, c.FPS, flashes)}
}

// sound returns the arguments that make the clip's sound FFmpeg's input.
func (c Clip) sound() []string {
	return []string{"-f", "lavfi", "-i", "aevalsrc=" + beeps + "|" + beeps + ":sample_rate=48000"}
}

// h264 returns the arguments that encode the picture for WebRTC.
func (c Clip) h264() []string {
	keyframes := c.interval()
	return []string{
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-threads", "1", "-profile:v", "baseline",
		"-bf", "0", "-g", keyframes, "-keyint_min", keyframes, "-sc_threshold", "0", "-b:v", "1M",
	}
}

func (c Clip) vp8() []string {
	return []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", c.interval(), "-b:v", "1M"}
}

func (c Clip) opus() []string {
	return []string{"-c:a", "libopus", "-ac", "2", "-b:a", "64k", "-frame_duration", "20", "-application", "lowdelay"}
}

// interval is the time between keyframes in frames.
func (c Clip) interval() string {
	return strconv.Itoa(max(1, int(c.Keyframes.Seconds()*float64(c.FPS))))
}

func (c Clip) length() []string { return []string{"-t", strconv.Itoa(int(c.For.Seconds()))} }

// quietly is how every FFmpeg is started.
func quietly() []string { return []string{"-hide_banner", "-loglevel", "warning", "-y"} }

// inRealTime lets FFmpeg read an input as fast as it would be shown. What the handshake held up is
// made up for four times as fast: with the default, 1.05, sound and picture drift for half a minute.
func inRealTime() []string { return []string{"-re", "-readrate_catchup", "4"} }

// FFmpegPublish publishes a clip as H.264 and Opus by FFmpeg's own WHIP muxer. It ignores
// keyframe requests. It ends with the test, by [Process.Stop] (the session is deleted) or by
// [Process.Kill].
func FFmpegPublish(t testing.TB, endpoint, token string, c Clip) *Process {
	t.Helper()
	return Start(t, FFmpegCommand(t, endpoint, token, c))
}

// FFmpegCommand is what [FFmpegPublish] starts.
func FFmpegCommand(t testing.TB, endpoint, token string, c Clip) Command {
	t.Helper()
	c = c.withDefaults()
	args := slices.Concat(quietly(), inRealTime(), c.picture(), inRealTime(), c.sound(), c.length(), c.h264(), c.opus())
	if token != "" {
		args = append(args, "-authorization", token)
	}
	args = append(args, "-f", "whip", endpoint)
	return Command{Path: FFmpeg(t), Args: args}
}

// GStreamerReport is one line of gst.py's or gstserver.py's output.
type GStreamerReport struct {
	Event    string `json:"event"` // a client: the connection's state, "stats" or "end"; a server: "listening", "stats" or "deleted"
	Path     string `json:"path"`  // of the endpoint whose session was deleted
	Audio    int    `json:"audio"` // decoded buffers so far
	Video    int    `json:"video"`
	Size     [2]int `json:"size"`     // of the picture
	Contrast int    `json:"contrast"` // of the last picture: largest less smallest byte of its luma
	Loud     int    `json:"loud"`     // largest sample so far, up to 32768
}

// GStreamer is a running GStreamer client.
type GStreamer struct{ *Process }

// systemPython is Debian's own Python: the one that python3-gi is installed for, whatever comes
// first in PATH.
const systemPython = "/usr/bin/python3"

// GStreamerPublish publishes with webrtcbin; codec is "h264" or "vp8". It answers keyframe
// requests.
func GStreamerPublish(t testing.TB, endpoint, token, codec string) GStreamer {
	t.Helper()
	return startGStreamer(t, "publish", endpoint, "--codec", codec, "--token", token)
}

// GStreamerPlay subscribes with webrtcbin, decodes, and counts what arrives.
func GStreamerPlay(t testing.TB, endpoint, token string) GStreamer {
	t.Helper()
	return startGStreamer(t, "play", endpoint, "--token", token)
}

func startGStreamer(t testing.TB, action string, args ...string) GStreamer {
	t.Helper()
	script := filepath.Join("test", "harness", "gst.py")
	return GStreamer{Start(t, Command{Path: systemPython, Args: append([]string{script, action}, args...)})}
}

// Await reads reports until one satisfies the condition, and fails the test if none does in time.
func (g GStreamer) Await(t testing.TB, within time.Duration, want func(GStreamerReport) bool) GStreamerReport {
	t.Helper()
	deadline := time.Now().Add(within)
	var r GStreamerReport
	for {
		line, ok := g.Line(time.Until(deadline))
		if !ok {
			t.Fatalf("GStreamer did not get there in %v; its last report: %+v\n%s", within, r, g.Log())
		}
		r = GStreamerReport{}
		if err := json.Unmarshal([]byte(line), &r); err == nil && want(r) {
			return r
		}
	}
}
