package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/udp"
)

// TestSocketCheck: a packet arrives at a socket that is read, and at one that is not it
// does not, which is found out in bounded time.
func TestSocketCheck(t *testing.T) {
	s, err := udp.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() {
		b := make([]byte, 1500)
		for {
			if _, _, err := s.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	if text, good := (&Host{media: s}).checkSocket(t.Context()); !good || !strings.Contains(text, s.LocalAddr().String()) {
		t.Error(text)
	}
}

func TestSocketCheckEnds(t *testing.T) {
	s, err := udp.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(50*time.Millisecond))
	defer cancel()
	if text, good := (&Host{media: s}).checkSocket(ctx); good || !strings.Contains(text, "did not arrive") {
		t.Error(text)
	}
}

func TestCertificateCheck(t *testing.T) {
	for _, c := range []struct {
		left time.Duration
		good bool
		want string
	}{
		{-time.Hour, false, "has ended"},
		{certificateNotice - time.Hour, false, "ends on"},
		{certificateNotice + time.Hour, true, "good until"},
	} {
		leaf := &x509.Certificate{NotAfter: time.Now().Add(c.left)}
		h := &Host{cert: &certificate{pair: &tls.Certificate{Leaf: leaf}}}
		if text, good := h.checkCertificate(t.Context()); good != c.good || !strings.Contains(text, c.want) {
			t.Errorf("%v left: %v %s", c.left, good, text)
		}
	}
	if len((&Host{}).checks())+1 != len((&Host{cert: &certificate{}}).checks()) {
		t.Error("the certificate is not checked")
	}
}

func TestBufferProblem(t *testing.T) {
	if got := bufferProblem(100<<10, 200<<10); !strings.Contains(got, "100 KiB (200 KiB wanted)") || bufferProblem(8, 8) != "" {
		t.Error(got)
	}
}
