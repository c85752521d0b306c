package rtc

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// W68: Close reaches the client by close_notify, and nothing goes on after it.
func TestW68_CloseByUs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(false), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		start := time.Now()
		must(t, p.Close())
		c.waitState(t, webrtc.PeerConnectionStateClosed)
		if d := time.Since(start); d > 100*time.Millisecond {
			t.Errorf("client closed after %s", d)
		}
		if !slices.Equal(r.statesHeard(), []State{Connected, Closed}) {
			t.Errorf("states %v", r.statesHeard())
		}
		if err := p.WriteRTP(&rtp.Header{Version: 2}, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("WriteRTP after Close: %v", err)
		}
		if err := p.WriteRTCP(make([]byte, 8)); !errors.Is(err, ErrClosed) {
			t.Errorf("WriteRTCP after Close: %v", err)
		}
		if err := p.AddCandidate("candidate:1 1 udp 1 192.0.2.1 9 typ host"); !errors.Is(err, ErrClosed) {
			t.Errorf("AddCandidate after Close: %v", err)
		}
		if _, err := p.Restart("abcd", "passwordpasswordpassword", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Restart after Close: %v", err)
		}
		must(t, p.Close()) // again
		w.close(c)
	})
}

// W69: the client's close_notify ends the session at once.
func TestW69_CloseByClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		c.connect(t, w.transport, r, nil)
		start := time.Now()
		must(t, c.pc.Close())
		r.waitState(t, Closed)
		if d := time.Since(start); d > 100*time.Millisecond {
			t.Errorf("closed after %s", d)
		}
		if !slices.Equal(r.statesHeard(), []State{Connected, Closed}) {
			t.Errorf("states %v", r.statesHeard())
		}
		w.close(c)
	})
}

// W67: when the client vanishes, consent is lost and the session ends.
func TestW67_ConsentLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		c.connect(t, w.transport, r, nil)
		w.router.AddChunkFilter(clientFilter(func([]byte) bool { return false }))
		start := time.Now()
		for !slices.Contains(r.statesHeard(), Closed) && time.Since(start) < time.Minute {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		if d := time.Since(start); d < 20*time.Second || d > 30*time.Second {
			t.Errorf("closed after %s", d)
		}
		if !slices.Equal(r.statesHeard(), []State{Connected, Disconnected, Failed, Closed}) {
			t.Errorf("states %v", r.statesHeard())
		}
		w.close(c)
	})
}

// A client that was away for less than that comes back.
func TestDisconnectedAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var away atomic.Bool
		w.router.AddChunkFilter(clientFilter(func([]byte) bool { return !away.Load() }))
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		away.Store(true)
		time.Sleep(10 * time.Second)
		away.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := r.statesHeard(); !slices.Equal(got, []State{Connected, Disconnected, Connected}) {
			t.Errorf("states %v", got)
		}
		if rtt := p.RTT(); rtt < 0 || rtt > time.Second {
			t.Errorf("RTT %s", rtt)
		}
		w.close(c)
	})
}

// W67: a client that sends no STUN after the handshake (FFmpeg 8.0) lives as long
// as its media comes, and loses its session without.
func TestW67_MediaIsConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		c.connect(t, w.transport, r, nil)
		w.router.AddChunkFilter(clientFilter(func(b []byte) bool { return classify(b) != classSTUN }))
		for seq := range uint16(600) {
			c.out.write(t, 7, 96, seq)
			time.Sleep(100 * time.Millisecond)
		}
		if !slices.Equal(r.statesHeard(), []State{Connected}) {
			t.Errorf("states %v", r.statesHeard())
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !slices.Equal(r.statesHeard(), []State{Connected, Disconnected, Failed, Closed}) {
			t.Errorf("states after it stopped %v", r.statesHeard())
		}
		w.close(c)
	})
}

// A session nobody connects to fails by itself, if its owner does not close it before.
func TestNeverConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		_, err := w.transport.NewPeer(c.config(r))
		must(t, err)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !slices.Equal(r.statesHeard(), []State{Failed, Closed}) {
			t.Errorf("states %v", r.statesHeard())
		}
		w.close(c)
	})
}

// Sessions leave nothing behind: no goroutine, no entry in a map.
func TestThousandCycles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.client(true)
		cfg := c.config(nil)
		synctest.Wait()
		before := goroutines()
		for range 1000 {
			r := newRecorder()
			cfg.Handler = r
			p, err := w.transport.NewPeer(cfg)
			must(t, err)
			must(t, p.Close())
			if !slices.Equal(r.statesHeard(), []State{Closed}) {
				t.Fatalf("states %v", r.statesHeard())
			}
		}
		for range 50 {
			c, r := w.client(true), newRecorder()
			p := c.connect(t, w.transport, r, nil)
			must(t, p.Close())
			must(t, c.pc.Close())
		}
		synctest.Wait()
		if after := goroutines(); len(after) > len(before) {
			t.Errorf("%d goroutines before, %d after: %s", len(before), len(after), after)
		}
		if g, b := w.transport.mux.sizes(); g != 0 || b != 0 {
			t.Errorf("%d generations, %d addresses left", g, b)
		}
		w.close(c)
	})
}

// goroutines returns the stacks of all that have to do with us or pion.
func goroutines() []string {
	b := make([]byte, 1<<20)
	b = b[:runtime.Stack(b, true)]
	return slices.DeleteFunc(strings.Split(string(b), "\n\n"), func(s string) bool {
		return !strings.Contains(s, "internal/rtc.") && !strings.Contains(s, "/pion/")
	})
}

// Closing from many sides at once, also while ICE, DTLS and a restart are under way.
func TestCloseAnytime(t *testing.T) {
	for _, after := range []time.Duration{0, 1, time.Microsecond, time.Millisecond, 10 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c, r := w.client(true), newRecorder()
			p, err := w.transport.NewPeer(c.config(r))
			must(t, err)
			c.accept(t, p.Local(), nil)
			time.Sleep(after)
			go func() { _, _ = p.Restart("newufrag", "newpasswordnewpassword1", nil) }()
			for range 10 {
				go p.Close()
			}
			must(t, p.Close())
			synctest.Wait()
			if n := len(r.statesHeard()); r.statesHeard()[n-1] != Closed || slices.Index(r.statesHeard(), Closed) != n-1 {
				t.Errorf("after %s: states %v", after, r.statesHeard())
			}
			w.close(c)
		})
	}
}
