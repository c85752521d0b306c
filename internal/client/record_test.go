package client

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestSplice: a file goes on with the next session at its first keyframe, and time goes on from where it
// stood, wherever that session's timestamps begin.
func TestSplice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cam.ivf")
	r, err := NewRecorder(path, "")
	if err != nil {
		t.Fatal(err)
	}
	r.Splice() // before anything: nothing to go on from
	frames := func(timestamp uint32, keyframes ...bool) {
		for _, keyframe := range keyframes {
			data := []byte{1, 2, 3}
			if keyframe {
				data = []byte{0x10, 0, 0, 0x9d, 1, 0x2a, 64, 0, 64, 0}
			}
			if err := r.write(codec.VP8, Frame{Data: data, Keyframe: keyframe}, timestamp, false); err != nil {
				t.Fatal(err)
			}
			timestamp += 6000
		}
	}
	frames(4_000_000_000, true, false, false)
	r.Splice()
	frames(17, false, true, false)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Fatal(err)
	}
	source, err := OpenVideo(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close() //nolint:errcheck // reading only
	for i, units := range []time.Duration{0, 6000, 12000, 15000, 21000} {
		f, err := source.Next()
		if want := units * time.Second / 90000; err != nil || f.At.Round(time.Microsecond) != want.Round(time.Microsecond) {
			t.Fatalf("frame %d at %v, %v; want %v", i, f.At, err, want)
		}
	}
	if _, err := source.Next(); err == nil {
		t.Error("a frame before the keyframe is in the file")
	}
}
