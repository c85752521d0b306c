package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// discardPort is what a peer that opens connections itself puts into its candidate
	// (RFC 6544 §4.5).
	discardPort = 9

	// stalledBuffer is asked of the kernel for what a stalled connection has not read, in
	// bytes: the less it is, the sooner the server's end is full.
	stalledBuffer = 4 << 10

	tcpTimeout  = 5 * time.Second
	unreadLimit = 100 * time.Millisecond // for a look whether something was left unread
	maxStalled  = 1000
)

// A tcpNetwork opens connections (RFC 6544) in place of sockets, each with its first send.
type tcpNetwork struct{}

func (tcpNetwork) open(local netip.Addr, receive receiver) (socket, error) {
	return &tcpSocket{local: netip.AddrPortFrom(local, discardPort), receive: receive}, nil
}

func (tcpNetwork) hurry(int) {}
func (tcpNetwork) close()    {}

// A tcpSocket is one connection that speaks ICE-TCP (RFC 4571 §2).
type tcpSocket struct {
	local   netip.AddrPort
	receive receiver
	stalls  atomic.Bool // nothing more is to be read
	reads   atomic.Bool // something is still
	wg      sync.WaitGroup

	// mu guards the fields below.
	mu   sync.Mutex
	conn net.Conn
}

func (s *tcpSocket) addr() netip.AddrPort { return s.local }

// overflowed: a connection loses nothing.
func (s *tcpSocket) overflowed() uint32 { return 0 }

func (s *tcpSocket) send(b []byte, to netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		conn, err := net.DialTimeout("tcp", to.String(), tcpTimeout)
		if err != nil {
			return err
		}
		if c, ok := conn.(*net.TCPConn); ok {
			_ = c.SetReadBuffer(stalledBuffer)
		}
		s.conn = conn
		s.reads.Store(true)
		s.wg.Go(func() { s.read(conn, to) })
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(tcpTimeout))
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, len(b)+2), uint16(len(b))) //nolint:gosec // a packet
	_, err := s.conn.Write(append(frame, b...))
	return err
}

// read hands on what comes until the connection ends or stalls.
func (s *tcpSocket) read(conn net.Conn, from netip.AddrPort) {
	defer s.reads.Store(false)
	var size [2]byte
	b := make([]byte, 1<<16)
	for !s.stalls.Load() {
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint16(size[:])
		if _, err := io.ReadFull(conn, b[:n]); err != nil {
			return
		}
		s.receive(b[:n], from, time.Now())
	}
}

// unread tells whether reading has stopped and something has come since.
func (s *tcpSocket) unread() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || s.reads.Load() {
		return false
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(unreadLimit))
	n, _ := s.conn.Read(make([]byte, 1))
	return n > 0
}

func (s *tcpSocket) close() {
	s.mu.Lock()
	if s.conn != nil {
		_ = s.conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// stall lets so many subscribers join over ICE-TCP, of each stream in turn, who read
// nothing from the first media on.
func (s *subscribers) stall(ctx context.Context, streams []string, count int) {
	e := event{Kind: eventJoined}
	for i := range count {
		sub, err := subscribe(ctx, tcpNetwork{}, s.site, s.cert, &s.job.Load, streams[i%len(streams)], i%len(streams))
		if err != nil {
			e.Failed, e.Error = e.Failed+1, err.Error()
			continue
		}
		sub.peer.socket.(*tcpSocket).stalls.Store(true) //nolint:forcetypeassert // tcpNetwork's
		s.mu.Lock()
		s.stalled = append(s.stalled, sub)
		e.Sessions = len(s.stalled)
		s.mu.Unlock()
	}
	s.tell(e)
}

// stuck tells how many of them have something that they did not read.
func (s *subscribers) stuck() {
	e := event{Kind: eventStuck}
	s.mu.Lock()
	for _, sub := range s.stalled {
		if sub.peer.socket.(*tcpSocket).unread() { //nolint:forcetypeassert // tcpNetwork's
			e.Sessions++
		}
	}
	s.mu.Unlock()
	s.tell(e)
}

// A StalledResult is what the others got while subscribers were connected over ICE-TCP
// that read nothing. The fields of the same names in [Result] tell what they got before.
type StalledResult struct {
	Stuck          float64 `json:"stuck"` // those that at the end had not read what came
	LatencyMs      Latency `json:"latencyMs"`
	Loss           float64 `json:"loss"`
	Overflowed     float64 `json:"overflowed"`
	Freezes        float64 `json:"freezes"`
	LongestPauseMs float64 `json:"longestPauseMs"`
	MachineIdle    float64 `json:"machineIdle"`
}

var errNoTCP = errors.New("the answer lacks an ICE-TCP candidate")

// stalled measures another window, beside subscribers that do not read.
func (m *measurement) stalled(ctx context.Context) error {
	n := m.load.StalledTCP
	if n == 0 || m.server == Plain { // which has no ICE-TCP
		return nil
	}
	m.say("%d subscribers over TCP that do not read", n)
	joining, cancel := m.patience(ctx, time.Duration(n)*time.Second)
	e, err := m.play.ask(joining, command{Do: doStall, Streams: m.streams, Count: n}, eventJoined)
	cancel()
	if err != nil {
		return err
	}
	if e.Failed > 0 {
		return fmt.Errorf("%d of %d subscribers over TCP did not connect: %s", e.Failed, n, e.Error)
	}
	seen, err := m.see(ctx, m.load.Window, visits{}, false)
	if err != nil {
		return err
	}
	looking, cancel := m.patience(ctx, time.Duration(n)*unreadLimit)
	defer cancel()
	e, err = m.play.ask(looking, command{Do: doStuck}, eventStuck)
	if err != nil {
		return err
	}
	var all Result
	all.take(seen)
	r := &StalledResult{
		Stuck: float64(e.Sessions), LatencyMs: all.LatencyMs, Loss: all.Loss, Overflowed: all.Overflowed,
		Freezes: all.Freezes, LongestPauseMs: all.LongestPauseMs,
	}
	r.MachineIdle, _ = seen.idle()
	m.result.Stalled = r
	return nil
}
