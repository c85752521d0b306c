package rtc

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// restart takes the client and the peer through an ICE restart.
func (c *client) restart(t *testing.T, p *Peer) {
	t.Helper()
	c.makeOffer(t, &webrtc.OfferOptions{ICERestart: true})
	l, err := p.Restart(c.values("a=ice-ufrag:")[0], c.values("a=ice-pwd:")[0], c.values("a=candidate:"))
	must(t, err)
	c.accept(t, l, p.SSRCs())
}

// W90, W93, W94: a restart changes our credentials and loses no media.
func TestW90_W94_Restart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		before := p.Local()
		for range 3 { // each on top of the last
			c.restart(t, p)
			c.waitState(t, webrtc.PeerConnectionStateConnected)
		}
		after := p.Local()
		if after.Ufrag == before.Ufrag || after.Pwd == before.Pwd || after.Fingerprint != before.Fingerprint {
			t.Errorf("credentials before %+v and after %+v", before, after)
		}
		c.out.write(t, 7, 96, 1)
		r.wait(t, "RTP", func() bool { return len(r.rtp) == 1 })
		time.Sleep(time.Minute)
		if got := r.statesHeard(); len(got) != 1 || got[0] != Connected {
			t.Errorf("states %v", got)
		}
		if g, _ := w.transport.mux.sizes(); g != 1 {
			t.Errorf("%d generations", g)
		}
		w.close(c)
	})
}

// Media of the old pair is delivered while the new generation has none, for as
// long as that takes: the peer answers the restart late, or never.
func TestMediaDuringRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		_, err := p.Restart("newufrag", "newpasswordnewpassword1", nil)
		must(t, err)
		for seq := range uint16(60) {
			c.out.write(t, 7, 96, seq)
			time.Sleep(time.Second)
		}
		r.wait(t, "RTP", func() bool { return len(r.rtp) == 60 })
		if r.statesHeard()[len(r.statesHeard())-1] != Connected {
			t.Errorf("states %v", r.statesHeard())
		}
		c.restart(t, p) // still possible
		c.waitState(t, webrtc.PeerConnectionStateConnected)
		w.close(c)
	})
}

// W95: a restart that is refused leaves everything as it was.
func TestW95_RefusedRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		before := p.Local()
		pwd := "passwordpasswordpassword"
		for name, try := range map[string]func() (Local, error){
			"short ufrag":    func() (Local, error) { return p.Restart("abc", pwd, nil) },
			"short password": func() (Local, error) { return p.Restart("abcd", "123456789012345678901", nil) },
			"same ufrag":     func() (Local, error) { return p.Restart(c.values("a=ice-ufrag:")[0], pwd, nil) },
			"garbage":        func() (Local, error) { return p.Restart("abcd", pwd, []string{"candidate:garbage"}) },
		} {
			if _, err := try(); !errors.Is(err, ErrBadCredentials) && !errors.Is(err, ErrBadCandidate) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := p.Local(); after.Ufrag != before.Ufrag || after.Pwd != before.Pwd {
			t.Error("credentials changed")
		}
		c.out.write(t, 7, 96, 1)
		r.wait(t, "RTP", func() bool { return len(r.rtp) == 1 })
		if g, _ := w.transport.mux.sizes(); g != 1 {
			t.Errorf("%d generations", g)
		}
		w.close(c)
	})
}

// W68, W94: which credentials get an answer to a check.
func TestW68_W94_ChecksOnlyWithLiveCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		first, remote := p.Local(), c.values("a=ice-ufrag:")[0]
		check := checker(t, w)
		if !check(first, remote) {
			t.Error("no answer with the first credentials")
		}
		second, err := p.Restart("newufrag", "newpasswordnewpassword1", nil)
		must(t, err)
		if check(first, remote) {
			t.Error("an answer with the old credentials")
		}
		if !check(second, "newufrag") {
			t.Error("no answer with the new credentials")
		}
		forged := second
		forged.Pwd = first.Pwd
		if check(forged, "newufrag") {
			t.Error("an answer with a wrong password")
		}
		must(t, p.Close())
		if check(second, "newufrag") {
			t.Error("an answer after Close")
		}
		w.close(c)
	})
}

// checker returns a function that sends a Binding request from an address of its
// own and tells whether a success response came.
func checker(t *testing.T, w *world) func(Local, string) bool {
	port := 6000
	return func(l Local, remote string) bool {
		port++
		sock, err := w.clientNet.ListenUDP("udp4", udpAddr(clientIP, port))
		must(t, err)
		defer sock.Close()
		m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(l.Ufrag+":"+remote),
			stun.NewShortTermIntegrity(l.Pwd), stun.Fingerprint)
		must(t, err)
		_, err = sock.WriteTo(m.Raw, &net.UDPAddr{IP: net.ParseIP(serverIP), Port: 8080})
		must(t, err)
		must(t, sock.SetReadDeadline(time.Now().Add(time.Second)))
		for {
			b := make([]byte, 1500)
			n, _, err := sock.ReadFrom(b)
			if err != nil {
				return false
			}
			if b[0] == 1 && b[1] == 1 && n > stunHeader { // success response; other than that are their checks
				return true
			}
		}
	}
}
