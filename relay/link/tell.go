package link

import (
	"context"
	"log/slog"

	"github.com/whippet-media/whippet/relay"
)

// What is logged and counted of links. Each thing that happens is one line; what is tried again
// and again is told at its first failure, and then only at debug.

// opened tells of a link that feeds this node from now on.
func (x *edge) opened(d *dialed, origin relay.Holder, how How) {
	x.from = d.from.ID
	x.edges.opened(how)
	x.edges.cfg.Log.Info("link", "event", "opened", "direction", "in", "stream", x.name, "node", d.from.ID,
		"depth", d.from.Depth+1, "epoch", origin.Epoch, "how", how)
}

// closed tells of one that does so no more.
func (x *edge) closed(d *dialed, origin relay.Holder, why Reason) {
	x.edges.ended(why)
	x.edges.cfg.Log.Info("link", "event", "closed", "direction", "in", "stream", x.name, "node", d.from.ID,
		"depth", d.from.Depth+1, "epoch", origin.Epoch, "reason", why)
}

// refused tells that there was no link to be had.
func (x *edge) refused(origin relay.Holder, err error) {
	why := failReason(err)
	if x.edges.quit.Err() != nil {
		why = ReasonShutdown
	}
	x.edges.failed(why)
	x.edges.cfg.Log.Log(context.Background(), x.refusedLevel(why), "link", "event", "refused", "stream", x.name, "node", origin.Node,
		"epoch", origin.Epoch, "reason", why, "error", err)
}

// unknown tells that the directory did not say where the stream is.
func (x *edge) unknown(err error) {
	if x.edges.quit.Err() != nil {
		return
	}
	x.edges.cfg.Log.Log(context.Background(), x.firstWarns(), "link", "event", "not-found", "stream", x.name,
		"node", x.last.Node, "epoch", x.last.Epoch, "error", err)
}

// refusedLevel is firstWarns, but that an origin without a publisher is worth a word only when it is
// one again: where a publisher ended, its lease is given back a moment later.
func (x *edge) refusedLevel(why Reason) slog.Level {
	switch {
	case why != ReasonNotOrigin:
		return x.firstWarns()
	case x.failed == 1:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (x *edge) firstWarns() slog.Level {
	if x.failed > 0 {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// moves tells that the parent drains, once for each parent.
func (x *edge) moves(d *dialed, origin relay.Holder) {
	if d.told {
		return
	}
	d.told = true
	x.edges.cfg.Log.Info("link", "event", "moving", "stream", x.name, "node", d.from.ID, "depth", d.from.Depth+1, "epoch", origin.Epoch)
}

// ended tells of a link that this node feeds no more.
func (l *Links) ended(s *served, why Reason) {
	l.mu.Lock()
	l.counts.Ended[why]++
	l.mu.Unlock()
	l.cfg.Log.Info("link", "event", "closed", "direction", "out", "stream", s.stream, "node", s.node,
		"depth", s.depth+1, "epoch", s.epoch, "reason", why)
}

// referred tells of a node that was sent to others; answer may be nil.
func (l *Links) referred(r *request, answer *referral) {
	if answer == nil {
		return
	}
	l.mu.Lock()
	l.counts.Referred++
	l.mu.Unlock()
	l.cfg.Log.Debug("link", "event", "referred", "stream", r.Stream, "node", r.Node, "epoch", r.Epoch, "children", len(answer.Children))
}
