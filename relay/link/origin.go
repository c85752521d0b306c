package link

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

// Path is where links are asked for, on a node's URL; the stream's name follows.
const Path = "/cluster/v1/links/"

// What a request and a response are signed for, and where the signatures stand. That of a
// request is good for a while, that of a response for its request.
const (
	requestPurpose  = "link request"
	responsePurpose = "link response"
	tokenScheme     = "Whippet "
	signatureHeader = "Whippet-Signature"
)

// A LinksConfig says what the origin's side stands on. Edges, MaxLinks and Log may be left out;
// none is closed by this package.
type LinksConfig struct {
	Transport *rtc.Transport
	Streams   *stream.Registry
	Secret    relay.Secret
	Edges     *Edges // what this node is fed by and passes on; nil: only its own publishers' streams are fed
	MaxLinks  int    // of one stream, at least 1; 0: tree.DefaultLinks
	// Load returns how busy a node of the cluster is, 0 to 1, or 0 if that is not known; "" is
	// this one. It must return at once. nil: nothing is known.
	Load func(node string) float64
	Now  func() time.Time // the cluster's clock, see [relay.Directory]
	Log  *slog.Logger     // nil: nothing is logged
}

// Links are the links that this node feeds. It is safe for concurrent use.
type Links struct {
	cfg LinksConfig

	closing sync.WaitGroup // links that are being closed

	// mu guards the fields below.
	mu       sync.Mutex
	links    map[*served]bool
	streams  map[string]map[*served]bool // the same by stream
	waiting  int                         // of them, those not connected yet
	closed   bool
	draining bool // no more links of other nodes' streams
	counts   Counts
}

// NewLinks returns the origin's side, which feeds nothing yet. Close it before what it
// stands on.
func NewLinks(cfg LinksConfig) *Links {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxLinks == 0 {
		cfg.MaxLinks = tree.DefaultLinks
	}
	l := &Links{cfg: cfg, links: map[*served]bool{}, streams: map[string]map[*served]bool{}, counts: newCounts()}
	if cfg.Edges != nil {
		cfg.Edges.feeds.Store(l)
	}
	return l
}

// Register adds the routes.
func (l *Links) Register(e *echo.Echo) {
	e.Any(Path+":stream", l.serve)
	e.Any(TreePath+":stream", l.serveTree)
}

// Count returns how many links there are.
func (l *Links) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.links)
}

// Counts returns what was counted of the links that this node feeds.
func (l *Links) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts.clone()
}

// Close ends all links and waits for that. Requests that come later are refused.
func (l *Links) Close() {
	l.mu.Lock()
	l.closed = true
	all := make([]*served, 0, len(l.links))
	for s := range l.links {
		all = append(all, s)
	}
	l.mu.Unlock()
	for _, s := range all {
		s.end(errClosing)
	}
	l.closing.Wait()
}

var errClosing = errors.New("link: the node closes")

// serve answers a request for a link.
func (l *Links) serve(c echo.Context) error {
	if c.Request().Method != http.MethodPost {
		return signaling.MethodNotAllowed(http.MethodPost)
	}
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return signaling.NewProblem(http.StatusBadRequest, "bad-link-request", "Send a request for a link.")
	}
	token := c.Request().Header.Get("Authorization")
	if l.cfg.Secret.Check(strings.TrimPrefix(token, tokenScheme), l.cfg.Now(), requestPurpose, string(body)) != nil {
		return signaling.NewProblem(http.StatusUnauthorized, "not-of-the-cluster",
			"Links are for the nodes of this cluster: --cluster-secret must be the same on all of them.")
	}
	r, err := unmarshalRequest(body)
	if err != nil || r.Stream != strings.TrimPrefix(c.Request().URL.Path, Path) {
		return signaling.NewProblem(http.StatusBadRequest, "bad-link-request", "The nodes of a cluster must be of versions that understand each other.")
	}
	status, text, err := l.respond(r)
	if err != nil {
		return problemOf(err)
	}
	c.Response().Header().Set(signatureHeader, l.cfg.Secret.Digest(responsePurpose, string(body), string(text)))
	return c.Blob(status, "application/json", text)
}

// problemOf says why there is no link.
func problemOf(err error) error {
	switch {
	case errors.Is(err, stream.ErrAbsent):
		return signaling.NewProblem(http.StatusNotFound, "not-the-origin", "The stream's publisher is not on this node.")
	case errors.Is(err, stream.ErrFull):
		return signaling.Overloaded("too-many-links", "The node feeds as many links as it may.")
	case errors.Is(err, rtc.ErrBadConfig), errors.Is(err, rtc.ErrBadCredentials):
		return signaling.NewProblem(http.StatusBadRequest, "bad-link-request", "Send credentials and a fingerprint.")
	}
	return err
}

// open makes a link for a request.
func (l *Links) open(r *request) (*response, error) {
	s := &served{links: l, node: r.Node, url: r.URL, stream: r.Stream, epoch: r.Epoch, since: time.Now(), gone: make(chan struct{})}
	if err := l.add(s); err != nil {
		return nil, err
	}
	answer, err := s.open(r)
	if err != nil {
		l.keep(s.instead)
		s.end(err)
		return nil, err
	}
	for _, mute := range s.instead {
		mute.end(errSilent)
	}
	l.mu.Lock()
	l.counts.Opened[HowFirst]++
	l.mu.Unlock()
	l.cfg.Log.Info("link", "event", "opened", "direction", "out", "stream", r.Stream, "node", r.Node, "depth", answer.Depth+1, "epoch", r.Epoch)
	return answer, nil
}

func (l *Links) add(s *served) error {
	depth, _ := l.depth(s.stream)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return rtc.ErrClosed
	case l.waiting >= maxWaiting:
		return stream.ErrFull
	case l.roomLocked(s.stream, s.node, depth == 0) <= 0:
		return errNoRoom
	}
	s.instead = l.yieldLocked(s.stream, s.node)
	l.links[s] = true
	if l.streams[s.stream] == nil {
		l.streams[s.stream] = map[*served]bool{}
	}
	l.streams[s.stream][s] = true
	l.waiting++
	return nil
}

// connected notes that a link does not wait any more.
func (l *Links) connected() {
	l.mu.Lock()
	l.waiting--
	l.mu.Unlock()
}
