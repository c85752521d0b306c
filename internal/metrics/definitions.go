package metrics

import "slices"

// A Kind is a type of metric in Prometheus' sense.
type Kind string

// The kinds.
const (
	Counter   Kind = "counter"   // only grows, 0 at the node's start
	Gauge     Kind = "gauge"     // how it is now
	Histogram Kind = "histogram" // classic buckets; native ones too for those who ask for them
)

// A Label is one label of a metric: at most Most values, all of them known words or small
// numbers but for the name of a stream.
type Label struct {
	Name   string
	Most   int    // values, at the most
	Values string // which, for docs/metrics.md
}

// A Definition is what /metrics says of one metric, and docs/metrics.md of it.
type Definition struct {
	Name   string
	Kind   Kind
	Help   string
	Labels []Label
}

// Most returns how many values the metric can have at the most, a histogram's buckets not
// counted.
func (d Definition) Most() int {
	n := 1
	for _, l := range d.Labels {
		n *= l.Most
	}
	return n
}

func (d Definition) labels() []string {
	var names []string
	for _, l := range d.Labels {
		names = append(names, l.Name)
	}
	return names
}

// The labels that several metrics have.
func direction() Label { return Label{"direction", 2, "`in`, `out`"} }
func kind() Label      { return Label{"kind", 2, "`whip`, `whep`"} }
func streamName() Label {
	return Label{"stream", MaxStreams + 1, "a stream's name, `" + Others + "` for all others together"}
}

// Definitions returns every metric of the node's own, by group. The Go runtime's and the
// process's come from their libraries.
func Definitions() []Definition {
	return slices.Concat(sessionDefinitions(), setupDefinitions(), mediaDefinitions(), repairDefinitions(),
		layerDefinitions(), machineDefinitions(), socketDefinitions(), farDefinitions(), clusterDefinitions(), hookDefinitions(), streamDefinitions())
}

func sessionDefinitions() []Definition {
	return []Definition{
		{"whippet_build_info", Gauge, "The running version; 1.", []Label{{"version", 1, "the version"}}},
		{"whippet_sessions", Gauge, "Sessions of publishers and subscribers by state.", []Label{{"state", 2, "`connected`, `half_open`"}}},
		{"whippet_sessions_limit", Gauge, "Most sessions the node takes.", nil},
		{"whippet_streams", Gauge, "Streams with a publisher.", nil},
		{"whippet_subscribers", Gauge, "Subscribers, those who wait for a publisher included.", nil},
		{"whippet_findings", Gauge, "Publishers with something wrong in their media, by code.", []Label{{"code", 32, "see [diagnosis](diagnosis.md)"}}},
		{"whippet_posts_total", Counter, "POSTs for a session by how they were answered.", []Label{kind(), {"result", MaxResults, "`created`, a code of [problems](problems.md), `other`"}}},
		{"whippet_sessions_ended_total", Counter, "Sessions that ended by reason, failed POSTs included.", []Label{kind(), {"reason", 16, "`deleted`, `peer-left`, `failed`, `never-connected`, `refused`, `replaced`, `stream-ended`, `token-expired`, `shutdown` and others"}}},
		{"whippet_event_streams", Gauge, "Event streams of players (server-sent events) that are open.", nil},
		{"whippet_event_streams_dropped_total", Counter, "Event streams dropped because their reader fell behind.", nil},
	}
}

func setupDefinitions() []Definition {
	steps := Label{"step", 5, "`answer`: from the POST to its 201; `ice`: from there to the first pair of candidates; `dtls`: from there to the keys; `first_packet`: from there, or the publisher's first packet, to the first one of this session; `first_keyframe`: from the POST, or the publisher's first packet, to the first keyframe: what a viewer waits"}
	return []Definition{
		{"whippet_session_setup_seconds", Histogram, "Time the steps of a session's set-up took.", []Label{kind(), steps}},
		{"whippet_session_length_seconds", Histogram, "Time from connected to ended, of sessions that were connected.", []Label{kind()}},
		{"whippet_session_freeze_share", Histogram, "Part of the time a subscriber's picture stood still, of sessions that ended, as far as the node can tell.", nil},
	}
}

func mediaDefinitions() []Definition {
	return []Definition{
		{"whippet_packets_total", Counter, "RTP packets received from publishers (in) and sent to subscribers (out).", []Label{direction()}},
		{"whippet_bytes_total", Counter, "Bytes of these packets before encryption.", []Label{direction()}},
		{"whippet_packets_dropped_total", Counter, "RTP packets that were not taken from publishers (duplicate, late, malformed, unknown), or not sent to a subscriber (layer: its layer does not need it; stale: too late for it; write: the network did not take it).", []Label{{"reason", 7, "`duplicate`, `late`, `malformed`, `unknown`, `layer`, `stale`, `write`"}}},
		{"whippet_reordered_frames_total", Counter, "Frames received after one that is shown later: B-frames, which browsers cannot play.", nil},
		{"whippet_history_bytes", Gauge, "Memory of all histories.", nil},
	}
}

func repairDefinitions() []Definition {
	return []Definition{
		{"whippet_keyframe_wishes_total", Counter, "Keyframes that subscribers needed, by their own request or to begin, switch or go on.", nil},
		{"whippet_keyframe_requests_received_total", Counter, "Keyframe requests (PLI, FIR) received from subscribers.", nil},
		{"whippet_keyframe_requests_total", Counter, "Keyframe requests sent to publishers.", nil},
		{"whippet_keyframe_wishes_merged_total", Counter, "Keyframe wishes that joined one that waited to be sent: they made no request of their own.", nil},
		{"whippet_nacks_total", Counter, "Packets that publishers were asked to send again.", nil},
		{"whippet_packets_repaired_total", Counter, "Packets that publishers sent again.", nil},
		{"whippet_nacks_received_total", Counter, "Packets that subscribers asked for again.", nil},
		{"whippet_resends_total", Counter, "What became of these: sent, refused (too often, or too much for the network), forgotten (no longer kept).", []Label{{"result", 3, "`sent`, `refused`, `forgotten`"}}},
		{"whippet_feedback_dropped_total", Counter, "RTCP packets of subscribers that there was no time for.", nil},
		{"whippet_feedback_malformed_total", Counter, "RTCP packets of subscribers with something unreadable.", nil},
	}
}

func layerDefinitions() []Definition {
	return []Definition{
		{"whippet_switches_total", Counter, "Changes of the layer a subscriber is to get by cause: what it may be sent carries a better one (up) or less (down), the player chose (selected), the old one is not published any more (published).", []Label{{"cause", 4, "`up`, `down`, `selected`, `published`"}}},
		{"whippet_watched_seconds_total", Counter, "Time of subscribers since their first keyframe by what they saw: the best layer there was, a lower one, a picture that stood still.", []Label{{"picture", 3, "`best`, `lower`, `frozen`"}}},
		{"whippet_video_pauses_total", Counter, "Times a subscriber's video was held because its network carries sound only.", nil},
		{"whippet_skips_total", Counter, "Times a subscriber fell behind and went on at a keyframe.", nil},
		{"whippet_restarts_total", Counter, "Times a subscriber started again from the same keyframe, because the encoder ignores requests.", nil},
		{"whippet_probe_packets_total", Counter, "Packets sent to find out what a subscriber's network carries.", nil},
		{"whippet_estimated_subscribers", Gauge, "Subscribers whose network is estimated.", nil},
		{"whippet_estimate_bytes_per_second", Gauge, "Sum of these estimates.", nil},
	}
}

func machineDefinitions() []Definition {
	shard := Label{"shard", maxShards, "from 0; as many as the process may use processors"}
	return []Definition{
		{"whippet_shard_busy_seconds_total", Counter, "Time a shard spent serving its subscribers; its rate is the share of a processor.", []Label{shard}},
		{"whippet_shard_passes_total", Counter, "Passes of a shard.", []Label{shard}},
		{"whippet_shard_subscribers", Gauge, "Subscribers of a shard.", []Label{shard}},
	}
}

func socketDefinitions() []Definition {
	return []Definition{
		{"whippet_media_datagrams_total", Counter, "Datagrams on the media sockets, ICE and DTLS included.", []Label{direction()}},
		{"whippet_media_bytes_total", Counter, "Bytes of these datagrams.", []Label{direction()}},
		{"whippet_media_batch_datagrams", Histogram, "Datagrams in one system call on the media sockets.", []Label{direction()}},
		{"whippet_media_calls_total", Counter, "System calls that read or wrote several datagrams.", []Label{direction()}},
		{"whippet_media_offload_runs_total", Counter, "Messages sent with segmentation offload.", nil},
		{"whippet_media_offload_datagrams_total", Counter, "Datagrams in messages with segmentation offload.", []Label{direction()}},
		{"whippet_media_write_errors_total", Counter, "Datagrams that were not sent.", nil},
		{"whippet_media_send_refusals_total", Counter, "Times the kernel refused to send, what a second try made good included.", []Label{{"reason", 10, "`blocked`, `no-buffers`, `too-large`, `invalid`, `refused`, `unreachable`, `denied`, `no-offload`, `closed`, `other`"}}},
		{"whippet_media_dropped_total", Counter, "Datagrams read from the media sockets and thrown away.", []Label{{"reason", 9, "`unknown-class`, `oversize`, `malformed-stun`, `unknown-ufrag`, `bad-integrity`, `unknown-address`, `too-many-addresses`, `unwanted-stun`, `queue-full`"}}},
		{"whippet_media_kernel_drops_total", Counter, "Datagrams dropped by the kernel before they were read: the receive buffer was full.", nil},
		{"whippet_media_truncated_total", Counter, "Datagrams dropped because they were larger than any buffer.", nil},
		{"whippet_media_path", Gauge, "The way datagrams take between node and kernel; 1.", []Label{direction(), {"path", 3, "`single`, `multiple`, `offload`"}}},
	}
}

func farDefinitions() []Definition {
	way := Label{"way", 2, "`push`: to another server, `pull`: from it"}
	return []Definition{
		{"whippet_far_streams", Gauge, "Streams that are pushed to, or pulled from, other servers, by where they stand.", []Label{way, {"state", 5, "`idle`: a pull that nobody wants, or that comes from elsewhere; `connecting`, `connected`; `waiting` for the next attempt; `refused` for good"}}},
		{"whippet_far_sessions_total", Counter, "Sessions with other servers that were connected, and attempts that were not.", []Label{way, {"result", 2, "`opened`, `failed`"}}},
		{"whippet_far_ends_total", Counter, "Sessions with other servers that ended, and attempts that failed, by why.", []Label{way, {"reason", 16, "`refused`, `busy`, `unreachable`, `lost` and others, see [logs](logs.md#why-pushes-and-pulls-end-or-fail)"}}},
	}
}

func clusterDefinitions() []Definition {
	return []Definition{
		{"whippet_directory_available", Gauge, "Redis answered last time: 1, or 0. Absent, as all of a cluster, on a node that is alone.", nil},
		{"whippet_cluster_nodes", Gauge, "Nodes that the directory listed last, this one included.", nil},
		{"whippet_leases", Gauge, "Streams that this node is the origin of: held in the directory, or provisional, which it does not know of.", []Label{{"state", 2, "`held`, `provisional`"}}},
		{"whippet_leases_lost_total", Counter, "Streams of this node's publishers that another node took.", nil},
		{"whippet_links", Gauge, "Links to other nodes: connecting (of those that come in: streams with subscribers here and no link), open, moving (the node that feeds drains, and another one is looked for).", []Label{direction(), {"state", 3, "`connecting`, `open`, `moving`"}}},
		{"whippet_links_by_depth", Gauge, "Links that feed this node by its depth in the stream's tree: the number of links to the publisher.", []Label{{"depth", maxDepths, "from 1 to 16"}}},
		{"whippet_link_hop_seconds", Gauge, "What the network adds on the way from the nodes that feed this one: half of the round trip; the mean of all links, and the greatest.", []Label{{"value", 2, "`mean`, `greatest`"}}},
		{"whippet_links_opened_total", Counter, "Links that fed this node by how it came to them: first (nothing of the publisher was here), again (to the same node), rerouted (to another one, after a loss), taken-over (to another one, before the one that drains was left).", []Label{{"how", 4, "`first`, `again`, `rerouted`, `taken-over`"}}},
		{"whippet_links_served_total", Counter, "Links that this node began to feed.", nil},
		{"whippet_link_ends_total", Counter, "Links that ended, by why.", []Label{direction(), {"reason", 16, "`closed`, `silent`, `moved` and others, see [logs](logs.md#why-links-end-or-fail)"}}},
		{"whippet_link_failures_total", Counter, "Attempts in vain to get a stream from another node, by why.", []Label{{"reason", 16, "`no-room`, `unreachable` and others, see [logs](logs.md#why-links-end-or-fail)"}}},
		{"whippet_link_referrals_total", Counter, "Nodes that were sent on to those that this one feeds, because it has no room.", nil},
	}
}

func hookDefinitions() []Definition {
	receiver := Label{"receiver", 8, "the host of a `--webhook`, with a number where it has several"}
	return []Definition{
		{"whippet_webhook_events_total", Counter, "Events for a webhook's receiver by what became of them: delivered, or given up because the queue was full, the last attempt failed, the receiver refused, the node closed.", []Label{receiver, {"result", 5, "`delivered`, `full`, `given-up`, `refused`, `shutdown`"}}},
		{"whippet_webhook_failures_total", Counter, "Attempts to deliver to a webhook's receiver that failed, those that were repeated included.", []Label{receiver}},
		{"whippet_webhook_queued", Gauge, "Events that wait for a webhook's receiver, or are under way.", []Label{receiver}},
		{"whippet_traces_dropped_total", Counter, "Sessions whose trace was not delivered.", nil},
	}
}

func streamDefinitions() []Definition {
	return []Definition{
		{"whippet_stream_subscribers", Gauge, "Subscribers of a stream.", []Label{streamName()}},
		{"whippet_stream_findings", Gauge, "Number of things wrong with what a stream's publisher sends.", []Label{streamName()}},
		{"whippet_stream_packets_total", Counter, "RTP packets from a stream's publisher (in) and to its subscribers, not counting resends (out).", []Label{streamName(), direction()}},
		{"whippet_stream_bytes_total", Counter, "Bytes of payload of these packets.", []Label{streamName(), direction()}},
		{"whippet_stream_nacks_total", Counter, "Packets that a stream's publisher was asked to send again (in), and that its subscribers asked for (out).", []Label{streamName(), direction()}},
		{"whippet_stream_keyframe_requests_total", Counter, "Keyframe requests sent to a stream's publisher (in), and received from its subscribers (out).", []Label{streamName(), direction()}},
		{"whippet_stream_watched_seconds_total", Counter, "As whippet_watched_seconds_total, of a stream's subscribers.", []Label{streamName(), {"picture", 3, "`best`, `lower`, `frozen`"}}},
	}
}
