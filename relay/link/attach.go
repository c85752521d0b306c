package link

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

// A parent is the node that feeds this one.
type parent struct {
	tree.Candidate
	link  *dialed
	since time.Time
}

// errNoParent: every node that was asked is full, or must not take this one.
var errNoParent = errors.New("link: no node has room")

// errMute: the last link from a node brought nothing.
var errMute = errors.New("link: nothing came over the last one")

// A refusal is a node's word that it has no room, with its children.
type refusal struct{ referral referral }

// Error says what was refused.
func (r *refusal) Error() string { return "link: the node refers to others" }

func refusalOf(body []byte) error {
	r, err := unmarshalReferral(body)
	if err != nil {
		return err
	}
	return &refusal{*r}
}

func unmarshalReferral(body []byte) (*referral, error) {
	r := &referral{}
	if err := json.Unmarshal(body, r); err != nil || r.Version != version {
		return nil, errMessage
	}
	return r, nil
}

// attach finds a parent. Where no node may take this one because of its children, those
// go and look for other parents first.
func (x *edge) attach(ctx context.Context, origin relay.Holder) *dialed {
	s := x.edges.seeker(x)
	d, err := x.connect(ctx, origin, s)
	if errors.Is(err, errNoParent) && s.Children {
		x.edges.letGo(x.name)
		if s = x.edges.seeker(x); !s.Children {
			d, err = x.connect(ctx, origin, s)
		}
	}
	if err != nil {
		x.mute = "" // or nobody is left
		x.refused(origin, err)
		return nil
	}
	return d
}

// descend asks the origin for a link, then those that it and others refer to. Where the
// origin cannot be reached from here, others may have the stream: those there are are asked.
func (x *edge) descend(ctx context.Context, origin relay.Holder, s tree.Seeker) (*dialed, error) {
	ctx, cancel := context.WithTimeout(ctx, descentTimeout)
	defer cancel()
	root := tree.Candidate{ID: origin.Node, URL: origin.URL}
	way := tree.NewDescent(s, root)
	way.Next() // the origin is asked for a link at once
	d, err := x.askOrigin(ctx, root, origin.Epoch, s)
	refused := (*refusal)(nil)
	switch {
	case errors.As(err, &refused):
		x.hear(way, &refused.referral)
	case unreachable(err):
		way.Refused(x.around(origin.Node, s))
	default:
		return d, err
	}
	for batch := way.Next(); len(batch) > 0 && ctx.Err() == nil; batch = way.Next() {
		if d := x.try(ctx, way, batch, origin.Epoch, s); d != nil {
			return d, nil
		}
	}
	return nil, errNoParent
}

// try asks some nodes at once whether they have room; the first to say so is asked for a
// link, those that are busy only if no other has room. The others' children are noted.
func (x *edge) try(ctx context.Context, way *tree.Descent, batch []tree.Candidate, epoch int64, s tree.Seeker) *dialed {
	asking, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	answers := make(chan *referral, len(batch))
	for _, c := range batch {
		if c.ID == x.mute {
			answers <- nil
			continue
		}
		wg.Go(func() { answers <- x.edges.question(asking, c, x.name, s) })
	}
	var willing []*referral
	for range batch {
		r := <-answers
		switch {
		case r == nil:
		case !s.MayTake(r.self()):
			x.hear(way, r)
		case r.self().Busy():
			willing = append(willing, r)
		default:
			if d := x.request(ctx, way, r, epoch, s); d != nil {
				return d
			}
		}
	}
	slices.SortStableFunc(willing, func(a, b *referral) int { return cmp.Compare(a.Node.Load, b.Node.Load) })
	for _, r := range willing {
		if d := x.request(ctx, way, r, epoch, s); d != nil {
			return d
		}
	}
	return nil
}

// askOrigin asks the origin for a link, or only whom else there is to ask if the last link from
// there brought nothing.
func (x *edge) askOrigin(ctx context.Context, root tree.Candidate, epoch int64, s tree.Seeker) (*dialed, error) {
	if root.ID != x.mute {
		return x.dialOne(ctx, root, epoch, s)
	}
	if r := x.edges.question(ctx, root, x.name, s); r != nil && len(r.Children) > 0 {
		return nil, &refusal{*r}
	}
	return nil, errMute
}

// hear notes the nodes that one refers to, for this search and for later ones.
func (x *edge) hear(way *tree.Descent, r *referral) {
	all := r.candidates()
	way.Refused(all)
	for _, old := range x.heardOf {
		if !slices.ContainsFunc(all, func(c tree.Candidate) bool { return c.ID == old.ID }) {
			all = append(all, old)
		}
	}
	x.heardOf = all[:min(len(all), tree.MaxReferrals)]
}

// unreachable tells whether a node gave no answer that counts.
func unreachable(err error) bool {
	return err != nil && !errors.Is(err, errNotOrigin) && !errors.Is(err, errNoParent) && !errors.Is(err, errForged)
}

// around returns nodes besides the origin that may have the stream, at most tree.MaxReferrals: those
// last heard of in this search or an earlier one, then any. How deep they are they say themselves.
func (x *edge) around(origin string, s tree.Seeker) []tree.Candidate {
	all := slices.Clone(x.heardOf)
	if x.edges.cfg.Nodes != nil {
		all = append(all, tree.Refer(x.edges.cfg.Nodes(), s)...)
	}
	all = slices.DeleteFunc(all, func(c tree.Candidate) bool { return c.ID == origin || c.URL == "" })
	return all[:min(len(all), tree.MaxReferrals)]
}

// request asks a node that said it has room for a link. nil: it gave none.
func (x *edge) request(ctx context.Context, way *tree.Descent, r *referral, epoch int64, s tree.Seeker) *dialed {
	d, err := x.dialOne(ctx, r.self(), epoch, s)
	if err == nil {
		return d
	}
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		r = &refused.referral
	}
	x.hear(way, r)
	return nil
}

// dialOne asks a node for a link, and takes it only where no loop arises.
func (x *edge) dialOne(ctx context.Context, to tree.Candidate, epoch int64, s tree.Seeker) (*dialed, error) {
	e := x.edges
	h := relay.Holder{Node: to.ID, URL: to.URL, Epoch: epoch}
	var d *dialed
	var err error
	if x.pub != nil {
		d, err = e.dial(ctx, h, x.name, s, x.publisher, x.pub.Held())
	} else {
		d, err = e.dial(ctx, h, x.name, s, 0, nil)
	}
	if err != nil {
		return nil, err
	}
	to.Depth = d.depth
	d.from = to
	if !s.Allowed(to) {
		d.close()
		return nil, errNoParent
	}
	return d, nil
}

// question asks a node whether it has room for a stream; nil: it says nothing of use.
func (e *Edges) question(ctx context.Context, to tree.Candidate, name string, s tree.Seeker) *referral {
	asked := marshal(request{
		Version: version, Stream: name, Node: e.cfg.Node, URL: e.cfg.URL, Ask: true, Children: s.Children, Depth: s.Depth,
	})
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	_, body, err := e.post(ctx, to.URL+Path+url.PathEscape(name), asked)
	if err != nil {
		return nil
	}
	r, err := unmarshalReferral(body)
	if err != nil || r.Node.ID != to.ID {
		return nil
	}
	r.Node.URL = to.URL
	return r
}

// seeker says how this node looks for a parent. It has none then, so it takes no children.
func (e *Edges) seeker(x *edge) tree.Seeker {
	e.mu.Lock()
	defer e.mu.Unlock()
	return tree.Seeker{ID: e.cfg.Node, Children: x.children > 0, Depth: x.depth}
}

// place notes where the node stands now.
func (e *Edges) place(x *edge, d *dialed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.depth = d.depth + 1
	x.parent = parent{d.from, d, time.Now()}
	x.looking = false
}

// letGo ends the links that this node feeds with a stream, and waits for that.
func (e *Edges) letGo(name string) {
	if l := e.feeds.Load(); l != nil {
		l.letGo(name)
	}
}

// depthOf returns this node's depth in a stream's tree; false where nothing feeds it now.
func (e *Edges) depthOf(name string) (int, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.edges[name]
	if x == nil || !x.takesLocked() {
		return 0, false
	}
	return x.depth, true
}

// takesLocked tells whether the node may take children: it has a parent that is not about to
// be given up, and looks for no other one that could be below a child.
func (x *edge) takesLocked() bool {
	return x.linked && (!x.looking || x.children > 0) && !x.parent.link.stale(time.Now())
}

// adopt keeps an edge for a child, as a subscriber does; false where nothing feeds it now,
// or the child must not be below it.
func (e *Edges) adopt(name string, child tree.Seeker) (depth int, release func(), ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.edges[name]
	if x == nil || !x.takesLocked() || !child.Allowed(tree.Candidate{ID: e.cfg.Node, Depth: x.depth}) {
		return 0, nil, false
	}
	x.subscribers++
	x.children++
	return x.depth, sync.OnceFunc(func() {
		e.mu.Lock()
		x.children--
		e.mu.Unlock()
		e.leave(x)
	}), true
}
