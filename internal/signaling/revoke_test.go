package signaling_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

// of makes a token's subject and id.
func of(subject, id string) func(*auth.Claims) {
	return func(c *auth.Claims) { c.Subject, c.ID = subject, id }
}

func bearing(q signalingtest.Request, token string) signalingtest.Request {
	return q.With("Authorization", "Bearer "+token)
}

// trickle is a PATCH that changes nothing.
func trickle(s signalingtest.Created, token string) signalingtest.Request {
	q := signalingtest.Request{Method: "PATCH", Path: s.Path, Body: sdptest.Fragment(sdptest.RFC, sdptest.Ufrag, sdptest.Pwd, "0")}
	return bearing(q.With("Content-Type", "application/trickle-ice-sdpfrag").With("If-Match", s.Tag), token)
}

// TestJ16_RevocationEndsAndRefuses: sessions of what is revoked have ended when Revoke
// returns, their token is refused, and their client may still DELETE.
func TestJ16_RevocationEndsAndRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		r            auth.Revocation
		ended        int
		ann, bob     int    // status of a further POST to cam
		live         int    // of ann's to live
		code         string // of ann's refusal on live
		annsNewToken int    // of a POST to live
	}{
		"jti":              {auth.Revocation{ID: "a1"}, 2, 401, 201, 401, "token-invalid", 201},
		"sub":              {auth.Revocation{Subject: "ann"}, 2, 401, 201, 401, "token-invalid", 401},
		"stream":           {auth.Revocation{Stream: "live"}, 2, 201, 201, 403, "stream-revoked", 403},
		"stream of one":    {auth.Revocation{Stream: "live", Subject: "ann"}, 1, 201, 201, 403, "stream-revoked", 403},
		"what nobody uses": {auth.Revocation{ID: "zzz"}, 0, 201, 201, 201, "", 201},
	} {
		t.Run(name, func(t *testing.T) {
			o := &fakeOpener{}
			var told []auth.Revocation
			x := newTarget(t, signaling.WHEP, o, signaling.Config{
				Verifier: signalingtest.Verifier(t), Announce: func(r auth.Revocation) { told = append(told, r) },
			})
			mint := func(subject, id string) string { return signalingtest.Token(t, auth.Subscribe, "*", of(subject, id)) }
			ann, bob := mint("ann", "a1"), mint("bob", "b1")
			first := x.Create(t, "live", ann)
			x.Create(t, "cam", ann)
			x.Create(t, "live", bob)
			o.last().session.OnState(rtc.Connected)
			ended, err := x.Service.Revoke(c.r)
			if all, _ := x.Service.Sessions(); err != nil || ended != c.ended || all != 3-c.ended {
				t.Fatalf("%d ended, %d left, %v", ended, all, err)
			}
			if len(told) != 1 || told[0].Until.IsZero() {
				t.Errorf("announced: %+v", told)
			}
			x.Post(t, "cam", x.Offer(), ann).Want(t, c.ann)
			x.Post(t, "cam", x.Offer(), bob).Want(t, c.bob)
			if r := x.Post(t, "live", x.Offer(), ann).Want(t, c.live); c.code != "" && r.Problem.Type != "urn:whippet:problem:"+c.code {
				t.Errorf("problem %q", r.Problem.Type)
			}
			x.Post(t, "live", x.Offer(), mint("ann", "a2")).Want(t, c.annsNewToken)
			if c.ended > 0 {
				x.Do(t, bearing(get(first.Path), ann)).Want(t, 404)
				x.Do(t, bearing(del(first.Path), ann)).Want(t, 200)
			}
		})
	}
}

// TestJ16_RevocationsFromElsewhere are not announced again, and hold like our own.
func TestJ16_RevocationsFromElsewhere(t *testing.T) {
	x := newTarget(t, signaling.WHEP, &fakeOpener{}, signaling.Config{
		Verifier: signalingtest.Verifier(t), Announce: func(auth.Revocation) { t.Error("announced") },
	})
	token := signalingtest.Token(t, auth.Subscribe, "*", of("ann", "a1"))
	x.Create(t, "live", token)
	if ended, err := x.Service.Learn(auth.Revocation{Subject: "ann"}); ended != 1 || err != nil {
		t.Errorf("%d ended, %v", ended, err)
	}
	x.Post(t, "live", x.Offer(), token).Want(t, 401)
	if _, err := x.Service.Revoke(auth.Revocation{}); err == nil {
		t.Error("a revocation of nothing is taken")
	}
	if list := x.Service.Revocations(); len(list) != 1 || list[0].Subject != "ann" {
		t.Errorf("in force: %+v", list)
	}
}

// TestJ16_Unrevoke: what was revoked by mistake is good again, here and elsewhere.
func TestJ16_Unrevoke(t *testing.T) {
	other := newTarget(t, signaling.WHEP, &fakeOpener{}, signaling.Config{Verifier: signalingtest.Verifier(t)})
	x := newTarget(t, signaling.WHEP, &fakeOpener{}, signaling.Config{
		Verifier: signalingtest.Verifier(t), Announce: func(r auth.Revocation) {
			if _, err := other.Service.Learn(r); err != nil {
				t.Error(err)
			}
		},
	})
	token := signalingtest.Token(t, auth.Subscribe, "*", of("ann", "a1"))
	for _, r := range []auth.Revocation{{Subject: "ann"}, {ID: "a1"}} {
		if _, err := x.Service.Revoke(r); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{401, 201} { // the second one still held after the first
		r := []auth.Revocation{{Subject: "ann"}, {ID: "a1"}}[i]
		if !x.Service.Unrevoke(r) || x.Service.Unrevoke(r) {
			t.Errorf("%+v is taken back once", r)
		}
		for _, node := range []*signalingtest.Target{x, other} {
			node.Post(t, "live", node.Offer(), token).Want(t, want)
		}
	}
}

// TestJ16_RevocationWhileAnOfferIsOpened: a POST that was let in before does not survive.
func TestJ16_RevocationWhileAnOfferIsOpened(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHEP, o, signaling.Config{Verifier: signalingtest.Verifier(t)})
	o.opening = func() {
		if ended, err := x.Service.Revoke(auth.Revocation{Subject: "ann"}); ended != 1 || err != nil {
			t.Errorf("%d ended, %v", ended, err)
		}
	}
	x.Post(t, "live", x.Offer(), signalingtest.Token(t, auth.Subscribe, "*", of("ann", ""))).Want(t, 503)
	wantSessions(t, x.Service, 0, 0)
	if len(o.steps) != 2 {
		t.Errorf("undone: %q", o.steps)
	}
}

// TestJ16_RevocationWhileAnOfferIsRead: a POST that was let in before makes no session.
func TestJ16_RevocationWhileAnOfferIsRead(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHEP, o, signaling.Config{Verifier: signalingtest.Verifier(t)})
	offer := strings.NewReader(x.Offer())
	body := readerFunc(func(b []byte) (int, error) {
		if n, err := x.Service.Revoke(auth.Revocation{Subject: "ann"}); n != 0 || err != nil {
			t.Errorf("%d ended, %v", n, err)
		}
		return offer.Read(b)
	})
	r := httptest.NewRequest("POST", x.Endpoint("live"), body)
	r.Header.Set("Content-Type", "application/sdp")
	r.Header.Set("Authorization", "Bearer "+signalingtest.Token(t, auth.Subscribe, "*", of("ann", "")))
	w := httptest.NewRecorder()
	x.Handler.ServeHTTP(w, r)
	if w.Code != 403 || len(o.peers) != 0 {
		t.Errorf("%d, %d peers", w.Code, len(o.peers))
	}
	wantSessions(t, x.Service, 0, 0)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// TestRevocationsAreBounded: at the bound a further one is refused, until one is over.
func TestRevocationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTarget(t, signaling.WHEP, &fakeOpener{}, signaling.Config{Verifier: signalingtest.Verifier(t)})
		until := time.Now().Add(time.Hour)
		for i := range signaling.MaxRevocations {
			if _, err := x.Service.Revoke(auth.Revocation{ID: fmt.Sprint(i), Until: until}); err != nil {
				t.Fatal(err)
			}
		}
		more := auth.Revocation{ID: "more", Until: until.Add(time.Hour)}
		if _, err := x.Service.Revoke(more); !errors.Is(err, signaling.ErrTooManyRevocations) {
			t.Errorf("one too many: %v", err)
		}
		if _, err := x.Service.Revoke(auth.Revocation{ID: "1", Until: until}); err != nil {
			t.Errorf("one that is there: %v", err)
		}
		time.Sleep(time.Hour)
		if n := len(x.Service.Revocations()); n != 0 {
			t.Errorf("%d in force after their end", n)
		}
		if _, err := x.Service.Revoke(more); err != nil || len(x.Service.Revocations()) != 1 {
			t.Errorf("after the end of the others: %v", err)
		}
	})
}

// TestRevocationsOnlyGrow: a second one about the same allows nothing again.
func TestRevocationsOnlyGrow(t *testing.T) {
	x := newTarget(t, signaling.WHEP, &fakeOpener{}, signaling.Config{Verifier: signalingtest.Verifier(t)})
	now := time.Now().Truncate(time.Second)
	for _, r := range []auth.Revocation{
		{Subject: "ann", Until: now.Add(2 * time.Hour)},
		{Subject: "ann", Until: now.Add(time.Hour), Before: now},
	} {
		if _, err := x.Service.Revoke(r); err != nil {
			t.Fatal(err)
		}
	}
	list := x.Service.Revocations()
	if len(list) != 1 || !list[0].Before.IsZero() || !list[0].Until.Equal(now.Add(2*time.Hour)) {
		t.Errorf("%+v", list)
	}
}

func TestKick(t *testing.T) {
	o := &fakeOpener{}
	x := newTarget(t, signaling.WHIP, o, signaling.Config{})
	s := x.Create(t, "live", "")
	x.Create(t, "other", "")
	o.last().session.OnState(rtc.Connected)
	id := o.peers[0].session.ID()
	if info := x.Service.Session(id).Info(); info.ID != id || info.Stream != "live" || info.Kind != signaling.WHIP ||
		info.Address.String() != "192.0.2.1" || !info.Connected.IsZero() || !info.Ends.IsZero() {
		t.Errorf("%+v", info)
	}
	if !x.Service.Kick(id, "") || x.Service.Kick(id, "") || x.Service.Kick("none", "") {
		t.Error("a session is kicked once, and none never")
	}
	if want := []string{"peer kicked", "name kicked"}; !slices.Equal(o.steps, want) {
		t.Errorf("undone: %q", o.steps)
	}
	if all := x.Service.All(); len(all) != 1 || all[0].Stream() != "other" || x.Service.Session(id) != nil {
		t.Errorf("left: %v", all)
	}
	x.Do(t, get(s.Path)).Want(t, 404)
	x.Do(t, del(s.Path)).Want(t, 200)
	x.Create(t, "live", "")
}

// TestW77_PatchRenews: a PATCH with another token of the same subject lets the session
// live as long as that one says, never shorter, and makes it the session's own.
func TestW77_PatchRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOpener{}
		x := newTarget(t, signaling.WHIP, o, signaling.Config{Verifier: signalingtest.Verifier(t), RequireBearer: true})
		start := time.Now()
		mint := func(life, session time.Duration, change ...func(*auth.Claims)) string {
			bounds := func(c *auth.Claims) { c.Expires, c.MaxSession = start.Add(life), session }
			return signalingtest.Token(t, auth.Publish, "live", append(change, bounds)...)
		}
		s := x.Create(t, "live", mint(10*time.Minute, 0))
		session := o.last().session
		session.OnState(rtc.Connected)
		wantEnd := func(step string, want time.Duration) {
			t.Helper()
			if got := session.Info().Ends.Sub(start); got != want {
				t.Errorf("%s: ends after %v, want %v", step, got, want)
			}
		}
		wantEnd("at first", 10*time.Minute+auth.Leeway)
		shorter := mint(5*time.Minute, 0)
		x.Do(t, trickle(s, shorter)).Want(t, 204)
		wantEnd("shorter", 10*time.Minute+auth.Leeway)
		x.Do(t, trickle(s, mint(time.Hour, time.Minute))).Want(t, 204)
		wantEnd("max_session counts from the start", 10*time.Minute+auth.Leeway)
		x.Do(t, trickle(s, mint(time.Hour, 0, of("bob", "")))).Want(t, 403)
		x.Do(t, bearing(get(s.Path), mint(2*time.Hour, 0))).Want(t, 204)
		wantEnd("a GET renews nothing", 10*time.Minute+auth.Leeway)
		last := mint(20*time.Minute, 0, of("tester", "last"))
		x.Do(t, trickle(s, last)).Want(t, 204)
		wantEnd("longer", 20*time.Minute+auth.Leeway)
		if got := session.Info().Token; got != "last" {
			t.Errorf("the token in force is %q", got)
		}
		time.Sleep(20*time.Minute + auth.Leeway - time.Millisecond)
		wantSessions(t, x.Service, 1, 0)
		x.Do(t, bearing(get(s.Path), last)).Want(t, 204)
		x.Do(t, bearing(get(s.Path), shorter)).Want(t, 401) // neither the first nor the last
		time.Sleep(time.Millisecond)
		synctest.Wait()
		wantSessions(t, x.Service, 0, 0)
		x.Do(t, bearing(del(s.Path), last)).Want(t, 200)
	})
}

// TestJ16_RevokedRenewal: a session ends with either of the tokens it belongs to.
func TestJ16_RevokedRenewal(t *testing.T) {
	for _, id := range []string{"first", "second"} {
		x := newTarget(t, signaling.WHIP, &fakeOpener{}, signaling.Config{Verifier: signalingtest.Verifier(t)})
		s := x.Create(t, "live", signalingtest.Token(t, auth.Publish, "live", of("ann", "first")))
		x.Do(t, trickle(s, signalingtest.Token(t, auth.Publish, "live", of("ann", "second")))).Want(t, 204)
		if n, err := x.Service.Revoke(auth.Revocation{ID: id}); n != 1 || err != nil {
			t.Errorf("%s: %d ended, %v", id, n, err)
		}
	}
}
