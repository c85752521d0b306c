package relay

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A nodeList is the cluster's nodes as of late.
type nodeList struct {
	// mu is held while the directory is asked: who asks at the same time gets the same
	// answer.
	mu    sync.Mutex
	nodes []NodeInfo
	at    time.Time

	known atomic.Pointer[[]NodeInfo] // the last list
}

// KnownNodes is Nodes without asking: the list of the last seconds, or the last there was;
// nil: none yet. It does not block, and the list must not be changed.
func (k *Keeper) KnownNodes() []NodeInfo {
	if known := k.list.known.Load(); known != nil {
		return *known
	}
	return nil
}

// Nodes returns the nodes that have announced themselves of late, this one too, by id: the
// directory's list, at most two seconds old, or the last one while it does not answer. The
// list is shared and must not be changed.
func (k *Keeper) Nodes(ctx context.Context) ([]NodeInfo, error) {
	l := &k.list
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.at.IsZero() && time.Since(l.at) < nodesEvery {
		return l.nodes, nil
	}
	nodes, err := k.cfg.Directory.Nodes(ctx)
	if k.contact(err) != nil {
		if l.at.IsZero() {
			return nil, err
		}
		return l.nodes, nil
	}
	l.nodes, l.at = nodes, time.Now()
	l.known.Store(&nodes)
	return nodes, nil
}
