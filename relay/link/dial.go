package link

import (
	"bytes"
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

var (
	// errNotOrigin: the other node does not have the stream's publisher (any more).
	errNotOrigin = errors.New("link: the other node does not have the publisher")
	// errRefused: the other node gave no link.
	errRefused = errors.New("link: refused")
	// errForged: what came back is not from a node of this cluster.
	errForged = errors.New("link: the response is not signed with the cluster's secret")
)

var _ rtc.Handler = (*dialed)(nil)

// dialed is a link that this node is fed by: a peer on a transport of its own.
type dialed struct {
	transport *rtc.Transport
	peer      *rtc.Peer
	answer    forwarder.Description
	depth     int            // of the node that feeds this one
	from      tree.Candidate // that node

	feed   atomic.Pointer[intake]
	heard  atomic.Int64        // when something came last, Unix time in nanoseconds; 0: nothing yet
	moving atomic.Bool         // the other node drains
	nearer atomic.Pointer[int] // its depth, less than depth; nil: it has not changed
	ended  chan struct{}       // closed when the peer has failed or was closed
	once   sync.Once
	told   bool // that it drains; owned by the edge
}

// open makes the near end of a link: what a request says.
func (e *Edges) open() (*dialed, error) {
	socket, err := e.cfg.Listen()
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	d := &dialed{ended: make(chan struct{})}
	d.transport, err = rtc.New(rtc.Config{
		UDP: []net.PacketConn{socket}, Net: e.cfg.Net, Announce: e.cfg.Announce, AfterRead: e.cfg.Streams.Serve,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("link: %w", err), socket.Close())
	}
	if d.peer, err = d.transport.NewOffer(rtc.OfferConfig{Handler: d}); err != nil {
		return nil, errors.Join(err, d.transport.Close())
	}
	return d, nil
}

// dial asks a node for a link. held is what this node has of a publisher.
func (e *Edges) dial(ctx context.Context, to relay.Holder, name string, s tree.Seeker, publisher uint64, held []forwarder.Held) (*dialed, error) {
	d, err := e.open()
	if err != nil {
		return nil, err
	}
	asked := marshal(request{
		Version: version, Stream: name, Node: e.cfg.Node, URL: e.cfg.URL, Epoch: to.Epoch, Children: s.Children, Depth: s.Depth,
		Transport: transportOf(d.peer.Local(), false), Publisher: publisher, Held: heldMessages(held),
	})
	answer, err := e.ask(ctx, to.URL+Path+url.PathEscape(name), asked)
	if err == nil {
		d.answer, d.depth = answer.description(), answer.Depth
		err = d.peer.Accept(rtc.Answer{
			Ufrag: answer.Transport.Ufrag, Pwd: answer.Transport.Pwd,
			Fingerprints: fingerprints(answer.Transport), Candidates: answer.Transport.Candidates,
		})
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// ask sends a request, and takes a response only if a node of the cluster made it for that.
func (e *Edges) ask(ctx context.Context, to string, asked []byte) (*response, error) {
	status, body, err := e.post(ctx, to, asked)
	if err != nil {
		return nil, err
	}
	if status != http.StatusCreated {
		return nil, refusalOf(body)
	}
	return unmarshalResponse(body)
}

// post sends a message. The body it returns is signed, its status one that goes with it.
func (e *Edges) post(ctx context.Context, to string, asked []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(asked))
	if err != nil {
		return 0, nil, fmt.Errorf("link: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	token := e.cfg.Secret.Sign(e.cfg.Directory.Now(), requestPurpose, string(asked))
	r.Header.Set("Authorization", tokenScheme+token)
	reply, err := e.cfg.HTTP.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("link: %w", err)
	}
	defer func() { _ = reply.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxBody+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("link: %w", err)
	case reply.StatusCode == http.StatusNotFound:
		return 0, nil, errNotOrigin
	case reply.StatusCode != http.StatusCreated && reply.StatusCode != http.StatusOK && reply.StatusCode != http.StatusConflict:
		return 0, nil, fmt.Errorf("%w: %s", errRefused, reply.Status)
	case len(body) > maxBody || !e.signed(reply.Header.Get(signatureHeader), asked, body):
		return 0, nil, errForged
	}
	return reply.StatusCode, body, nil
}

// signed tells whether a node of the cluster gave this response to the request.
func (e *Edges) signed(signature string, asked, body []byte) bool {
	want := e.cfg.Secret.Digest(responsePurpose, string(asked), string(body))
	return hmac.Equal([]byte(signature), []byte(want))
}

// OnRTP passes a packet on to the publication.
func (d *dialed) OnRTP(packet []byte, at time.Time) {
	d.heard.Store(at.UnixNano())
	if p := d.feed.Load(); p != nil {
		p.push(packet, at)
	}
}

// OnRTCP passes a report on to the publication, and notes that the other node drains, or is nearer to the origin than it was.
func (d *dialed) OnRTCP(packet []byte) {
	d.heard.Store(time.Now().UnixNano())
	if bytes.Equal(packet, moving[:]) {
		d.moving.Store(true)
		return
	}
	if depth, ok := nearerOf(packet); ok {
		d.nearer.Store(&depth)
		return
	}
	if p := d.feed.Load(); p != nil {
		p.pub.PushRTCP(packet)
	}
}

// OnState ends the link with its peer.
func (d *dialed) OnState(state rtc.State) {
	if state == rtc.Failed || state == rtc.Closed {
		d.once.Do(func() { close(d.ended) })
	}
}

// silent tells whether nothing came for too long.
func (d *dialed) silent(now, begun time.Time) bool {
	if heard := d.heard.Load(); heard != 0 {
		return now.UnixNano()-heard > int64(deadAfter)
	}
	return now.Sub(begun) > connectTimeout
}

// stale tells whether nothing came for so long that the other node may be dead.
func (d *dialed) stale(now time.Time) bool {
	heard := d.heard.Load()
	return heard != 0 && now.UnixNano()-heard > int64(staleAfter)
}

// probe tells the origin that the edge is there: an empty receiver report (RFC 3550 §6.4.2).
func (d *dialed) probe() { _ = d.peer.WriteRTCP([]byte{2 << 6, 201, 0, 1, 0, 0, 0, 0}) }

// close ends the link and waits until nothing comes over it any more.
func (d *dialed) close() {
	_ = d.peer.Close()
	_ = d.transport.Close()
}
