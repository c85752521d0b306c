package signaling_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

func get(path string) signalingtest.Request { return signalingtest.Request{Method: "GET", Path: path} }

func del(path string) signalingtest.Request {
	return signalingtest.Request{Method: "DELETE", Path: path}
}

func wantSessions(t *testing.T, s *signaling.Service, all, halfOpen int) {
	t.Helper()
	if a, h := s.Sessions(); a != all || h != halfOpen {
		t.Errorf("%d sessions, %d half-open; want %d and %d", a, h, all, halfOpen)
	}
}

func TestW14_FailedOpenIsUndoneInReverse(t *testing.T) {
	o := &fakeOpener{err: signaling.NewProblem(http.StatusConflict, "stream-busy", "Busy.").RetryAfter(time.Second)}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{})
	x.Post(t, "live", x.Offer(), "").Want(t, 409)
	if want := []string{"peer refused", "name refused"}; !slices.Equal(o.steps, want) {
		t.Errorf("undone: %q, want %q", o.steps, want)
	}
	wantSessions(t, x.Service, 0, 0)
}

func TestSessionLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHIP, o, signaling.Config{})
		s := x.Create(t, "live", "")
		wantSessions(t, x.Service, 1, 1)
		peer := o.last()
		peer.session.OnState(rtc.Connected)
		wantSessions(t, x.Service, 1, 0)
		time.Sleep(time.Hour) // connected sessions are not reaped
		peer.session.OnState(rtc.Disconnected)
		peer.session.OnState(rtc.Connected)
		x.Do(t, get(s.Path)).Want(t, 204)
		peer.session.OnState(rtc.Failed)
		peer.session.OnState(rtc.Closed)
		synctest.Wait()
		x.Do(t, get(s.Path)).Want(t, 404)
		x.Do(t, del(s.Path)).Want(t, 404)
		wantSessions(t, x.Service, 0, 0)
		if want := []string{"peer failed", "name failed"}; !slices.Equal(o.steps, want) {
			t.Errorf("undone: %q, want %q", o.steps, want)
		}
	})
}

func TestW73_DeleteAfterPeerLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHIP, o, signaling.Config{Verifier: signalingtest.Verifier(t)})
		token := signalingtest.Token(t, auth.Publish, "live")
		s := x.Create(t, "live", token)
		o.last().session.OnState(rtc.Connected)
		o.last().session.OnState(rtc.Closed)
		synctest.Wait()
		wantSessions(t, x.Service, 0, 0)
		x.Do(t, get(s.Path)).Want(t, 404)
		x.Patch(t, s.Path, "*", "").Want(t, 404)
		x.Do(t, del(s.Path).With("Authorization", "Bearer bad")).Want(t, 401)
		x.Do(t, del(s.Path).With("Authorization", "Bearer "+token)).Want(t, 200)
		x.Do(t, del(s.Path)).Want(t, 404)
		if len(o.steps) != 2 {
			t.Errorf("undone: %q", o.steps)
		}
	})
}

// TestW78_DeleteWaitsForTheEnd: a DELETE that comes while the session ends by itself is
// answered when everything is given back, not before.
func TestW78_DeleteWaitsForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHIP, o, signaling.Config{})
		s := x.Create(t, "live", "")
		gate := make(chan struct{})
		o.last().session.OnEnd(func(signaling.Reason) { <-gate })
		o.last().session.OnState(rtc.Closed)
		synctest.Wait()
		answered := make(chan int, 1)
		go func() { answered <- x.Do(t, del(s.Path)).Status }()
		synctest.Wait()
		select {
		case status := <-answered:
			t.Errorf("answered %d before the end", status)
			answered <- status
		default:
		}
		close(gate)
		if status := <-answered; status != 200 || len(o.steps) != 2 {
			t.Errorf("status %d after %q", status, o.steps)
		}
	})
}

func TestW118_PlainTURNIsAdded(t *testing.T) {
	x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{
		ICEServers: []string{"turn:t.example?transport=tcp", "turns:t.example"}, TURNSecret: "s",
	})
	links := x.Create(t, "live", "").Header.Values("Link")
	if len(links) != 3 || !strings.HasPrefix(links[2], "<turn:t.example>;") {
		t.Errorf("links %q", links)
	}
}

func TestW77_TokenOfTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHIP, o, signaling.Config{Verifier: signalingtest.Verifier(t), RequireBearer: true})
		token := signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) { c.Expires = time.Now().Add(2 * time.Second) })
		s := x.Create(t, "live", token)
		o.last().session.OnState(rtc.Connected)
		mine := func(q signalingtest.Request) signalingtest.Request {
			return q.With("Authorization", "Bearer "+token)
		}
		time.Sleep(time.Second + auth.Leeway)
		x.Do(t, mine(get(s.Path))).Want(t, 204)
		time.Sleep(2 * time.Second) // the grant ends, and the session with it
		wantSessions(t, x.Service, 0, 0)
		if want := []string{"peer token-expired", "name token-expired"}; !slices.Equal(o.steps, want) {
			t.Errorf("undone: %q, want %q", o.steps, want)
		}
		x.Do(t, mine(get(s.Path))).Want(t, 404)
		x.Do(t, mine(del(s.Path+"x"))).Want(t, 401)
		x.Do(t, mine(del(s.Path))).Want(t, 200)
		x.Do(t, mine(del(s.Path))).Want(t, 404)
		time.Sleep(10 * time.Second)
		if n := x.Service.Entries(); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	})
}

// TestCloseWaitsForSessionsThatEndAlready: what a DELETE is giving back is not left
// behind by Close.
func TestCloseWaitsForSessionsThatEndAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHIP, o, signaling.Config{})
		s := x.Create(t, "live", "")
		gate := make(chan struct{})
		o.last().session.OnEnd(func(signaling.Reason) { <-gate })
		deleted, closed := make(chan struct{}), make(chan struct{})
		go func() { x.Do(t, del(s.Path)); close(deleted) }()
		synctest.Wait()
		go func() { x.Service.Close(); close(closed) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed before the session had ended")
		default:
		}
		close(gate)
		<-deleted
		<-closed
	})
}

func TestW95_RefusedRestart(t *testing.T) {
	for err, want := range map[error]int{
		rtc.ErrBadCredentials: 400, rtc.ErrClosed: 404, errors.New("no sockets"): 422,
	} {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHIP, o, signaling.Config{})
		s := x.Create(t, "live", "")
		o.last().err = err
		fragment := sdptest.Fragment(sdptest.RFC, "newufrag", "newpassword0123456789ab", "0")
		x.Patch(t, s.Path, "*", fragment).Want(t, want)
		x.Patch(t, s.Path, s.Tag, sdptest.Fragment(sdptest.RFC, sdptest.Ufrag, sdptest.Pwd, "0")).Want(t, 204)
		o.last().err = nil
		x.Patch(t, s.Path, "*", fragment).Want(t, 200)
	}
}

func TestW97_W98_OnlyUsefulCandidatesApply(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{})
	s := x.Create(t, "live", "")
	good := "candidate:9 1 udp 2113937151 192.0.2.7 50000 typ host"
	x.Patch(t, s.Path, s.Tag, sdptest.Fragment(sdptest.RFC, sdptest.Ufrag, sdptest.Pwd, "0",
		"candidate:1 1 sctp 2113937151 192.0.2.7 50001 typ host",
		"candidate:2 1 udp 2113937151 x.local 50002 typ host",
		"candidate:3 1 udp 2113937151 192.0.2.7 50003 typ host ufrag other", good)).Want(t, 204)
	if got := o.last().candidates; !slices.Equal(got, []string{good}) {
		t.Errorf("candidates %q", got)
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{})
	s := x.Create(t, "live", "")
	for i := range 500 {
		c := fmt.Sprintf("candidate:1 1 udp 2113937151 192.0.2.7 %d typ host", 10_000+i)
		x.Patch(t, s.Path, s.Tag, sdptest.Fragment(sdptest.RFC, sdptest.Ufrag, sdptest.Pwd, "0", c)).Want(t, 204)
	}
	if got := len(o.last().candidates); got != 128 {
		t.Errorf("%d candidates", got)
	}
}

func TestRestartsAreBounded(t *testing.T) {
	x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{})
	s := x.Create(t, "live", "")
	for i := range 256 {
		x.Patch(t, s.Path, "*", sdptest.Fragment(sdptest.RFC, fmt.Sprintf("ufrag%d", i), "newpassword0123456789ab", "0")).Want(t, 200)
	}
	x.Patch(t, s.Path, "*", sdptest.Fragment(sdptest.RFC, "onemore", "newpassword0123456789ab", "0")).Want(t, 422)
	for i := range 255 {
		x.Patch(t, s.Path, "*", sdptest.Fragment(sdptest.RFC, fmt.Sprintf("ufrag%d", i), "newpassword0123456789ab", "0", "candidate:1 1 udp 1 192.0.2.7 5 typ host")).Want(t, 412)
	}
}

// TestW133_TenThousandHalfOpen floods a node; a connected session is not harmed and the
// node recovers by itself.
func TestW133_TenThousandHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHEP, o, signaling.Config{})
		s := x.Create(t, "live", "")
		o.last().session.OnState(rtc.Connected)
		statuses := map[int]int{}
		offer := x.Offer()
		for range 10_000 {
			statuses[x.Post(t, "live", offer, "").Status]++
		}
		if statuses[201] != signaling.DefaultHalfOpen || statuses[503] != 10_000-signaling.DefaultHalfOpen {
			t.Errorf("statuses %v", statuses)
		}
		time.Sleep(signaling.DefaultConnectTimeout + 2*time.Second)
		synctest.Wait()
		wantSessions(t, x.Service, 1, 0)
		x.Do(t, get(s.Path)).Want(t, 204)
		x.Create(t, "live", "")
	})
}

func TestCloseEndsEverything(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{})
	var paths []string
	for i := range 100 {
		paths = append(paths, x.Create(t, fmt.Sprint("live", i), "").Path)
		if i%2 == 0 {
			o.last().session.OnState(rtc.Connected)
		}
	}
	var wg sync.WaitGroup
	for _, p := range o.peers {
		wg.Go(func() { p.session.OnState(rtc.Closed) })
	}
	wg.Go(x.Service.Close)
	wg.Wait()
	x.Service.Close()
	wantSessions(t, x.Service, 0, 0)
	if len(o.steps) != 200 {
		t.Errorf("%d steps undone, want 200", len(o.steps))
	}
	x.Do(t, get(paths[0])).Want(t, 404)
	x.Post(t, "live", x.Offer(), "").Want(t, 503)
}

func TestOnEndAfterTheEnd(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{})
	s := x.Create(t, "live", "")
	x.Do(t, del(s.Path)).Want(t, 200)
	var got signaling.Reason
	o.last().session.OnEnd(func(r signaling.Reason) { got = r })
	if got != signaling.Deleted {
		t.Errorf("reason %q", got)
	}
}

// TestThousandSessions ends sessions in every way there is and leaves no entry behind.
func TestThousandSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHEP, o, signaling.Config{})
		for i := range 1000 {
			s := x.Create(t, "live", "")
			session := o.last().session
			if i%2 == 0 {
				session.OnState(rtc.Connected)
			}
			switch i % 5 {
			case 0:
				x.Do(t, del(s.Path)).Want(t, 200)
			case 1:
				session.OnState(rtc.Closed)
			case 2:
				session.OnState(rtc.Failed)
			case 3:
				session.End(signaling.Replaced)
			case 4:
				session.OnState(rtc.Closed)
				x.Do(t, del(s.Path)).Want(t, 200)
			}
		}
		time.Sleep(signaling.DefaultConnectTimeout + 5*time.Second)
		synctest.Wait()
		if n := x.Service.Entries(); n != 0 {
			t.Errorf("%d entries left", n)
		}
		if len(o.steps) != 2000 {
			t.Errorf("%d steps undone, want 2000", len(o.steps))
		}
	})
}
