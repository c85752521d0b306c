package harness

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// fileWithin bounds how long FFmpeg may take to write or to read a short file.
const fileWithin = time.Minute

// debianFFmpeg is any ffmpeg: what files and plain RTP need, each has.
const debianFFmpeg = "ffmpeg"

// MakeFile lets FFmpeg write a clip's picture (.h264, .ivf as VP8) or its sound (.ogg as Opus).
func MakeFile(t testing.TB, path string, c Clip) {
	t.Helper()
	c = c.withDefaults()
	var media []string
	switch ending := filepath.Ext(path); ending {
	case ".h264":
		media = slices.Concat(c.picture(), c.h264())
	case ".ivf":
		media = slices.Concat(c.picture(), c.vp8())
	case ".ogg":
		media = slices.Concat(c.sound(), c.opus())
	default:
		t.Fatalf("no clip is made as %s", ending)
	}
	args := slices.Concat(quietly(), media, c.length(), []string{path})
	if err := Start(t, Command{Path: debianFFmpeg, Args: args}).Wait(fileWithin); err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
}

// FFmpegRTP sends a clip's picture as H.264 and its sound as Opus, each as plain RTP to a UDP
// port of this machine, until the test ends.
func FFmpegRTP(t testing.TB, video, audio int, c Clip) *Process {
	t.Helper()
	c = c.withDefaults()
	to := func(port int) []string {
		return []string{"-f", "rtp", "rtp://" + loopback(port) + "?pkt_size=1200"}
	}
	args := slices.Concat(quietly(), []string{"-re"}, c.picture(), []string{"-re"}, c.sound(),
		[]string{"-map", "0:v"}, c.length(), c.h264(), to(video), []string{"-map", "1:a"}, c.length(), c.opus(), to(audio))
	return Start(t, Command{Path: debianFFmpeg, Args: args})
}

// Probed is what ffprobe finds in the first stream of a file, all of which it decodes.
type Probed struct {
	Codec         string // "h264", "vp8", "opus"
	Width, Height int
	Frames        int // decoded ones
}

// Probe decodes a file with ffprobe. A file that ffprobe complains about ends the test.
func Probe(t testing.TB, path string) Probed {
	t.Helper()
	cmd := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries",
		"stream=codec_name,width,height,nb_read_frames", "-of", "json", path)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	var found struct {
		Streams []struct {
			Codec         string `json:"codec_name"`
			Width, Height int
			Frames        string `json:"nb_read_frames"`
		}
	}
	if err := json.Unmarshal(out, &found); err != nil || len(found.Streams) != 1 {
		t.Fatalf("ffprobe %s said %s", path, out)
	}
	s := found.Streams[0]
	frames, _ := strconv.Atoi(s.Frames) // absent: none
	return Probed{Codec: s.Codec, Width: s.Width, Height: s.Height, Frames: frames}
}
