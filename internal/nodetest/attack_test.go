package nodetest_test

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// open opens a socket on a host.
func open(t *testing.T, h *nodetest.Host) net.PacketConn {
	t.Helper()
	c, err := h.ListenUDP("udp4", &net.UDPAddr{IP: h.IP()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func media(w *nodetest.World) net.Addr {
	return &net.UDPAddr{IP: w.Server().IP(), Port: 8080}
}

func attribute(text, name string) string {
	_, rest, _ := strings.Cut(text, "a="+name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// binding makes a Binding request to a node with the ufrag and password, from a client
// with the ufrag far (RFC 8445 §7.2.2).
func binding(t *testing.T, ufrag, pwd, far string) []byte {
	t.Helper()
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(ufrag+":"+far),
		stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{0, 0, 1, 0}},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
		stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// check makes a Binding request to the node that wrote an answer.
func check(t *testing.T, answer, far string) []byte {
	t.Helper()
	return binding(t, attribute(answer, "ice-ufrag"), attribute(answer, "ice-pwd"), far)
}

// answered tells whether the node answers a request.
func answered(t *testing.T, w *nodetest.World, c net.PacketConn, request []byte) bool {
	t.Helper()
	if _, err := c.WriteTo(request, media(w)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	var b [1500]byte
	for {
		n, _, err := c.ReadFrom(b[:])
		if err != nil {
			return false
		}
		m := stun.Message{Raw: b[:n]}
		if m.Decode() == nil && m.Type == stun.BindingSuccess {
			return true
		}
	}
}

func TestW94_OldCredentialsAreIgnored(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		c := open(t, pub.Host)
		was := check(t, pub.Answer(), attribute(pub.Offer(), "ice-ufrag"))
		if !answered(t, w, c, was) {
			t.Fatal("a check with the right credentials is not answered")
		}
		r := restart(w, pub.URL(), credentials("newufrag", strings.Repeat("n", 24)))
		if r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if answered(t, w, c, was) {
			t.Error("a check with the old credentials is answered")
		}
		if !answered(t, w, c, check(t, r.Body, "newufrag")) {
			t.Error("a check with the new credentials is not answered")
		}
		sub.WantMedia(2 * time.Second)
	})
}

func TestW68_DeletedSessionAnswersNoChecks(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		for _, s := range []*client.Session{pub.Session, sub.Session} {
			c := open(t, pub.Host)
			request := check(t, s.Answer(), attribute(s.Offer(), "ice-ufrag"))
			if !answered(t, w, c, request) {
				t.Error("not answered before the DELETE")
			}
			w.Do("DELETE", s.URL(), "")
			if answered(t, w, c, request) {
				t.Error("answered after the DELETE")
			}
		}
	})
}

// TestGarbageOnTheMediaPort: strangers, and neighbours of the far ends, cannot disturb.
func TestGarbageOnTheMediaPort(t *testing.T) {
	const packets = 3000
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		before := w.Left()
		ufrag := attribute(sub.Answer(), "ice-ufrag")
		rnd := rand.New(rand.NewPCG(9, 9))
		for _, c := range []net.PacketConn{open(t, w.Host(nodetest.Link{})), open(t, pub.Host), open(t, sub.Host)} {
			for i := range packets {
				if _, err := c.WriteTo(garbage(t, rnd, i, ufrag), media(w)); err != nil {
					t.Fatal(err)
				}
				if i%10 == 0 {
					w.Run(time.Millisecond)
				}
			}
		}
		sub.WantMedia(5 * time.Second)
		sub.WantMissing(codec.Video, 0)
		if after := w.Left(); stripHistory(after) != stripHistory(before) {
			t.Errorf("left: %s\nbefore: %s", after, before)
		}
	})
}

// garbage makes a packet of every class, some nearly right.
func garbage(t *testing.T, rnd *rand.Rand, i int, ufrag string) []byte {
	switch i % 5 {
	case 0:
		return binding(t, ufrag, "not the password at all", "far")
	case 1:
		return binding(t, "nobody", "not the password at all", "far")
	}
	b := make([]byte, 1+rnd.IntN(1400))
	for j := range b {
		b[j] = byte(rnd.Uint32())
	}
	b[0] = []byte{0x80, 0x16, 0x00}[i%5-2] // RTP, DTLS, STUN
	return b
}
