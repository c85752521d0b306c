package node

import "github.com/whippet-media/whippet/internal/metrics"

// snapshot collects the numbers of all parts for /metrics.
func (n *Node) snapshot() metrics.Snapshot {
	c := n.streams.Counts()
	s := metrics.Snapshot{
		Subscribers: c.Subscribers,
		PacketsOut:  c.PacketsOut, BytesOut: c.BytesOut,
		Dropped: map[string]uint64{
			"write": c.WriteErrors,
		},
		KeyframeWishes: c.KeyframeWishes,
	}
	for _, info := range n.streams.List() {
		if info.Live() {
			s.Streams++
		}
	}
	s.Sessions, s.HalfOpen = n.sessions.Sessions()
	if n.deps.Traffic != nil {
		s.Media = n.deps.Traffic()
	}
	return s
}
