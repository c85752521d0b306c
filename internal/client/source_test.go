package client_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/client/clip"
)

// count reads a source to its end.
func count(t *testing.T, s client.Source) (frames, keyframes int, length time.Duration) {
	t.Helper()
	for {
		f, err := s.Next()
		if errors.Is(err, io.EOF) {
			return frames, keyframes, length
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Number != frames {
			t.Fatalf("frame %d has number %d", frames, f.Number)
		}
		frames++
		if f.Keyframe {
			keyframes++
		}
		length = f.At + f.Duration
	}
}

func TestClips(t *testing.T) {
	for _, name := range []codec.Name{codec.H264, codec.VP8} {
		for interval, want := range map[int][2]int{1: {300, 10}, 2: {300, 5}, 10: {300, 1}} {
			video, audio := mustClip(t, name, time.Duration(interval)*time.Second)
			for range 2 { // once more after rewinding
				frames, keyframes, length := count(t, video)
				if frames != want[0] || keyframes != want[1] {
					t.Errorf("%s every %d s: %d frames, %d keyframes", name, interval, frames, keyframes)
				}
				if d := length - time.Duration(want[0])*time.Second/30; d < -time.Millisecond || d > time.Millisecond {
					t.Errorf("%s every %d s: %s long", name, interval, length)
				}
				if err := video.Rewind(); err != nil {
					t.Fatal(err)
				}
			}
			if packets, _, length := count(t, audio); packets != 500 || length != 10*time.Second {
				t.Errorf("%d packets, %s of sound", packets, length)
			}
		}
	}
	if _, _, err := client.Clip(codec.AV1, time.Second); err == nil {
		t.Error("a clip in AV1")
	}
	if _, _, err := client.Clip(codec.H264, 3*time.Second); err == nil {
		t.Error("a clip with a keyframe every 3 s")
	}
}

func TestBadFiles(t *testing.T) {
	ivf, h264, ogg := clip.VP8(time.Second), clip.H264(time.Second), clip.Opus()
	huge := bytes.Clone(ivf[:100])
	binary.LittleEndian.PutUint32(huge[32:], 1<<31)
	noBase := bytes.Clone(ivf)
	clear(noBase[16:24])
	for name, test := range map[string]struct {
		ending string
		data   []byte
	}{
		"empty ivf": {".ivf", nil}, "text as ivf": {".ivf", []byte(strings.Repeat("hello ", 20))},
		"header only ivf": {".ivf", ivf[:32]}, "huge frame": {".ivf", huge}, "no time base": {".ivf", noBase},
		"empty h264": {".h264", nil}, "text as h264": {".h264", []byte("hello world, this is text")},
		"zeros as h264": {".h264", make([]byte, 4096)}, "ivf as h264": {".h264", ivf},
		"no parameter sets": {".h264", h264[bytes.Index(h264, []byte{0, 0, 1, 0x65})-1:]},
		"empty ogg":         {".ogg", nil}, "ivf as ogg": {".ogg", ivf}, "cut ogg": {".ogg", ogg[:40]},
	} {
		if _, err := client.OpenBytes(test.ending, test.data); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for _, cut := range []struct {
		ending string
		data   []byte
	}{{".ivf", ivf[:len(ivf)/2]}, {".ogg", ogg[:len(ogg)/2]}} {
		s, err := client.OpenBytes(cut.ending, cut.data)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = s.Next()
		}
		if errors.Is(err, io.EOF) && cut.ending == ".ivf" {
			t.Errorf("a cut %s file ends as if it were whole", cut.ending)
		}
	}
}

func TestFilesByName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.txt")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(dir, "missing.ivf")} {
		if _, err := client.OpenVideo(path, 0); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
	for _, paths := range [][2]string{{filepath.Join(dir, "a.mp4"), ""}, {"", filepath.Join(dir, "a.mp3")}, {filepath.Join(dir, "no/dir.ivf"), ""}} {
		if _, err := client.NewRecorder(paths[0], paths[1]); err == nil {
			t.Errorf("recording to %q", paths)
		}
	}
}

// ffmpeg makes a file of a test picture; it skips the test where there is none.
func ffmpeg(t *testing.T, ending string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x"+ending)
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=1"}, append(args, path)...)
	out, err := exec.Command("ffmpeg", all...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("ffmpeg is missing; make setup installs it")
	}
	if err != nil {
		t.Fatalf("ffmpeg: %s", out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFilesOfFFmpeg(t *testing.T) {
	for name, test := range map[string]struct {
		ending string
		args   []string
		codec  codec.Name
	}{
		"high profile":    {".h264", []string{"-c:v", "libx264", "-bf", "0", "-g", "10", "-pix_fmt", "yuv420p"}, codec.H264},
		"many slices":     {".h264", []string{"-c:v", "libx264", "-bf", "0", "-g", "10", "-slices", "4", "-pix_fmt", "yuv420p"}, codec.H264},
		"with delimiters": {".h264", []string{"-c:v", "libx264", "-bf", "0", "-g", "10", "-aud", "1", "-pix_fmt", "yuv420p"}, codec.H264},
		"h265":            {".h265", []string{"-c:v", "libx265", "-x265-params", "bframes=0:keyint=10:min-keyint=10:log-level=none"}, codec.H265},
		"vp9":             {".ivf", []string{"-c:v", "libvpx-vp9", "-g", "10", "-lag-in-frames", "0"}, codec.VP9},
		"av1":             {".ivf", []string{"-c:v", "libaom-av1", "-cpu-used", "8", "-g", "10", "-lag-in-frames", "0"}, codec.AV1},
	} {
		t.Run(name, func(t *testing.T) {
			data := ffmpeg(t, test.ending, test.args...)
			s, err := client.OpenBytes(test.ending, data)
			if err != nil {
				t.Fatal(err)
			}
			frames, keyframes, length := count(t, s)
			if test.codec == codec.H265 {
				length = length * 30 / 25 // H.265 streams are not asked for their rate
			}
			if frames != 25 || keyframes != 3 || length.Round(time.Millisecond) != time.Second {
				t.Errorf("%d frames, %d keyframes, %s", frames, keyframes, length)
			}
			throughPackets(t, test.codec, s)
		})
	}
}

// throughPackets sends a source through payloader and assembler.
func throughPackets(t *testing.T, name codec.Name, s client.Source) {
	t.Helper()
	if err := s.Rewind(); err != nil {
		t.Fatal(err)
	}
	a := client.NewAssembler(name)
	seq, whole, starts := uint16(65530), 0, 0
	for {
		f, err := s.Next()
		if err != nil {
			break
		}
		payloads := client.Payloads(name, 300, f.Data)
		for i, payload := range payloads {
			p := &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: uint32(f.Number) * 3600, Marker: i == len(payloads)-1}, Payload: payload}
			seq++
			if i == 0 && client.StartsKeyframe(name, payload) != f.Keyframe {
				t.Fatalf("frame %d: keyframe %v, its first packet says otherwise", f.Number, f.Keyframe)
			}
			for _, frame := range a.Push(time.Time{}, p) {
				whole++
				if client.IsKeyframe(name, []byte(frame)) != f.Keyframe {
					t.Fatalf("frame %d: keyframe %v, put together it says otherwise", f.Number, f.Keyframe)
				}
				if f.Keyframe {
					starts++
				}
			}
		}
	}
	if whole != 25 || starts != 3 {
		t.Errorf("%d frames and %d keyframes came through", whole, starts)
	}
}

func TestBFramesAreRefused(t *testing.T) {
	data := ffmpeg(t, ".h264", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p")
	s, err := client.OpenBytes(".h264", data)
	for err == nil {
		_, err = s.Next()
	}
	if !strings.Contains(err.Error(), "B-frames") {
		t.Errorf("got %v", err)
	}
}

func TestSynthetic(t *testing.T) {
	for _, name := range []codec.Name{codec.VP8, codec.H264} {
		s, err := client.NewSynthetic(client.SyntheticOptions{
			Codec: name, Width: 1280, Height: 720, Bitrate: 2_500_000, FPS: 25, KeyframeInterval: time.Second, Frames: 100,
		})
		if err != nil {
			t.Fatal(err)
		}
		bytes, keys := 0, 0
		for i := range 100 {
			f, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			if number, at, ok := client.ReadStamp(f.Data); !ok || number != i || time.Since(at) > time.Minute {
				t.Fatalf("frame %d: stamp %d %s %v", i, number, at, ok)
			}
			if client.IsKeyframe(name, f.Data) != f.Keyframe {
				t.Fatalf("frame %d: keyframe %v", i, f.Keyframe)
			}
			bytes += len(f.Data)
			if f.Keyframe {
				keys++
			}
		}
		if rate := bytes * 8 / 4; rate < 2_400_000 || rate > 2_600_000 || keys != 4 {
			t.Errorf("%s: %d bit/s, %d keyframes", name, rate, keys)
		}
		if _, err := s.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("frame 101: %v", err)
		}
	}
}

// The made-up parameter set must tell the right size to somebody else.
func TestSyntheticSize(t *testing.T) {
	s, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.H264, Width: 642, Height: 362, Frames: 1})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.h264")
	if err := os.WriteFile(path, f.Data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", "-v", "quiet", "-show_entries", "stream=width,height", "-of", "csv=p=0", path).Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("ffprobe is missing; make setup installs it")
	}
	if got := strings.TrimSpace(string(out)); got != "642,362" {
		t.Errorf("ffprobe reads %q", got)
	}
}

func TestRTPSourceContinuesAfterRestart(t *testing.T) {
	s := newServer(t)
	checkGoroutines(t)
	source, err := client.ListenRTP(":0", client.Format{Codec: codec.VP8})
	if err != nil {
		t.Fatal(err)
	}
	p, err := client.Publish(testContext(t), client.PublishOptions{Options: client.Options{URL: s.URL + "/whip/a"}, Video: []client.Encoding{{Source: source}}})
	if err != nil {
		t.Fatal(err)
	}
	type numbers struct {
		seq uint16
		ts  uint32
	}
	got := make(chan numbers, 1000)
	q, err := client.Play(testContext(t), client.PlayOptions{
		Options: client.Options{URL: s.URL + "/whep/a"},
		OnRTP: func(_ codec.Kind, p *rtp.Packet, _ time.Duration) {
			got <- numbers{p.SequenceNumber, p.Timestamp}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.waitConnected()
	addr := source.(interface{ ListenAddr() net.Addr }).ListenAddr()
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("garbage"))
	conn.Write([]byte{0x80, 200, 0, 0}) // a sender report
	var last numbers
	for i, header := range []rtp.Header{
		{SSRC: 1, SequenceNumber: 100, Timestamp: 1000, PayloadType: 33},
		{SSRC: 1, SequenceNumber: 101, Timestamp: 4000, PayloadType: 33},
		{SSRC: 2, SequenceNumber: 60000, Timestamp: 77, PayloadType: 96},
		{SSRC: 2, SequenceNumber: 60001, Timestamp: 3077, PayloadType: 96},
	} {
		header.Version, header.Marker = 2, true
		b, err := (&rtp.Packet{Header: header, Payload: []byte{0x10, 1, 0, 0}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		// Until the source has been drained, packets are not taken: repeat the first.
		now, came := numbers{}, false
		for !came {
			conn.Write(b)
			select {
			case now = <-got:
				came = true
			case <-time.After(50 * time.Millisecond):
				if i > 0 {
					t.Fatal("a packet was lost")
				}
			}
		}
		if i > 0 && (now.seq != last.seq+1 || int32(now.ts-last.ts) <= 0) {
			t.Errorf("packet %d: %+v after %+v", i, now, last)
		}
		last = now
	}
	q.Close(testContext(t))
	p.Close(testContext(t))
}

func FuzzSources(f *testing.F) {
	for i, data := range [][]byte{clip.VP8(time.Second), clip.H264(time.Second), clip.Opus()} {
		f.Add(uint8(i), data[:3000])
		f.Add(uint8(i), data[:33])
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		s, err := client.OpenBytes([]string{".ivf", ".h264", ".ogg", ".h265"}[kind%4], data)
		if err != nil {
			return
		}
		last := time.Duration(-1)
		for range len(data) + 2 { // no source has more frames than bytes
			frame, err := s.Next()
			if err != nil {
				return
			}
			if frame.At <= last || frame.Duration <= 0 || len(frame.Data) > len(data)+4*len(data) {
				t.Fatalf("frame %d at %s after %s", frame.Number, frame.At, last)
			}
			last = frame.At
		}
		t.Fatal("the source does not end")
	})
}

func FuzzLinks(f *testing.F) {
	f.Add(`<stun:a>; rel="ice-server", </x>; rel=y; a="b\"c"`)
	f.Add(`<a>;;;;,<b`)
	base, err := url.Parse("http://host/whip/a")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, field string) {
		for _, l := range client.ParseLinks([]string{field, field}, base) {
			if l.Rel == "" || l.URL == "" {
				t.Fatalf("%+v of %q", l, field)
			}
		}
	})
}

func FuzzPayloads(f *testing.F) {
	f.Add(uint8(5), []byte{0x78, 0, 2, 0x67, 0x42})
	f.Fuzz(func(t *testing.T, name uint8, payload []byte) {
		n := codec.Name(name%9 + 1)
		client.StartsKeyframe(n, payload)
		client.IsKeyframe(n, payload)
		a := client.NewAssembler(n)
		for seq := range uint16(3) {
			a.Push(time.Time{}, &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Marker: seq == 2}, Payload: payload})
		}
	})
}
