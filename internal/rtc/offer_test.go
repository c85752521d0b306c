package rtc

import (
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v4/vnet"
)

// A couple is an offering and an answering peer of two Transports.
type couple struct {
	there            *Transport
	offers, answers  *Peer
	heard, heardBack *recorder
}

// other adds a Transport to the network.
func (w *world) other(ip string) *Transport {
	w.t.Helper()
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	must(w.t, err)
	must(w.t, w.router.AddNet(n))
	sock, err := n.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	must(w.t, err)
	tr, err := New(Config{UDP: []net.PacketConn{sock}, Net: n})
	must(w.t, err)
	return tr
}

// couple lets a Transport offer to the world's, which sends. The answer is changed.
func (w *world) couple(there *Transport, change func(*Answer)) *couple {
	w.t.Helper()
	c := &couple{there: there, heard: newRecorder(), heardBack: newRecorder()}
	var err error
	c.offers, err = there.NewOffer(OfferConfig{Handler: c.heard})
	must(w.t, err)
	l := c.offers.Local()
	c.answers, err = w.transport.NewPeer(PeerConfig{
		Ufrag: l.Ufrag, Pwd: l.Pwd, Fingerprints: []Fingerprint{fingerprintOf(l)}, Setup: l.Setup,
		Send: true, Handler: c.heardBack, // no candidates: its checks show where it is
	})
	must(w.t, err)
	l = c.answers.Local()
	a := Answer{Ufrag: l.Ufrag, Pwd: l.Pwd, Fingerprints: []Fingerprint{fingerprintOf(l)}, Candidates: l.Candidates}
	if change != nil {
		change(&a)
	}
	must(w.t, c.offers.Accept(a))
	return c
}

func fingerprintOf(l Local) Fingerprint {
	algorithm, value, _ := strings.Cut(l.Fingerprint, " ")
	return Fingerprint{algorithm, value}
}

func TestOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSlowWorld(t, 5*time.Millisecond)
		there := w.other("198.51.100.3")
		begun := time.Now()
		c := w.couple(there, nil)
		c.heard.waitState(t, Connected)
		c.heardBack.waitState(t, Connected)
		if d := time.Since(begun); d > 100*time.Millisecond {
			t.Errorf("connected after %v on an idle network", d)
		}
		if s := c.offers.Local().Setup; s != Active {
			t.Errorf("it offers to be %v", s)
		}
		batch := w.transport.NewBatch()
		writer := c.answers.Writer(batch)
		packet := []byte{2 << 6, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3}
		copy(writer.Room(), packet)
		must(t, writer.SendRTP(len(packet)))
		batch.Flush()
		c.heard.wait(t, "packet", func() bool { return len(c.heard.rtp) == 1 })
		must(t, c.offers.WriteRTCP([]byte{2 << 6, 201, 0, 1, 0, 0, 0, 5}))
		c.heardBack.wait(t, "feedback", func() bool { return len(c.heardBack.rtcp) == 1 })
		time.Sleep(time.Minute) // consent is kept up both ways
		if r := c.offers.RTT(); r < 10*time.Millisecond || r > 15*time.Millisecond {
			t.Errorf("round trip %v", r)
		}
		if s := c.heard.statesHeard(); len(s) != 1 {
			t.Errorf("states %v", s)
		}
		must(t, c.offers.Close())
		c.heardBack.waitState(t, Closed)
		must(t, there.Close())
		w.close()
	})
}

// TestOfferAnsweredActive: where the answer wants to be DTLS's client the offering end is
// its server, and media flows.
func TestOfferAnsweredActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		there := w.other("198.51.100.3")
		heard, heardBack := newRecorder(), newRecorder()
		offers, err := there.NewOffer(OfferConfig{Handler: heard, Send: true})
		must(t, err)
		l := offers.Local()
		answers, err := w.transport.NewPeer(PeerConfig{
			Ufrag: l.Ufrag, Pwd: l.Pwd, Fingerprints: []Fingerprint{fingerprintOf(l)}, Setup: Passive, Handler: heardBack,
		})
		must(t, err)
		l = answers.Local()
		if l.Setup != Active {
			t.Fatalf("the answer is %v", l.Setup)
		}
		must(t, offers.Accept(Answer{
			Ufrag: l.Ufrag, Pwd: l.Pwd, Setup: l.Setup, Fingerprints: []Fingerprint{fingerprintOf(l)}, Candidates: l.Candidates,
		}))
		heard.waitState(t, Connected)
		heardBack.waitState(t, Connected)
		if s := offers.Local().Setup; s != Passive {
			t.Errorf("it is %v", s)
		}
		batch := there.NewBatch()
		writer := offers.Writer(batch)
		packet := []byte{2 << 6, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3}
		copy(writer.Room(), packet)
		must(t, writer.SendRTP(len(packet)))
		batch.Flush()
		heardBack.wait(t, "packet", func() bool { return len(heardBack.rtp) == 1 })
		must(t, offers.Close())
		must(t, there.Close())
		must(t, answers.Close())
		w.close()
	})
}

func TestOfferWrongFingerprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		there := w.other("198.51.100.3")
		c := w.couple(there, func(a *Answer) {
			a.Fingerprints[0].Value = strings.Repeat("AB:", 31) + "AB"
		})
		c.heard.waitState(t, Failed)
		c.heard.waitState(t, Closed)
		must(t, there.Close())
		must(t, c.answers.Close())
		w.close()
	})
}

func TestOfferNotAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := newRecorder()
		p, err := w.transport.NewOffer(OfferConfig{Handler: r})
		must(t, err)
		if err := p.Accept(Answer{Ufrag: "abcd", Pwd: "short", Fingerprints: []Fingerprint{{"sha-256", "AB"}}}); !errors.Is(err, ErrBadCredentials) {
			t.Errorf("accepted short credentials: %v", err)
		}
		if err := p.Accept(Answer{Ufrag: "abcd", Pwd: strings.Repeat("a", 22)}); !errors.Is(err, ErrBadConfig) {
			t.Errorf("accepted no fingerprint: %v", err)
		}
		must(t, p.Close())
		r.waitState(t, Closed)
		w.close()
	})
}
