package node

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestCrowd: over the bound the connection that waits longest is closed; requests that
// are served go on.
func TestCrowd(t *testing.T) {
	const limit = 3
	c := newCrowd(limit)
	open := func() (far net.Conn) {
		near, far := net.Pipe()
		t.Cleanup(func() { _, _ = near.Close(), far.Close() })
		c.changed(near, http.StateNew)
		return nearConn{far, near}
	}
	state := func(conn net.Conn, s http.ConnState) { c.changed(conn.(nearConn).near, s) }
	closed := func(conn net.Conn) bool {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := conn.Read(make([]byte, 1))
		return err == io.EOF
	}

	active, idle, slow := open(), open(), open()
	state(active, http.StateActive)
	state(idle, http.StateActive)
	state(idle, http.StateIdle) // waits since now, slow for longer
	fourth := open()
	if closed(active) || closed(idle) || !closed(slow) || closed(fourth) {
		t.Error("not the one that waited longest was closed")
	}
	state(slow, http.StateClosed) // the server notices
	state(idle, http.StateActive)
	state(fourth, http.StateActive)
	if fifth := open(); closed(active) || closed(idle) || closed(fourth) || !closed(fifth) {
		t.Error("a request was cut for a connection without one")
	}
	for _, conn := range []net.Conn{active, idle, fourth} {
		state(conn, http.StateClosed)
	}
	if len(c.all) != 0 || c.waiting.Len() != 0 {
		t.Errorf("%d connections, %d waiting", len(c.all), c.waiting.Len())
	}
}

// A nearConn is the far end of a connection that remembers the near one.
type nearConn struct {
	net.Conn
	near net.Conn
}
