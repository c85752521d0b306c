package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/outbound"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay/link"
)

// Prefix begins the path of everything the API serves.
const Prefix = "/api/v1/"

// Levels are the log levels of a node's packages. Safe for concurrent use.
type Levels interface {
	Levels() map[string]slog.Level
	SetLevel(pkg string, level slog.Level)
}

// Layers is WHEP's layer extension for whoever is not the subscriber. Errors are
// problems; a session that has ended, or is no subscriber's, is one.
type Layers interface {
	// Layers returns what the extension's GET does.
	Layers(s *signaling.Session) ([]byte, error)
	// SelectLayer does what the extension's POST of the body does.
	SelectLayer(s *signaling.Session, body []byte) error
}

// A Node is what the node says of itself. It must not change after New.
type Node struct {
	ID         string // its name
	Version    string
	Started    time.Time
	Candidates func() []string // of every answer
	Closing    func() bool

	// Cluster returns the nodes there are, this one too if it has announced itself; nil: it
	// is alone. An error is that nobody knows. It returns when ctx is done.
	Cluster func(ctx context.Context) ([]Member, error)
	// Standing is how the node stands in its cluster; nil: it is alone.
	Standing func() Standing
}

// A Standing is what a node knows of its cluster at one moment.
type Standing struct {
	DirectoryUp         bool // it answered last time
	Nodes               int  // of the last list
	Leases, Provisional int
	LeasesLost          uint64
	LinksIn, LinksOut   int
	LinkFailures        uint64
}

// A Member is a node as it announces itself to the others.
type Member struct {
	ID, URL, Version string
	Busy             float64 // from 0, idle, to 1, full
	Closing          bool

	PublicURL string
	Sessions  int
	Announced time.Time // on the directory's clock; zero: not known
}

// A Config says what the API stands on. All fields are required but for Levels,
// Checks and those of a cluster: without them nothing is logged, and nothing tested. It must not change after
// New.
type Config struct {
	Service  *signaling.Service
	Streams  *stream.Registry
	Layers   Layers
	Node     Node
	Settings []config.Setting // in force

	// Pushes and Pulls describe what goes to other servers and comes from them.
	Pushes, Pulls func() []outbound.Info

	// Parents and Children are the node's links; nil: it is alone.
	Parents  func() []link.Parent
	Children func() []link.Child
	// Tree asks the nodes of a stream's tree, as [link.Edges.Tree] does; nil: the node is alone.
	Tree func(ctx context.Context, stream string) (link.Tree, error)

	Levels   Levels
	Checks   []Check // of the self-test, in order
	Document string  // openapi.yaml
}

// A Handler serves the API. It is safe for concurrent use.
type Handler struct {
	cfg     Config
	echo    *echo.Echo
	testing sync.Mutex // held while a self-test runs
}

var _ wire.ServerInterface = (*Handler)(nil)

// New returns the API.
func New(cfg Config) *Handler {
	h := &Handler{cfg: cfg, echo: echo.New()}
	e := h.echo
	e.HTTPErrorHandler = cfg.Service.HandleError
	e.Use(cfg.Service.Recover, h.guard, dressed)
	r := &router{Echo: e, methods: map[string][]string{}}
	wire.RegisterHandlers(r, h)
	r.close()
	return h
}

// ServeHTTP answers a request for a path below [Prefix].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.echo.ServeHTTP(w, r) }
