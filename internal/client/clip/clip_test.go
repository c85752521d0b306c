package clip_test

import (
	"bytes"
	"errors"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client/clip"
)

func newPicture() *image.YCbCr {
	return image.NewYCbCr(image.Rect(0, 0, clip.Width, clip.Height), image.YCbCrSubsampleRatio420)
}

func TestCounterIsRead(t *testing.T) {
	img := newPicture()
	for _, n := range []int{0, 1, 2, 255, 299, 0x5555, 65535} {
		clip.Draw(n, img)
		got, err := clip.ReadCounter(img.Y, img.YStride, clip.Width, clip.Height)
		if err != nil || int(got) != n {
			t.Errorf("frame %d reads %d, %v", n, got, err)
		}
	}
}

func TestCounterIsNotReadFromOtherPictures(t *testing.T) {
	img := newPicture()
	clip.Draw(77, img)
	flipped := bytes.Clone(img.Y)
	for x := 5 * 32; x < 6*32; x++ { // one bit
		for y := range 24 {
			flipped[y*img.YStride+x] ^= 0xff
		}
	}
	for name, y := range map[string][]byte{
		"black": make([]byte, len(img.Y)), "grey": bytes.Repeat([]byte{128}, len(img.Y)), "bit flipped": flipped,
	} {
		if n, err := clip.ReadCounter(y, img.YStride, clip.Width, clip.Height); !errors.Is(err, clip.ErrNoCounter) {
			t.Errorf("%s reads %d, %v", name, n, err)
		}
	}
	if _, err := clip.ReadCounter(img.Y[:100], img.YStride, clip.Width, clip.Height); err == nil {
		t.Error("a cut picture is read")
	}
}

// decode runs a file through ffmpeg and returns its output.
func decode(t *testing.T, ending string, data []byte, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x"+ending)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-i", path}, args...), "-")...).Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("ffmpeg is missing; make setup installs it")
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCounterSurvivesEncoding reads thumbnails of a quarter of the size, which is
// harder than reading the picture itself.
func TestCounterSurvivesEncoding(t *testing.T) {
	for name, test := range map[string]struct {
		ending string
		data   []byte
		frames int
	}{
		"h264-1": {".h264", clip.H264(time.Second), 60}, "h264-2": {".h264", clip.H264(2 * time.Second), 300},
		"h264-10": {".h264", clip.H264(10 * time.Second), 300}, "vp8-1": {".ivf", clip.VP8(time.Second), 60},
		"vp8-2": {".ivf", clip.VP8(2 * time.Second), 60}, "vp8-10": {".ivf", clip.VP8(10 * time.Second), 300},
	} {
		const width, height = 160, 90
		raw := decode(t, test.ending, test.data, "-vf", "scale=160:90", "-f", "rawvideo", "-pix_fmt", "gray")
		if len(raw) != test.frames*width*height {
			t.Fatalf("%s: %d bytes of pictures", name, len(raw))
		}
		for n := range test.frames {
			got, err := clip.ReadCounter(raw[n*width*height:(n+1)*width*height], width, width, height)
			if err != nil || int(got) != n {
				t.Errorf("%s: frame %d reads %d, %v", name, n, got, err)
			}
		}
	}
}

// TestBeepStartsWithFlash holds the decoded sound against the picture's seconds.
func TestBeepStartsWithFlash(t *testing.T) {
	raw := decode(t, ".ogg", clip.Opus(), "-f", "s16le", "-ac", "1", "-ar", "48000")
	const (
		preSkip = 312                  // samples a decoder of the file leaves out
		loud    = 6000                 // louder than the tone, half as loud as the beep
		window  = clip.SampleRate / 10 // samples around a second
	)
	for second := 1; second < 10; second++ {
		from := second*clip.SampleRate - window
		for at := from; ; at++ {
			if at >= from+2*window {
				t.Errorf("no beep at second %d", second)
				break
			}
			i := 2 * (at - preSkip)
			if int16(uint16(raw[i])|uint16(raw[i+1])<<8) < loud {
				continue
			}
			if off := at - second*clip.SampleRate; off < -clip.SampleRate/200 || off > clip.SampleRate/200 {
				t.Errorf("the beep of second %d is %d samples off", second, off)
			}
			break
		}
	}
}

func TestSizeOfClip(t *testing.T) {
	total := len(clip.Opus())
	for _, interval := range []time.Duration{time.Second, 2 * time.Second, 10 * time.Second} {
		total += len(clip.H264(interval)) + len(clip.VP8(interval))
	}
	const most = 2_000_000 // the image of the node is small
	if total > most {
		t.Errorf("the clip has %d bytes, more than %d", total, most)
	}
}
