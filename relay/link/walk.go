package link

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

// TreePath is where a node is asked for its place in a stream's tree, on its URL; the stream's
// name follows.
const TreePath = "/cluster/v1/tree/"

const (
	placePurpose  = "place question"
	placeResponse = "place answer"
)

// A Tree is what nodes said of a stream's tree, one after the other: no picture of one moment.
type Tree struct {
	Stream string
	Epoch  int64   // of the origin's lease; 0: no directory knows of it
	Places []Place // the origin first, then by depth and id

	// Truncated: there are more nodes than were asked, or time was over.
	Truncated bool
}

// Complete tells whether every node of the tree has answered.
func (t *Tree) Complete() bool {
	return !t.Truncated && !slices.ContainsFunc(t.Places, func(p Place) bool { return !p.Answered })
}

// A Place is a node in a stream's tree.
type Place struct {
	Node, URL string
	Parent    string // ""; the origin
	Depth     int    // as the parent says

	// Answered: the node was asked and answered. Else what is below it is not known, nor who
	// watches there.
	Answered    bool
	Subscribers int

	// What the parent knows of its link to the node; zero for the origin.
	Connected      bool
	RTT            time.Duration // 0: not known
	Since          time.Time
	Packets, Bytes uint64
}

// placeMessage is what a node says of itself and its children.
type placeMessage struct {
	Version     int            `json:"version"`
	Node        string         `json:"node"`
	Depth       int            `json:"depth"`
	Subscribers int            `json:"subscribers"`
	Children    []childMessage `json:"children,omitempty"`
}

type childMessage struct {
	Node      string    `json:"node"`
	URL       string    `json:"url,omitempty"`
	Connected bool      `json:"connected,omitempty"`
	RTT       int64     `json:"rtt_us,omitempty"` // microseconds
	Since     time.Time `json:"since"`
	Packets   uint64    `json:"packets,omitempty"`
	Bytes     uint64    `json:"bytes,omitempty"`
}

type placeRequest struct {
	Version int    `json:"version"`
	Stream  string `json:"stream"`
}

// place says where this node is in a stream's tree; false: it has not got the stream.
func (l *Links) place(name string) (*placeMessage, bool) {
	depth, ok := l.depth(name)
	if !ok {
		return nil, false
	}
	info, _ := l.cfg.Streams.Lookup(name)
	m := &placeMessage{Version: version, Depth: depth, Subscribers: info.Subscribers}
	if l.cfg.Edges != nil {
		m.Node = l.cfg.Edges.cfg.Node
	}
	seen := map[string]bool{}
	for _, c := range l.childrenOf(name) {
		if seen[c.Node] || len(m.Children) >= maxPlaces {
			continue // of one that is there twice the newer link counts
		}
		seen[c.Node] = true
		m.Children = append(m.Children, childMessage{
			Node: c.Node, URL: c.URL, Connected: c.Connected, RTT: c.RTT.Microseconds(), Since: c.Since.UTC(), Packets: c.Packets, Bytes: c.Bytes,
		})
	}
	return m, true
}

// childrenOf returns the links that this node feeds with a stream, the newest first.
func (l *Links) childrenOf(name string) []Child {
	all := slices.DeleteFunc(l.Info(), func(c Child) bool { return c.Stream != name })
	slices.SortFunc(all, func(a, b Child) int { return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.Node, b.Node)) })
	return all
}

// serveTree answers another node's question for this one's place.
func (l *Links) serveTree(c echo.Context) error {
	if c.Request().Method != http.MethodPost {
		return signaling.MethodNotAllowed(http.MethodPost)
	}
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, maxPlaceBody+1))
	if err != nil || len(body) > maxPlaceBody {
		return signaling.NewProblem(http.StatusBadRequest, "bad-link-request", "Ask for a stream's place.")
	}
	token := strings.TrimPrefix(c.Request().Header.Get("Authorization"), tokenScheme)
	if l.cfg.Secret.Check(token, l.cfg.Now(), placePurpose, string(body)) != nil {
		return signaling.NewProblem(http.StatusUnauthorized, "not-of-the-cluster",
			"This is for the nodes of this cluster: --cluster-secret must be the same on all of them.")
	}
	var asked placeRequest
	if json.Unmarshal(body, &asked) != nil || asked.Version != version || asked.Stream != strings.TrimPrefix(c.Request().URL.Path, TreePath) {
		return signaling.NewProblem(http.StatusBadRequest, "bad-link-request", "The nodes of a cluster must be of versions that understand each other.")
	}
	place, ok := l.place(asked.Stream)
	if !ok {
		return signaling.NewProblem(http.StatusNotFound, "not-the-origin", "The stream's publisher is not on this node.")
	}
	text := marshal(place)
	c.Response().Header().Set(signatureHeader, l.cfg.Secret.Digest(placeResponse, token, string(text)))
	return c.Blob(http.StatusOK, "application/json", text)
}

// askPlace asks a node for its place in a stream's tree.
func (e *Edges) askPlace(ctx context.Context, node, to, name string) (*placeMessage, error) {
	if node == e.cfg.Node {
		if l := e.feeds.Load(); l != nil {
			if m, ok := l.place(name); ok {
				return m, nil
			}
		}
		return nil, errNotOrigin
	}
	asked := marshal(placeRequest{version, name})
	token := e.cfg.Secret.Sign(e.cfg.Directory.Now(), placePurpose, string(asked))
	status, signature, body, err := e.put(ctx, to+TreePath+url.PathEscape(name), token, asked)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, errNotOrigin
	case status != http.StatusOK:
		return nil, errRefused
	case signature != e.cfg.Secret.Digest(placeResponse, token, string(body)):
		return nil, errForged
	}
	var m placeMessage
	if json.Unmarshal(body, &m) != nil || m.Version != version || m.Node != node {
		return nil, errMessage
	}
	return &m, nil
}

func (e *Edges) put(ctx context.Context, to, token string, asked []byte) (status int, signature string, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(asked))
	if err != nil {
		return 0, "", nil, fmt.Errorf("link: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", tokenScheme+token)
	reply, err := e.cfg.HTTP.Do(r)
	if err != nil {
		return 0, "", nil, fmt.Errorf("link: %w", err)
	}
	defer func() { _ = reply.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(reply.Body, maxPlacesBody+1))
	if err == nil && len(body) > maxPlacesBody {
		err = errMessage
	}
	return reply.StatusCode, reply.Header.Get(signatureHeader), body, err
}

// Tree asks the nodes of a stream's tree where they are, the origin first, then its children
// and so on: some at once, each only once, for walkTimeout at most. A node that does not answer
// stays in the tree as its parent knows it. The error is a [relay.ErrAbsent] where nobody
// publishes the stream, a [relay.ErrUnavailable] where nobody knows who does.
func (e *Edges) Tree(ctx context.Context, name string) (Tree, error) {
	ctx, cancel := context.WithTimeout(ctx, walkTimeout)
	defer cancel()
	origin, err := e.cfg.Directory.Lookup(ctx, name)
	if err != nil {
		if !errors.Is(err, relay.ErrAbsent) {
			err = errors.Join(relay.ErrUnavailable, err)
		}
		return Tree{}, err
	}
	w := walk{edges: e, seen: map[string]bool{origin.Node: true}, tree: Tree{Stream: name, Epoch: origin.Epoch}}
	level := []Place{{Node: origin.Node, URL: origin.URL, Connected: true}}
	for depth := 0; len(level) > 0; depth++ {
		level = w.level(ctx, level, depth < tree.MaxDepth)
	}
	return w.tree, nil
}

// A walk goes down a tree, level by level.
type walk struct {
	edges *Edges
	seen  map[string]bool // nodes that are in the tree
	tree  Tree
}

// level asks the nodes of a level, and returns those below.
func (w *walk) level(ctx context.Context, level []Place, deeper bool) (next []Place) {
	answers := make([]*placeMessage, len(level))
	turns := make(chan struct{}, maxPlacesAtOnce)
	var wg sync.WaitGroup
	for i, p := range level {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			answers[i], _ = w.edges.askPlace(ctx, p.Node, p.URL, w.tree.Stream)
		})
	}
	wg.Wait()
	for i, p := range level {
		if m := answers[i]; m != nil {
			p.Answered, p.Subscribers = true, m.Subscribers
			next = append(next, w.below(p, m)...)
		}
		w.tree.Places = append(w.tree.Places, p)
	}
	if len(next) > 0 && !deeper {
		w.tree.Truncated = true
		return nil
	}
	slices.SortFunc(next, func(a, b Place) int { return cmp.Compare(a.Node, b.Node) })
	return next
}

// below returns the children of a node that are not in the tree yet.
func (w *walk) below(p Place, m *placeMessage) (next []Place) {
	for _, c := range m.Children {
		switch {
		case w.seen[c.Node]: // it changes its parent just now
		case len(w.seen) >= maxPlaces:
			w.tree.Truncated = true
		default:
			w.seen[c.Node] = true
			next = append(next, Place{
				Node: c.Node, URL: c.URL, Parent: p.Node, Depth: p.Depth + 1, Connected: c.Connected,
				RTT: time.Duration(c.RTT) * time.Microsecond, Since: c.Since, Packets: c.Packets, Bytes: c.Bytes,
			})
		}
	}
	return next
}
