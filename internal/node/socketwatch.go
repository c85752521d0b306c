package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/whippet-media/whippet/internal/udp"
)

// socketWatchInterval is how often what happens to the media socket is looked at. It also
// bounds the lines about it.
const socketWatchInterval = 10 * time.Second

// A socketWatch tells the operator what the media socket suffers from and a metric alone
// would hide: packets lost in the kernel, and ways to send that cost more.
type socketWatch struct {
	log  *slog.Logger
	last udp.Stats
}

// run looks at the counters until the context ends.
func (w *socketWatch) run(ctx context.Context, stats func() udp.Stats) {
	tick := time.NewTicker(socketWatchInterval)
	defer tick.Stop()
	for {
		w.look(stats())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look logs what is new.
func (w *socketWatch) look(now udp.Stats) {
	for _, f := range udp.Fallbacks() {
		if now.Fallbacks[f] > w.last.Fallbacks[f] {
			w.log.Warn("media packets cost more than they could on another system or device",
				"reason", f.String(), "sending", now.Sending.String(), "receiving", now.Receiving.String())
		}
	}
	if n := now.KernelDrops - w.last.KernelDrops; n > 0 {
		w.log.Warn("the kernel dropped media packets before they could be read: raise net.core.rmem_max, or give the node more CPU time",
			"packets", n)
	}
	if n := now.WriteErrors - w.last.WriteErrors; n > 0 {
		w.log.Warn("media packets could not be sent", "packets", n, "reasons", refusals(now, w.last))
	}
	w.last = now
}

// refusals lists why the kernel refused to send since the last look.
func refusals(now, last udp.Stats) map[string]uint64 {
	reasons := map[string]uint64{}
	for _, e := range udp.SendErrors() {
		if n := now.SendErrors[e] - last.SendErrors[e]; n > 0 {
			reasons[e.String()] = n
		}
	}
	return reasons
}
