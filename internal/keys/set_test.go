package keys_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/keys"
)

const badSignature = "unknown key or wrong signature"

// newSigner returns one with a key of its own.
func newSigner(t testing.TB, kid string) auth.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return auth.Signer{ID: kid, Private: private}
}

func mint(t testing.TB, s auth.Signer, issuer string) string {
	t.Helper()
	token, err := s.Mint(auth.Claims{
		Issuer: issuer, Audience: []string{"whippet"}, Expires: time.Now().Add(24 * time.Hour),
		Actions: []auth.Action{auth.Publish}, Streams: []string{"*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A fakeSource counts how often it is read. Its methods are safe for concurrent use.
type fakeSource struct {
	mu    sync.Mutex
	reads int
	keys  []auth.Key
	err   error
	wait  time.Duration
}

func (f *fakeSource) set(err error, signers ...auth.Signer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.keys = err, nil
	for _, s := range signers {
		f.keys = append(f.keys, s.Key())
	}
}

func (f *fakeSource) read(ctx context.Context) ([]auth.Key, error) {
	f.mu.Lock()
	f.reads++
	keys, err, wait := f.keys, f.err, f.wait
	f.mu.Unlock()
	select {
	case <-time.After(wait):
		return keys, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fakeSource) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

func (f *fakeSource) source(issuer string) keys.Source {
	return keys.Source{Issuer: issuer, Name: "fake", Optional: true, Read: f.read}
}

func open(t *testing.T, cfg keys.Config) *keys.Set {
	t.Helper()
	cfg.Audience = "whippet"
	s, err := keys.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func holds(s *keys.Set, token string) bool {
	_, err := s.Verify(token, time.Now())
	return err == nil
}

// TestJ11Rotation: the first token of a new key holds, those of the old one hold until
// its owner takes it out, and not much longer.
func TestJ11Rotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, old, next := &fakeSource{}, newSigner(t, "1"), newSigner(t, "2")
		f.set(nil, old)
		s := open(t, keys.Config{Sources: []keys.Source{f.source("")}})
		time.Sleep(time.Minute)
		if !holds(s, mint(t, old, "")) || holds(s, mint(t, next, "")) {
			t.Error("before the rotation")
		}
		time.Sleep(time.Minute)
		f.set(nil, old, next)
		if !holds(s, mint(t, next, "")) {
			t.Error("the first token of the new key is refused")
		}
		if !holds(s, mint(t, old, "")) {
			t.Error("the old key is gone too early")
		}
		f.set(nil, next)
		time.Sleep(5*time.Minute + time.Second)
		if holds(s, mint(t, old, "")) || !holds(s, mint(t, next, "")) {
			t.Error("the old key still holds")
		}
	})
}

// TestJ11UnknownKidsAreBounded: a thousand made up kids a second make no more than one
// reading each ten seconds, and those of known keys do none.
func TestJ11UnknownKidsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, known := &fakeSource{}, newSigner(t, "known")
		f.set(nil, known)
		s := open(t, keys.Config{Sources: []keys.Source{f.source("")}})
		stranger := newSigner(t, "")
		begin := time.Now()
		for i := range 1000 {
			time.Sleep(60 * time.Millisecond)
			stranger.ID = fmt.Sprint("kid-", i)
			_, err := s.Verify(mint(t, stranger, ""), time.Now())
			if err == nil || err.Error() != badSignature {
				t.Fatal(err)
			}
		}
		if n, most := f.count(), 1+int(time.Since(begin)/(10*time.Second)); n > most || n < most-1 {
			t.Errorf("%d readings in %v", n, time.Since(begin))
		}
		n := f.count()
		stranger.ID = "known" // a wrong signature is no unknown key
		time.Sleep(20 * time.Second)
		for range 100 {
			if holds(s, mint(t, stranger, "")) || !holds(s, mint(t, known, "")) {
				t.Fatal("wrong")
			}
		}
		if f.count() != n {
			t.Errorf("%d more readings", f.count()-n)
		}
	})
}

// TestJ11OldKeysStay while their source fails, however often it is asked.
func TestJ11OldKeysStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		f, known, next := &fakeSource{}, newSigner(t, "1"), newSigner(t, "2")
		f.set(nil, known)
		s := open(t, keys.Config{Sources: []keys.Source{f.source("")}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		f.set(errors.New("down"), next)
		time.Sleep(time.Hour)
		if !holds(s, mint(t, known, "")) || holds(s, mint(t, next, "")) {
			t.Error("while the source is down")
		}
		if n := strings.Count(log.String(), "not-read"); n != 1 {
			t.Errorf("%d lines: %s", n, log.String())
		}
		twice := newSigner(t, "2")
		f.set(nil, next, twice) // ambiguous: refused as a whole
		time.Sleep(time.Hour)
		if !holds(s, mint(t, known, "")) || holds(s, mint(t, next, "")) {
			t.Error("while the source is ambiguous")
		}
		f.set(nil, next)
		time.Sleep(31 * time.Second) // it is tried again sooner after a failure
		if holds(s, mint(t, known, "")) || !holds(s, mint(t, next, "")) {
			t.Error("after the source is back")
		}
		if !strings.Contains(log.String(), "read-again") {
			t.Errorf("nothing says that it is back: %s", log.String())
		}
	})
}

// TestJ8OnlyTheIssuersSourceIsAsked, and keys without an issuer do not stand in for it.
func TestJ8OnlyTheIssuersSourceIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, own := &fakeSource{}, &fakeSource{}, newSigner(t, "")
		signerA, signerB := newSigner(t, "k"), newSigner(t, "k")
		a.set(nil, signerA)
		b.set(errors.New("down"))
		s := open(t, keys.Config{Keys: []auth.Key{own.Key()}, Sources: []keys.Source{a.source("A"), b.source("B")}})
		if len(s.Warnings()) != 1 || !strings.Contains(s.Warnings()[0], "down") {
			t.Errorf("warnings %q", s.Warnings())
		}
		time.Sleep(11 * time.Second)
		if !holds(s, mint(t, signerA, "A")) || holds(s, mint(t, signerA, "B")) || holds(s, mint(t, signerA, "")) {
			t.Error("keys of A")
		}
		if holds(s, mint(t, own, "B")) || !holds(s, mint(t, own, "C")) || !holds(s, mint(t, own, "")) {
			t.Error("our own key")
		}
		if a.count() != 1 || b.count() != 2 {
			t.Errorf("A was read %d times, B %d", a.count(), b.count())
		}
		b.set(nil, signerB)
		time.Sleep(11 * time.Second)
		if !holds(s, mint(t, signerB, "B")) {
			t.Error("the first token after B is back")
		}
	})
}

// TestARefusedSourceHarmsNoOther: while one's new keys are ambiguous, those of another are
// replaced.
func TestARefusedSourceHarmsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &fakeSource{}, &fakeSource{}
		old, next := newSigner(t, "1"), newSigner(t, "2")
		a.set(nil, old)
		b.set(nil, old)
		s := open(t, keys.Config{Sources: []keys.Source{a.source("A"), b.source("B")}})
		a.set(nil, next, newSigner(t, "2"))
		time.Sleep(11 * time.Second)
		if holds(s, mint(t, next, "A")) || !holds(s, mint(t, old, "A")) {
			t.Error("A")
		}
		b.set(nil, next)
		if !holds(s, mint(t, next, "B")) || holds(s, mint(t, old, "B")) {
			t.Error("B")
		}
	})
}

// TestSlowSourceHoldsUpOnlySome: tokens of known keys do not wait; of those that wait there
// is a bound, and an end.
func TestSlowSourceHoldsUpOnlySome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, known := &fakeSource{}, newSigner(t, "known")
		f.set(nil, known)
		s := open(t, keys.Config{Sources: []keys.Source{f.source("")}})
		time.Sleep(11 * time.Second)
		f.mu.Lock()
		f.wait = time.Hour
		f.mu.Unlock()
		unknown := mint(t, newSigner(t, "new"), "")
		begin := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		waited := 0
		for range 200 {
			wg.Go(func() {
				if holds(s, unknown) {
					t.Error("an unknown key")
				}
				mu.Lock()
				defer mu.Unlock()
				if time.Since(begin) > 0 {
					waited++
				}
			})
		}
		synctest.Wait()
		if !holds(s, mint(t, known, "")) || time.Since(begin) > 0 {
			t.Error("a known key waits")
		}
		wg.Wait()
		if took := time.Since(begin); took > 5*time.Second || waited != 64 {
			t.Errorf("%d waited, %v", waited, took)
		}
	})
}

func TestCloseEndsAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, known := &fakeSource{}, newSigner(t, "known")
		f.set(nil, known)
		s := open(t, keys.Config{Sources: []keys.Source{f.source("")}})
		f.mu.Lock()
		f.wait = time.Hour
		f.mu.Unlock()
		time.Sleep(5*time.Minute + time.Second)
		begin := time.Now()
		s.Close()
		if time.Since(begin) != 0 {
			t.Error("Close waits for the source")
		}
		if !holds(s, mint(t, known, "")) {
			t.Error("the keys are gone")
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	f := &fakeSource{}
	f.set(errors.New("down"))
	needed := f.source("")
	needed.Optional = false
	for name, cfg := range map[string]keys.Config{
		"a source that fails": {Audience: "whippet", Sources: []keys.Source{needed}},
		"a weak key":          {Audience: "whippet", Keys: []auth.Key{{Algorithm: auth.HS256, Secret: []byte("short")}}},
		"no audience":         {Keys: []auth.Key{newSigner(t, "").Key()}},
		"too many sources":    {Audience: "whippet", Sources: make([]keys.Source, 17)},
	} {
		if s, err := keys.Open(t.Context(), cfg); err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

// TestNoKeysRefuseEverything: also the first token, whoever signed it.
func TestNoKeysRefuseEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, next := &fakeSource{}, newSigner(t, "1")
		f.set(errors.New("down"))
		s := open(t, keys.Config{Sources: []keys.Source{f.source("")}})
		if _, err := s.Verify(mint(t, next, ""), time.Now()); !errors.Is(err, auth.ErrInvalid) || err.Error() != badSignature {
			t.Errorf("%v", err)
		}
		if _, err := s.Verify("", time.Now()); !errors.Is(err, auth.ErrMissing) {
			t.Errorf("%v", err)
		}
		f.set(nil, next)
		time.Sleep(11 * time.Second)
		if !holds(s, mint(t, next, "")) {
			t.Error("the first token after the source is back")
		}
	})
}
