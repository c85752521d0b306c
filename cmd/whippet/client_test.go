package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestPublishAndPlay runs both commands against a node of this process.
func TestPublishAndPlay(t *testing.T) {
	s := startServe(t)
	base := s.find(t, `Streams\s+(http://localhost:\d+)/#token=`)
	token := s.find(t, `Streams\s+\S+#token=(\S+)`)
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	published := make(chan string, 1)
	go func() {
		status, out, err := command(t, vars{}, "", "publish", base+"/whip/live", "--token-file="+tokenFile,
			"--keyframe-interval=1", "--duration=6s", "--json")
		if status != 0 {
			t.Errorf("publish ended with %d: %s", status, err)
		}
		published <- out
	}()
	video, audio := filepath.Join(t.TempDir(), "v.h264"), filepath.Join(t.TempDir(), "a.ogg")
	status, out, err := command(t, vars{}, "", "play", base+"/whep/live", "--token="+token, "--duration=5s", "--json",
		"--output-video="+video, "--output-audio="+audio, "--layer=h") // which never comes
	if status != 0 {
		t.Fatalf("play ended with %d: %s\n%s", status, err, out)
	}
	var received playLine
	lastLine(t, out, &received)
	if v := received.Video; v == nil || v.Codec != "H264" || v.Keyframes < 1 || v.FirstKeyframeMs <= 0 || received.Audio == nil {
		t.Errorf("play: %s", out)
	}
	for _, path := range []string{video, audio} {
		if info, err := os.Stat(path); err != nil || info.Size() < 10_000 {
			t.Errorf("%s: %v", path, err)
		}
	}
	var sent publishLine
	out = <-published
	lastLine(t, out, &sent)
	if sent.State != "connected" || sent.Video == nil || sent.Video.Frames < 60 || sent.Audio == nil {
		t.Errorf("publish: %s", out)
	}
	wantCounted(t, s.find(t, `Admin\s+(\S+/metrics)`))
}

// wantCounted fails unless the metrics tell of media that came and went, also after its
// publisher has left.
func wantCounted(t *testing.T, url string) {
	t.Helper()
	r, err := http.Get(url) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`whippet_packets_total{direction="in"}`, `whippet_packets_total{direction="out"}`,
		`whippet_bytes_total{direction="in"}`, `whippet_media_bytes_total{direction="in"}`,
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + ` [1-9]`).Match(b) {
			t.Errorf("%s is not counted:\n%s", line, b)
		}
	}
}

func lastLine(t *testing.T, out string, into any) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), into); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
}

func TestClientMistakes(t *testing.T) {
	s := startServe(t)
	base := s.find(t, `Streams\s+(http://localhost:\d+)/#token=`)
	play := s.find(t, `Watch\s+\S+/watch/live#token=(\S+)`)
	text := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(text, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ args, want string }{
		{"publish " + base + "/whip/live", "give a token that works with --token"},
		{"publish " + base + "/whip/live --token=" + play, "403 Forbidden"},
		{"publish " + base + "/nowhere --token=" + play, "POST to /whip/{stream}"},
		{"publish ftp://x", "must start with http:// or https://"},
		{"publish http://127.0.0.1:1/whip/live", "is the server running there?"},
		{"publish " + base + "/whip/live --file=" + text, "video comes from"},
		{"publish " + base + "/whip/live --file=/none.ivf", "no such file"},
		{"publish " + base + "/whip/live --codec=dance", "unknown codec"},
		{"publish " + base + "/whip/live --codec=av1", "H264 and VP8"},
		{"publish " + base + "/whip/live --rtp-video=x", "--rtp-video"},
		{"publish " + base + "/whip/live --rtp-video=:0 --codec=opus", "no video codec"},
		{"publish " + base + "/whip/live --token=x --token-file=y", "not both"},
		{"play " + base + "/whep/live --output-video=x.mp4", ".ivf or .h264"},
		{"play " + base + "/whep/live --codecs=dance", "unknown codec"},
		{"play " + base + "/whep/live --timeout=1s --token=" + play, "does anybody publish this stream?"},
	} {
		status, _, err := command(t, vars{}, "", strings.Fields(test.args)...)
		if status != 1 || !strings.Contains(err, test.want) {
			t.Errorf("%s: %d, %q; want %q", test.args, status, err, test.want)
		}
	}
}

func TestRetryDelayGrows(t *testing.T) {
	last := time.Duration(0)
	for attempt := range 12 {
		d := retryDelay(nil, attempt)
		if d < last || d > 10*time.Second || d < 500*time.Millisecond {
			t.Errorf("attempt %d waits %s after %s", attempt, d, last)
		}
		last = d
	}
}
