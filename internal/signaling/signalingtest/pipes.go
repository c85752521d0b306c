package signalingtest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Pipes serves the target by net/http over pipes in memory, with the deadlines of a real
// server, so that it can be tested in virtual time. A pipe holds nothing: who does not
// read stalls the other end. With http2 it serves HTTP/2 without TLS, else HTTP/1.1. The
// server closes with the test.
func (x *Target) Pipes(t testing.TB, http2 bool) *Pipes {
	t.Helper()
	p := &Pipes{
		Server: &http.Server{
			Handler: x.Handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 15 * time.Second,
			WriteTimeout: time.Minute, IdleTimeout: time.Minute, Protocols: &http.Protocols{},
		},
		connections: make(chan net.Conn), closed: make(chan struct{}),
	}
	p.Server.Protocols.SetHTTP1(!http2)
	p.Server.Protocols.SetUnencryptedHTTP2(http2)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = p.Server.Serve(p)
	}()
	t.Cleanup(func() {
		_ = p.Server.Close()
		<-served
	})
	return p
}

// Pipes is a server in memory, and its listener.
type Pipes struct {
	Server      *http.Server
	connections chan net.Conn
	closed      chan struct{}
	once        sync.Once
}

// Client returns a client of the server, which leaves no connection behind the test.
func (p *Pipes) Client(t testing.TB) *http.Client {
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return p.Dial() },
		Protocols:   p.Server.Protocols,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Dial connects to the server.
func (p *Pipes) Dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.connections <- addressed{far}:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Accept is for the server.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close is for the server.
func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr is for the server.
func (p *Pipes) Addr() net.Addr { return address() }

// An addressed connection comes from somewhere.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return address() }
func (addressed) LocalAddr() net.Addr  { return address() }

func address() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1234} }
