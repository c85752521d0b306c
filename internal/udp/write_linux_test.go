package udp

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
)

// A single write is repeated where the kernel was interrupted or short of room, once for
// the latter, and tells what else it was refused for.
func TestSingleWrites(t *testing.T) {
	blocked, broken := refusal(syscall.EAGAIN), refusal(syscall.EINTR)
	for _, c := range []struct {
		name  string
		sends []answer
		want  error
		kind  SendError
		waits []time.Duration
	}{
		{name: "sent"},
		{name: "interrupted", sends: []answer{broken, broken}},
		{name: "blocked once", sends: []answer{blocked}, waits: []time.Duration{sendWait}},
		{name: "blocked", sends: []answer{blocked, blocked}, want: syscall.EAGAIN, kind: SendBlocked, waits: []time.Duration{sendWait}},
		{name: "device full", sends: []answer{refusal(syscall.ENOBUFS)}, want: syscall.ENOBUFS, kind: SendNoBuffers},
		{name: "denied", sends: []answer{refusal(syscall.EPERM)}, want: syscall.EPERM, kind: SendDenied},
		{name: "always interrupted", sends: slices.Repeat([]answer{broken}, maxInterrupts), want: syscall.EINTR, kind: SendOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &script{sends: c.sends}
			s, port := scripted(t, "127.0.0.1:0", k)
			to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
			n, err := s.WriteToAddrPort([]byte("hello"), to)
			st := s.Stats()
			if !slices.Equal(k.waits, c.waits) {
				t.Errorf("waited %v", k.waits)
			}
			if c.want != nil {
				var op *net.OpError
				if !errors.Is(err, c.want) || !errors.As(err, &op) || op.Addr.String() != to.String() || st.SendErrors[c.kind] != 1 || st.PacketsWritten != 0 {
					t.Errorf("%d, %v, %+v", n, err, st)
				}
				return
			}
			if n != 5 || err != nil || st.PacketsWritten != 1 || st.BytesWritten != 5 {
				t.Errorf("%d, %v, %+v", n, err, st)
			}
			b := make([]byte, 10)
			if n, _, err := s.ReadFromAddrPort(b); err != nil || string(b[:n]) != "hello" {
				t.Errorf("arrived: %q, %v", b[:n], err)
			}
		})
	}
}

// A socket of one family refuses the other's addresses by itself.
func TestSingleWriteToTheOtherFamily(t *testing.T) {
	s, _ := open(t, "127.0.0.1:0")
	_, err := s.WriteToAddrPort([]byte("x"), netip.MustParseAddrPort("[::1]:9"))
	if !errors.Is(err, syscall.EAFNOSUPPORT) || s.Stats().SendErrors[SendInvalid] != 1 {
		t.Errorf("%v, %+v", err, s.Stats())
	}
	if n, err := s.WriteToAddrPort(nil, netip.MustParseAddrPort("127.0.0.1:9")); n != 0 || err != nil {
		t.Errorf("an empty datagram: %d, %v", n, err)
	}
}
