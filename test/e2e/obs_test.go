//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/test/harness"
)

// obsSize returns the size of an encoding by its RID: OBS calls the largest 0.
func obsSize(rid int) (width, height int) { return 1280 >> rid, 720 >> rid }

const obsEncodings = 3

// Simulcast as OBS offers and sends it: three encodings that nobody can ask for keyframes, without
// transport-wide feedback. Chromium must see the largest that comes.
func TestOBSSimulcast(t *testing.T) {
	l := newLab(t)
	files := obsFiles(t)
	for name, test := range map[string]struct {
		waits bool // the largest does not come at once
		comes bool // it does later
		first int  // width of the largest that comes at once
		last  int  // width in the end
	}{
		"all":            {false, false, 1280, 1280},
		"largestLate":    {true, true, 640, 1280},
		"largestMissing": {true, false, 640, 640},
	} {
		t.Run(name, func(t *testing.T) {
			video := make([]client.Encoding, len(files))
			for i, path := range files {
				video[i] = client.Encoding{RID: fmt.Sprint(i), Source: open(t, path)}
			}
			begin := make(chan struct{})
			if test.waits {
				video[0].Source = newWaiting(video[0].Source.(*endless), begin)
			}
			publishAsOBS(t, l.node.WHIP(name), video)
			subscriber := l.watch(t, name)
			awaitWidth(t, subscriber, test.first)
			if test.comes {
				close(begin)
			}
			awaitWidth(t, subscriber, test.last)
			wantPicture(t, subscriber)
			wantCodec(t, subscriber, "H264")
			if p := subscriber.Picture(t); p.Width != test.last {
				t.Errorf("in the end the picture is %d wide, want %d", p.Width, test.last)
			}
			l.wantClean(t, subscriber)
		})
	}
}

func awaitWidth(t *testing.T, s *harness.Session, want int) {
	t.Helper()
	harness.Eventually(t, startsWithin, func() error {
		if p := s.Picture(t); p.Width != want {
			return fmt.Errorf("the picture is %d by %d, want %d wide", p.Width, p.Height, want)
		}
		return nil
	})
}

// obsFiles makes a file for each encoding, with a keyframe every two seconds.
func obsFiles(t *testing.T) []string {
	t.Helper()
	paths := make([]string, obsEncodings)
	for rid := range paths {
		paths[rid] = filepath.Join(t.TempDir(), "obs.h264")
		width, height := obsSize(rid)
		harness.MakeFile(t, paths[rid], harness.Clip{Width: width, Height: height, Keyframes: 2 * time.Second, For: 4 * time.Second})
	}
	return paths
}

func open(t *testing.T, path string) client.Source {
	t.Helper()
	s, err := client.OpenVideo(path, 30)
	if err != nil {
		t.Fatal(err)
	}
	return &endless{Source: s}
}

func publishAsOBS(t *testing.T, endpoint string, video []client.Encoding) {
	t.Helper()
	audio, err := client.ClipAudio()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startsWithin)
	defer cancel()
	p, err := client.Publish(ctx, client.PublishOptions{
		Options: client.Options{URL: endpoint, NoCandidates: true, EditOffer: asOBS},
		Video:   video, Audio: &endless{Source: audio}, IgnoreKeyframeRequests: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
}

// asOBS returns what OBS offered when it was recorded, with the keys and payload types of an
// offer of ours.
func asOBS(offer string) string {
	recorded := sdptest.Recorded("obs-simulcast")
	for _, name := range []string{"ice-ufrag", "ice-pwd", "fingerprint"} {
		attribute := regexp.MustCompile(`(?m)^a=` + name + `:.*$`)
		recorded = attribute.ReplaceAllLiteralString(recorded, strings.TrimSpace(attribute.FindString(offer))+"\r")
	}
	for theirs, format := range map[string]string{"96": "H264/90000", "111": "opus/48000/2"} {
		ours := regexp.MustCompile(`a=rtpmap:(\d+) ` + format).FindStringSubmatch(offer)[1]
		recorded = strings.ReplaceAll(recorded, ":"+theirs+" ", ":"+ours+" ")
		recorded = strings.ReplaceAll(recorded, "SAVPF "+theirs+"\r", "SAVPF "+ours+"\r")
	}
	return recorded
}

// endless plays a source again and again, on its own: encodings of one track begin at different
// times here.
type endless struct {
	client.Source
	from, to time.Duration // media time of the source's first frame; the end of its last
}

func (e *endless) Next() (client.Frame, error) {
	f, err := e.Source.Next()
	if errors.Is(err, io.EOF) {
		if err = e.Rewind(); err != nil {
			return f, err
		}
		e.from = e.to
		f, err = e.Source.Next()
	}
	f.At += e.from
	e.to = f.At + f.Duration
	return f, err
}

// waiting is an encoding that is promised and does not come before it is told to.
type waiting struct {
	*endless
	begin  <-chan struct{} // closed: it comes
	closed context.Context
	close  context.CancelFunc
	asked  time.Time // for the first frame, which is when the media began
}

func newWaiting(s *endless, begin <-chan struct{}) *waiting {
	closed, cancel := context.WithCancel(context.Background())
	return &waiting{endless: s, begin: begin, closed: closed, close: cancel}
}

func (w *waiting) Next() (client.Frame, error) {
	if w.asked.IsZero() {
		w.asked = time.Now()
		select {
		case <-w.begin:
			w.from = time.Since(w.asked)
		case <-w.closed.Done():
			return client.Frame{}, io.EOF
		}
	}
	return w.endless.Next()
}

func (w *waiting) Close() error {
	w.close()
	return w.endless.Close()
}
