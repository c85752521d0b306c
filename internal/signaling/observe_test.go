package signaling_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

// An audience keeps what observers are shown.
type audience struct {
	mu       sync.Mutex
	news     []string
	refusals []signaling.Refusal
}

func (a *audience) observe(n signaling.News) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := string(n.Event)
	if n.Event == signaling.Ended {
		text += fmt.Sprintf(" %s %v", n.Reason, n.Connected)
	}
	a.news = append(a.news, fmt.Sprintf("%s %s %s", n.Session.Kind(), n.Session.Stream(), text))
}

func (a *audience) refused(r signaling.Refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusals = append(a.refusals, r)
}

func (a *audience) want(t *testing.T, want ...string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.news, want) {
		t.Errorf("got  %q\nwant %q", a.news, want)
	}
}

// TestEventsOfASession come in order, each in one line of the log with the same keys, and
// none after the last.
func TestEventsOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a audience
		var log bytes.Buffer
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHIP, o, signaling.Config{
			Verifier: signalingtest.Verifier(t), Observe: a.observe, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		token := signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) { c.Subject = "camera" })
		x.Create(t, "live", token)
		s := o.last().session
		for _, state := range []rtc.State{rtc.Connected, rtc.Disconnected, rtc.Connected} {
			time.Sleep(time.Second)
			s.OnState(state)
		}
		s.OnMedia()
		s.OnState(rtc.Closed)
		synctest.Wait()
		s.OnState(rtc.Connected)
		s.OnMedia()
		a.want(t, "whip live created", "whip live connected", "whip live disconnected", "whip live reconnected",
			"whip live media", "whip live ended peer-left true")
		if s.Subject() != "camera" {
			t.Errorf("subject %q", s.Subject())
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 6 || !strings.Contains(lines[0], "address=192.0.2.1 subject=camera") || !strings.Contains(lines[5], "after=3 reason=peer-left connected=true") {
			t.Error(log.String())
		}
		for _, line := range lines {
			if !strings.Contains(line, "level=INFO msg=session session="+s.ID()+" stream=live kind=whip event=") {
				t.Error(line)
			}
		}
	})
}

// TestFailedPostsAreToldOfToo, by their end alone.
func TestFailedPostsAreToldOfToo(t *testing.T) {
	var a audience
	x := newTarget(t, signaling.WHEP, &fakeOpener{err: signaling.Closing()}, signaling.Config{Observe: a.observe})
	x.Post(t, "live", x.Offer(), "").Want(t, 503)
	a.want(t, "whep live ended refused false")
}

// TestRefusalsAreShown with what the request wanted, and nothing of its token.
func TestRefusalsAreShown(t *testing.T) {
	var a audience
	x := newTarget(t, signaling.WHEP, &fakeOpener{}, signaling.Config{Verifier: signalingtest.Verifier(t), ObserveRefusal: a.refused})
	x.Post(t, "live", x.Offer(), "").Want(t, 401)
	x.Post(t, "live", x.Offer(), "bad").Want(t, 401)
	x.Post(t, "live", x.Offer(), signalingtest.Token(t, auth.Publish, "live")).Want(t, 403)
	x.Post(t, "%2e%2e", x.Offer(), "bad").Want(t, 401)
	x.Post(t, "live", "no offer", signalingtest.Token(t, auth.Subscribe, "live")).Want(t, 400) // another matter
	want := []signaling.Refusal{
		{Code: "token-required", Status: 401, Stream: "live", Action: "play"},
		{Code: "token-invalid", Status: 401, Stream: "live", Action: "play"},
		{Code: "not-allowed", Status: 403, Stream: "live", Action: "play"},
		{Code: "token-invalid", Status: 401, Action: "play"},
	}
	for i := range a.refusals {
		if r := &a.refusals[i]; r.At.IsZero() || r.Address != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("%+v", r)
		}
		a.refusals[i].At, a.refusals[i].Address = time.Time{}, netip.Addr{}
	}
	if !slices.Equal(a.refusals, want) {
		t.Errorf("got  %+v\nwant %+v", a.refusals, want)
	}
}
