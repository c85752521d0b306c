package rtc

import (
	"container/list"
	"errors"
	"net"
	"sync"
	"time"
)

// iceTCPBelow is the first byte from which a connection is not ICE-TCP. A frame
// starts with its length in two bytes (RFC 4571), and the first one is a check of
// some hundred bytes; a TLS record starts with 0x16, an HTTP request with a letter.
const iceTCPBelow = 0x02

// SplitListener tells connections apart by their first byte: ICE-TCP goes to ice,
// all else to http. A connection that does not send it holds nobody up: it waits
// on the side, for a bounded time among a bounded number, the oldest yielding.
// Either listener is closed by its own Close; l is closed with the second.
// Connections for a closed listener are closed.
func SplitListener(l net.Listener) (http, ice net.Listener) {
	s := &splitter{listener: l, waiting: list.New(), open: 2, dead: make(chan struct{})}
	s.http = &side{splitter: s, conns: make(chan net.Conn), done: make(chan struct{})}
	s.ice = &side{splitter: s, conns: make(chan net.Conn), done: make(chan struct{})}
	s.wg.Go(s.accept)
	return s.http, s.ice
}

type splitter struct {
	listener  net.Listener
	http, ice *side
	dead      chan struct{} // closed when accept has ended
	wg        sync.WaitGroup

	mu      sync.Mutex
	waiting *list.List // of net.Conn, in order of arrival
	open    int        // sides
}

// accept runs until the listener fails for good, then both sides end.
func (s *splitter) accept() {
	defer close(s.dead)
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(maxReadPause) // out of descriptors: the listener stays readable
			continue
		}
		e := s.wait(c)
		if e == nil {
			_ = c.Close()
			continue
		}
		s.wg.Go(func() { s.sniff(c, e) })
	}
}

// wait notes a connection that nobody has accepted yet, nil when all sides are closed.
func (s *splitter) wait(c net.Conn) *list.Element {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == 0 {
		return nil
	}
	if s.waiting.Len() >= maxUnsniffed {
		_ = s.waiting.Front().Value.(net.Conn).Close() //nolint:forcetypeassert // the list holds nothing else
		s.waiting.Remove(s.waiting.Front())
	}
	return s.waiting.PushBack(c)
}

func (s *splitter) sniff(c net.Conn, e *list.Element) {
	first := make([]byte, 1)
	_ = c.SetReadDeadline(time.Now().Add(sniffTimeout))
	n, err := c.Read(first)
	defer s.arrived(e)
	if n == 0 || err != nil {
		_ = c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	to := s.http
	if first[0] < iceTCPBelow {
		to = s.ice
	}
	select {
	case to.conns <- &sniffedConn{Conn: c, first: first}:
	case <-to.done:
		_ = c.Close()
	}
}

func (s *splitter) arrived(e *list.Element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Remove(e)
}

// closed notes that a side was closed. The second takes everything down and waits.
func (s *splitter) closed() error {
	s.mu.Lock()
	s.open--
	last := s.open == 0
	if last {
		for e := s.waiting.Front(); e != nil; e = e.Next() {
			_ = e.Value.(net.Conn).Close() //nolint:forcetypeassert // the list holds nothing else
		}
	}
	s.mu.Unlock()
	if !last {
		return nil
	}
	err := s.listener.Close()
	s.wg.Wait()
	return err
}

// A side is one of the two listeners of a splitter.
type side struct {
	splitter *splitter
	conns    chan net.Conn
	done     chan struct{}
	once     sync.Once
}

func (s *side) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	case <-s.splitter.dead:
		return nil, net.ErrClosed
	}
}

func (s *side) Close() error {
	err := net.ErrClosed
	s.once.Do(func() {
		close(s.done)
		err = s.splitter.closed()
	})
	return err
}

func (s *side) Addr() net.Addr { return s.splitter.listener.Addr() }

// A sniffedConn gives its first byte again. Reads of it are not concurrent.
type sniffedConn struct {
	net.Conn
	first []byte
}

func (c *sniffedConn) Read(b []byte) (int, error) {
	if len(c.first) == 0 || len(b) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.first)
	c.first = nil
	return n, nil
}
