package node

import (
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/metrics"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/internal/webhook"
)

// snapshot collects the numbers of all parts for /metrics.
func (n *Node) snapshot() metrics.Snapshot {
	c := n.streams.Counts()
	s := metrics.Snapshot{
		SessionsLimit: n.cfg.MaxSessions,
		Subscribers:   c.Subscribers,
		PacketsIn:     c.Received.Packets, BytesIn: c.Received.Bytes,
		PacketsOut: c.PacketsOut, BytesOut: c.BytesOut,
		Dropped:        dropped(&c),
		MediaDropped:   map[string]uint64{},
		Findings:       map[string]int{},
		KeyframeWishes: c.KeyframeWishes, KeyframeMerged: c.Received.Merged, KeyframeRequests: c.Received.Requests,
		KeyframeRequestsIn: c.Sent.Requests,
		Reordered:          c.Received.Reordered,
		Nacks:              c.Received.Nacks, Repaired: c.Received.Repaired,
		NacksIn: c.Sent.Nacks,
		Resends: map[string]uint64{
			"sent": c.Sent.Resent, "refused": c.Sent.ResendRefused, "forgotten": c.Sent.ResendForgotten,
		},
		FeedbackDropped: c.FeedbackDropped, FeedbackMalformed: c.Sent.Malformed, HistoryBytes: c.HistoryBytes,
		Switches: map[string]uint64{
			"up": c.Sent.Switches.Up, "down": c.Sent.Switches.Down,
			"selected": c.Sent.Switches.Selected, "published": c.Sent.Switches.Published,
		},
		Watched: watched(c.Sent.Measures),
		Pauses:  c.Sent.Pauses, Skips: c.Sent.Skips, Restarts: c.Sent.Restarts, Probes: c.Sent.Probes,
		Estimated: c.Sent.Estimated, Estimate: c.Sent.Estimate,
		EventStreams: n.play.EventStreams(), EventStreamsDropped: n.play.DroppedEventStreams(),
	}
	for _, code := range forwarder.FindingCodes() {
		s.Findings[code] = 0
	}
	for _, info := range n.streams.List() {
		if info.Live() {
			s.Streams++
		}
		if info.Relayed {
			continue // the publisher's node counts them, so that the cluster's sum is right
		}
		for _, f := range info.Diagnosis {
			s.Findings[f.Code]++
		}
	}
	for _, shard := range c.Shards {
		s.Shards = append(s.Shards, metrics.Shard(shard))
	}
	for _, one := range n.streams.StreamCounts() {
		s.PerStream = append(s.PerStream, ofStream(&one))
	}
	s.Push, s.Pull = n.fars()
	s.Cluster = n.clusterCounts()
	s.TracesDropped = n.tracer.Dropped()
	for _, hook := range n.HookStats() {
		dead := map[string]uint64{}
		for _, reason := range webhook.DeadReasons() { // also those that did not come yet
			dead[reason] = hook.Dead[reason]
		}
		s.Webhooks = append(s.Webhooks, metrics.Webhook{
			Receiver: hook.Receiver, Queued: hook.Queued, Delivered: hook.Delivered, Failed: hook.Failed, Dead: dead,
		})
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

func dropped(c *stream.Counts) map[string]uint64 {
	return map[string]uint64{
		"duplicate": c.Received.Duplicates,
		"late":      c.Received.Late,
		"malformed": c.Received.Malformed,
		"unknown":   c.Received.Unknown,
		"layer":     c.Sent.DroppedLayer,
		"stale":     c.Sent.DroppedLate,
		"write":     c.WriteErrors,
	}
}

func watched(m forwarder.Measures) metrics.Watched {
	return metrics.Watched{Best: m.Best, Lower: m.Lower, Frozen: m.Frozen}
}

func ofStream(c *stream.StreamCounts) metrics.Stream {
	s := metrics.Stream{
		Name: c.Name, Subscribers: c.Subscribers, Findings: c.Findings,
		PacketsIn: c.Received.Packets, PacketsOut: c.Sent.Packets,
		BytesIn: c.Received.Bytes, BytesOut: c.Sent.Bytes,
		NacksIn: c.Received.Nacks, NacksOut: c.Sent.Nacks,
		RequestsIn: c.Received.Requests, RequestsOut: c.Sent.Requests,
		Watched: watched(c.Sent.Measures),
	}
	if s.Name == "" {
		s.Name = metrics.Others
	}
	return s
}
