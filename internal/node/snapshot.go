package node

import (
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/internal/rtc"
)

// snapshot collects the numbers of all parts for /metrics.
func (n *Node) snapshot() metrics.Snapshot {
	c := n.streams.Counts()
	s := metrics.Snapshot{
		Subscribers: c.Subscribers,
		PacketsIn:   c.Received.Packets, BytesIn: c.Received.Bytes,
		PacketsOut: c.PacketsOut, BytesOut: c.BytesOut,
		Dropped: map[string]uint64{
			"duplicate": c.Received.Duplicates,
			"late":      c.Received.Late,
			"malformed": c.Received.Malformed,
			"unknown":   c.Received.Unknown,
			"write":     c.WriteErrors,
		},
		MediaDropped:   map[string]uint64{},
		Findings:       map[string]int{},
		KeyframeWishes: c.KeyframeWishes, KeyframeRequests: c.Received.Requests,
		Reordered: c.Received.Reordered,
		Nacks:     c.Received.Nacks, Repaired: c.Received.Repaired,
		FeedbackDropped: c.FeedbackDropped, HistoryBytes: c.HistoryBytes,
	}
	for _, code := range forwarder.FindingCodes() {
		s.Findings[code] = 0
	}
	for _, info := range n.streams.List() {
		if info.Live() {
			s.Streams++
		}
		for _, f := range info.Diagnosis {
			s.Findings[f.Code]++
		}
	}
	for _, reason := range rtc.DropReasons() {
		s.MediaDropped[reason.String()] = n.media.Drops(reason)
	}
	s.Sessions, s.HalfOpen = n.sessions.Sessions()
	if n.deps.Traffic != nil {
		s.Media = n.deps.Traffic()
	}
	return s
}
