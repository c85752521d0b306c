package node_test

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
)

// frame puts a packet into a frame of ICE-TCP (RFC 4571 §2).
func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) //nolint:gosec // a datagram
}

// TestHostileFrames: connections that begin as ICE-TCP does and go wrong are closed
// soon, whatever they send.
func TestHostileFrames(t *testing.T) {
	const conns = 300
	v := newVictim(t)
	s := v.studio("studio")
	rnd := rand.New(rand.NewPCG(8, 8))
	ufrag := attribute(s.player.Answer(), "ice-ufrag")
	fixed := [][]byte{
		{0, 0}, {0, 0, 0, 0, 0, 0}, {0, 1, 0}, {1, 255}, {0}, // lengths of nothing, and frames cut off
		frame(make([]byte, 511)), frame([]byte("GET / HTTP/1.1\r\n\r\n")),
	}
	open := make([]net.Conn, 0, conns)
	for i := range conns {
		c := v.dial()
		open = append(open, c)
		if i < len(fixed) {
			_, _ = c.Write(fixed[i])
			continue
		}
		for range 1 + rnd.IntN(3) {
			b := frame(garbage(rnd, ufrag, ""))
			b[0] &= 1 // so that it is taken for ICE-TCP
			_, _ = c.Write(b)
		}
	}
	s.wantMedia()
	for i, c := range open {
		_ = c.SetReadDeadline(time.Now().Add(8 * time.Second))
		if _, err := io.Copy(io.Discard, c); isTimeout(err) {
			t.Errorf("connection %d stays open", i)
		}
		_ = c.Close()
	}
	s.wantMedia()
	s.leave()
	v.wantUnharmed()
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// TestHostileConnections: more connections than may wait, and ICE-TCP still works.
func TestHostileConnections(t *testing.T) {
	const conns = 1500
	v := newVictim(t)
	s := v.studio("studio")
	open := make([]net.Conn, 0, conns)
	for i := range conns {
		c := v.dial()
		if i%2 == 0 {
			_, _ = c.Write([]byte{0})
		}
		open = append(open, c)
	}
	s.wantMedia()
	player, err := client.Play(t.Context(), client.PlayOptions{
		Options: func() client.Options { o := v.options("/whep/studio"); o.TCPOnly = true; return o }(), NoAudio: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	tcp := &studio{v: v, pub: s.pub, player: player}
	tcp.wantMedia()
	for _, c := range open {
		_ = c.Close()
	}
	tcp.leave()
	s.leave()
	v.wantUnharmed()
}
