package node

import (
	fifo "container/list"
	"net"
	"net/http"
	"sync"
)

// A crowd bounds the connections of an HTTP server. Over the bound the one that has
// gone longest without a request yields, so that connections held for nothing cost
// those who hold them, not others. Safe for concurrent use.
type crowd struct {
	limit int

	// mu guards the fields below.
	mu      sync.Mutex
	all     map[net.Conn]*fifo.Element // nil while a request is served
	waiting *fifo.List                 // of net.Conn, the longest without a request first
}

func newCrowd(limit int) *crowd {
	return &crowd{limit: limit, all: map[net.Conn]*fifo.Element{}, waiting: fifo.New()}
}

// changed is the server's ConnState hook.
func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.all[conn]; e != nil {
		c.waiting.Remove(e)
	}
	switch state {
	case http.StateNew:
		c.all[conn] = c.waiting.PushBack(conn)
		if len(c.all) > c.limit { // at most by one: the new one waits itself
			c.yieldLocked()
		}
	case http.StateIdle:
		c.all[conn] = c.waiting.PushBack(conn)
	case http.StateActive:
		c.all[conn] = nil
	default:
		delete(c.all, conn)
	}
}

// yieldLocked closes the connection that has waited longest. TLS must not say good-bye:
// that could block.
func (c *crowd) yieldLocked() {
	conn := c.waiting.Remove(c.waiting.Front()).(net.Conn) //nolint:forcetypeassert // the list holds nothing else
	delete(c.all, conn)
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	_ = conn.Close()
}
