package rtc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/internal/udp"
)

// realTransport makes a Transport on loopback with HTTP beside ICE-TCP.
func realTransport(t testing.TB, host string, wrap func(net.Listener) net.Listener) (*Transport, string) {
	t.Helper()
	media, err := udp.Listen(net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skip(err) // no IPv6 here
	}
	tcp, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	must(t, err)
	web, iceTCP := SplitListener(tcp)
	if wrap != nil {
		iceTCP = wrap(iceTCP)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }),
		ReadHeaderTimeout: time.Second,
	}
	go server.Serve(web) //nolint:errcheck // it ends with Close
	tr, err := New(Config{UDP: []net.PacketConn{media}, TCP: iceTCP})
	must(t, err)
	t.Cleanup(func() {
		must(t, tr.Close())
		must(t, server.Close())
		if g, b := tr.mux.sizes(); g != 0 || b != 0 {
			t.Errorf("left behind: %d generations, %d addresses", g, b)
		}
	})
	return tr, tcp.Addr().String()
}

// Real sockets: both families, UDP and TCP.
func TestLoopback(t *testing.T) {
	for _, tc := range []struct {
		name, host, protocol string
		network              webrtc.NetworkType
	}{
		{"udp4", "127.0.0.1", "udp", webrtc.NetworkTypeUDP4},
		{"udp6", "::1", "udp", webrtc.NetworkTypeUDP6},
		{"tcp4", "127.0.0.1", "tcp", webrtc.NetworkTypeTCP4},
		{"tcp6", "::1", "tcp", webrtc.NetworkTypeTCP6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr, addr := realTransport(t, tc.host, nil)
			c, r := newClient(t, clientOptions{networks: []webrtc.NetworkType{tc.network}}), newRecorder()
			defer c.pc.Close()
			p := c.connect(t, tr, r, nil)
			if n := c.stream(t, p, 100); n < 100 {
				t.Errorf("%d packets arrived", n)
			}
			if s := p.Stats(); s.Protocol != tc.protocol || s.PacketsSent < 100 {
				t.Errorf("stats %+v", s)
			}
			resp, err := http.Get("http://" + addr)
			must(t, err)
			defer resp.Body.Close()
			if b, _ := io.ReadAll(resp.Body); string(b) != "hello" {
				t.Errorf("HTTP said %q", b)
			}
			must(t, c.pc.Close())
			if tc.protocol == "udp" { // pion's client may close the TCP connection before it has said so
				r.waitState(t, Closed)
			}
		})
	}
}

// stream writes until n packets have arrived, and returns how many have.
func (c *client) stream(t *testing.T, p *Peer, n int) int {
	t.Helper()
	h := &rtp.Header{Version: 2, SSRC: p.SSRCs()[0].SSRC, PayloadType: 96}
	for got, last := 0, -1; ; h.SequenceNumber++ {
		if got == n || h.SequenceNumber == 1000 {
			return got
		}
		must(t, p.WriteRTP(h, make([]byte, 1000)))
		select {
		case k := <-c.packets:
			if int(k.SequenceNumber) <= last {
				t.Errorf("%d after %d", k.SequenceNumber, last)
			}
			got, last = got+1, int(k.SequenceNumber)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A dual-stack socket serves both families at once.
func TestDualStack(t *testing.T) {
	media, err := udp.Listen("[::]:0")
	if err != nil {
		t.Skip(err)
	}
	tr, err := New(Config{UDP: []net.PacketConn{media}, Announce: addrPorts("[::1]:0", "127.0.0.1:0")})
	must(t, err)
	defer tr.Close()
	for _, n := range []webrtc.NetworkType{webrtc.NetworkTypeUDP6, webrtc.NetworkTypeUDP4} {
		c, r := newClient(t, clientOptions{networks: []webrtc.NetworkType{n}}), newRecorder()
		p := c.connect(t, tr, r, nil)
		if is4 := n == webrtc.NetworkTypeUDP4; p.RemoteAddr().Addr().Is4() != is4 {
			t.Errorf("%s connected from %s", n, p.RemoteAddr())
		}
		must(t, c.pc.Close())
	}
}

// A stallingListener makes connections whose writes block once stalled.
type stallingListener struct {
	net.Listener
	stalled chan struct{} // closed to stall
}

type stallingConn struct {
	net.Conn
	stalled, closed chan struct{}
	once            sync.Once
}

func (l *stallingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &stallingConn{Conn: c, stalled: l.stalled, closed: make(chan struct{})}, nil
}

func (c *stallingConn) Write(b []byte) (int, error) {
	select {
	case <-c.stalled:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return c.Conn.Write(b)
	}
}

func (c *stallingConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// A peer on ICE-TCP that takes nothing makes writes fail, and never block.
func TestTCPStall(t *testing.T) {
	l := &stallingListener{stalled: make(chan struct{})}
	tr, _ := realTransport(t, "127.0.0.1", func(inner net.Listener) net.Listener {
		l.Listener = inner
		return l
	})
	c, r := newClient(t, clientOptions{networks: []webrtc.NetworkType{webrtc.NetworkTypeTCP4}}), newRecorder()
	defer c.pc.Close()
	p := c.connect(t, tr, r, nil)
	close(l.stalled)
	h := &rtp.Header{Version: 2, SSRC: p.SSRCs()[0].SSRC, PayloadType: 96}
	start, full := time.Now(), 0
	for i := range uint16(2000) {
		h.SequenceNumber = i
		switch err := p.WriteRTP(h, make([]byte, 1000)); {
		case errors.Is(err, ErrQueueFull):
			full++
		case err != nil:
			t.Fatal(err)
		}
	}
	if full < 2000-maxTCPQueue/1000-1000 || full == 2000 {
		t.Errorf("%d of 2000 writes failed", full)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("writes took %s", d)
	}
	must(t, p.Close()) // nor does this wait for the peer
}

// Connections that do not name a session are few and short-lived.
func TestTCPHalfOpen(t *testing.T) {
	tr, addr := realTransport(t, "127.0.0.1", nil)
	var conns []net.Conn
	for range maxHalfOpenTCP + 50 {
		c, err := net.Dial("tcp", addr)
		must(t, err)
		defer c.Close()
		_, err = c.Write([]byte{0})
		must(t, err)
		conns = append(conns, c)
	}
	closed := make(chan struct{}, len(conns))
	for _, c := range conns {
		go func() {
			_, _ = c.Read(make([]byte, 1))
			closed <- struct{}{}
		}()
	}
	began := time.Now()
	for range 50 {
		<-closed
	}
	if d := time.Since(began); d > firstCheckTimeout/2 {
		t.Errorf("those beyond the bound were closed after %s", d)
	}
	tr.tcp.mu.Lock()
	if n := tr.tcp.halfOpen.Len(); n > maxHalfOpenTCP {
		t.Errorf("%d half-open", n)
	}
	tr.tcp.mu.Unlock()
	start := time.Now()
	for range maxHalfOpenTCP {
		<-closed
	}
	if d := time.Since(start); d > 2*firstCheckTimeout {
		t.Errorf("the rest lived for %s", d)
	}
}

// What is not a check of a known session ends a connection at once.
func TestTCPGarbage(t *testing.T) {
	_, addr := realTransport(t, "127.0.0.1", nil)
	for name, frame := range map[string][]byte{
		"media":   {0, 12, 0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7},
		"unknown": {0, 4, 0xff, 0xff, 0xff, 0xff},
		"request": append([]byte{0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...),
		"empty":   {0, 0},
		"huge":    {1, 0xff, 0xff},
	} {
		c, err := net.Dial("tcp", addr)
		must(t, err)
		_, err = c.Write(frame)
		must(t, err)
		if name == "huge" {
			continue // waits for the rest, and is closed by the timeout
		}
		must(t, c.SetReadDeadline(time.Now().Add(3*time.Second)))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.ErrNoProgress) {
			t.Errorf("%s: %v", name, err)
		} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			t.Errorf("%s: not closed", name)
		}
		c.Close()
	}
}

// Clients that send no byte do not hold up others, and the oldest of too many yields.
func TestSplitSlowClients(t *testing.T) {
	_, addr := realTransport(t, "127.0.0.1", nil)
	first, err := net.Dial("tcp", addr)
	must(t, err)
	defer first.Close()
	for range 50 {
		c, err := net.Dial("tcp", addr)
		must(t, err)
		defer c.Close()
	}
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	for _, part := range []string{"G", "ET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		_, err = io.WriteString(c, part)
		must(t, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "hello" {
		t.Errorf("HTTP said %q", b)
	}
}

func TestSplitBound(t *testing.T) {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	web, iceTCP := SplitListener(l)
	var far []net.Conn
	for range maxUnsniffed + 1 {
		a, b := net.Pipe()
		l.conns <- a
		far = append(far, b)
	}
	if _, err := far[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the oldest: %v", err)
	}
	go far[1].Write([]byte{'G'})  //nolint:errcheck // the other end tells
	go far[2].Write([]byte{0, 9}) //nolint:errcheck // the other end tells
	for l, want := range map[net.Listener]byte{web: 'G', iceTCP: 0} {
		c, err := l.Accept()
		must(t, err)
		b := make([]byte, 1)
		if _, err := io.ReadFull(c, b); err != nil || b[0] != want {
			t.Errorf("read %v, %v", b, err)
		}
	}
	must(t, web.Close())
	if _, err := web.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	go far[3].Write([]byte{'G'}) //nolint:errcheck // the other end tells
	if _, err := far[3].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("for a closed side: %v", err)
	}
	must(t, iceTCP.Close())
	<-l.closed
	if _, err := far[4].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("waiting while all closed: %v", err)
	}
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
