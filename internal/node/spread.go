package node

import (
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/relay"
)

// newSpreader makes what knows the revocations of the cluster, of this node alone if it is
// in none. Nothing is known before startRevoked.
func (n *Node) newSpreader() *relay.Spreader {
	return relay.NewSpreader(relay.SpreaderConfig{
		Directory: n.deps.Directory, Learn: n.learn, Logger: n.deps.Logs.For("relay"),
	})
}

// startRevoked puts into force what an earlier node with the same folder knew, and what the
// cluster does. Call it before anybody is served.
func (n *Node) startRevoked() error {
	kept, err := n.revoked.load()
	if err != nil {
		return err
	}
	n.enforce(n.spread.Restore(kept))
	n.spread.Start()
	return nil
}

// announce is what the sessions call with each revocation that was made here.
func (n *Node) announce(r auth.Revocation) { n.spread.Announce(r) }

// learn follows what is known in the cluster, and keeps it.
func (n *Node) learn(learned, dropped []relay.Revocation) {
	for _, r := range dropped {
		if r.InForce() {
			n.revoked.log.Warn("A revocation is given up: there are more than are kept.", "jti", r.ID, "sub", r.Subject, "stream", r.Stream)
		}
		n.allow(r)
	}
	n.enforce(learned)
	if n.cfg.Data != "" || n.cluster == nil { // a cluster keeps it, too
		n.revoked.keep(learned)
	}
}

// enforce refuses what is revoked. What was taken back meanwhile and then revoked anew is
// known as it is now only once the old one has gone; Learn ends what came in between.
func (n *Node) enforce(all []relay.Revocation) {
	for _, r := range all {
		if r.Back > 0 {
			n.allow(r)
		}
		if !r.InForce() {
			continue
		}
		if _, err := n.sessions.Learn(r.Revocation); err != nil {
			n.revoked.log.Warn("A revocation is not in force.", "jti", r.ID, "sub", r.Subject, "stream", r.Stream, "error", err)
		}
	}
}

// allow undoes a revocation.
func (n *Node) allow(r relay.Revocation) {
	r.Until = time.Now()
	_, _ = n.sessions.Learn(r.Revocation) // what is over is never refused
}
