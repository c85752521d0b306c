package metrics

import "strconv"

func (w writer) sessions(s *Snapshot) {
	w.value("whippet_sessions", float64(s.Sessions-s.HalfOpen), "connected")
	w.value("whippet_sessions", float64(s.HalfOpen), "half_open")
	w.value("whippet_sessions_limit", float64(s.SessionsLimit))
	w.value("whippet_streams", float64(s.Streams))
	w.value("whippet_subscribers", float64(s.Subscribers))
	for code, n := range s.Findings {
		w.value("whippet_findings", float64(n), code)
	}
	w.value("whippet_event_streams", float64(s.EventStreams))
	w.count("whippet_event_streams_dropped_total", s.EventStreamsDropped)
}

func (w writer) packets(s *Snapshot) {
	w.count("whippet_packets_total", s.PacketsIn, "in")
	w.count("whippet_packets_total", s.PacketsOut, "out")
	w.count("whippet_bytes_total", s.BytesIn, "in")
	w.count("whippet_bytes_total", s.BytesOut, "out")
	w.reasons("whippet_packets_dropped_total", s.Dropped)
	w.count("whippet_reordered_frames_total", s.Reordered)
	w.value("whippet_history_bytes", float64(s.HistoryBytes))
}

func (w writer) repair(s *Snapshot) {
	w.count("whippet_keyframe_wishes_total", s.KeyframeWishes)
	w.count("whippet_keyframe_requests_received_total", s.KeyframeRequestsIn)
	w.count("whippet_keyframe_requests_total", s.KeyframeRequests)
	w.count("whippet_keyframe_wishes_merged_total", s.KeyframeMerged)
	w.count("whippet_nacks_total", s.Nacks)
	w.count("whippet_packets_repaired_total", s.Repaired)
	w.count("whippet_nacks_received_total", s.NacksIn)
	w.reasons("whippet_resends_total", s.Resends)
	w.count("whippet_feedback_dropped_total", s.FeedbackDropped)
	w.count("whippet_feedback_malformed_total", s.FeedbackMalformed)
}

func (w writer) layers(s *Snapshot) {
	w.reasons("whippet_switches_total", s.Switches)
	w.watched("whippet_watched_seconds_total", s.Watched)
	w.count("whippet_video_pauses_total", s.Pauses)
	w.count("whippet_skips_total", s.Skips)
	w.count("whippet_restarts_total", s.Restarts)
	w.count("whippet_probe_packets_total", s.Probes)
	w.value("whippet_estimated_subscribers", float64(s.Estimated))
	w.value("whippet_estimate_bytes_per_second", float64(s.Estimate)/8)
}

func (w writer) watched(name string, s Watched, labels ...string) {
	for picture, d := range map[string]float64{"best": s.Best.Seconds(), "lower": s.Lower.Seconds(), "frozen": s.Frozen.Seconds()} {
		w.value(name, d, append(labels[:len(labels):len(labels)], picture)...)
	}
}

func (w writer) shards(all []Shard) {
	for i, s := range all[:min(len(all), maxShards)] {
		shard := strconv.Itoa(i)
		w.value("whippet_shard_busy_seconds_total", s.Busy.Seconds(), shard)
		w.count("whippet_shard_passes_total", s.Passes, shard)
		w.value("whippet_shard_subscribers", float64(s.Subscribers), shard)
	}
}

func (w writer) socket(t *Traffic) {
	w.count("whippet_media_datagrams_total", t.PacketsRead, "in")
	w.count("whippet_media_datagrams_total", t.PacketsWritten, "out")
	w.count("whippet_media_bytes_total", t.BytesRead, "in")
	w.count("whippet_media_bytes_total", t.BytesWritten, "out")
	w.sizes("whippet_media_batch_datagrams", t.ReadSizes, t.PacketsRead, "in")
	w.sizes("whippet_media_batch_datagrams", t.BatchSizes, t.PacketsWritten, "out")
	w.count("whippet_media_write_errors_total", t.WriteErrors)
	w.reasons("whippet_media_send_refusals_total", t.Refusals)
	w.count("whippet_media_calls_total", t.Reads, "in")
	w.count("whippet_media_calls_total", t.Batches, "out")
	w.count("whippet_media_offload_runs_total", t.Runs)
	w.count("whippet_media_offload_datagrams_total", t.RunPackets, "out")
	w.count("whippet_media_offload_datagrams_total", t.CoalescedPackets, "in")
	w.count("whippet_media_kernel_drops_total", t.KernelDrops)
	w.count("whippet_media_truncated_total", t.Truncated)
	if t.Sending != "" {
		w.value("whippet_media_path", 1, "out", t.Sending)
		w.value("whippet_media_path", 1, "in", t.Receiving)
	}
}

func (w writer) far(way string, f *Far) {
	for state, n := range f.States {
		w.value("whippet_far_streams", float64(n), way, state)
	}
	w.count("whippet_far_sessions_total", f.Opened, way, "opened")
	w.count("whippet_far_sessions_total", f.Failed, way, "failed")
	for reason, n := range f.Ends {
		w.count("whippet_far_ends_total", n, way, reason)
	}
}

func (w writer) hooks(s *Snapshot) {
	for _, h := range s.Webhooks {
		w.count("whippet_webhook_events_total", h.Delivered, h.Receiver, "delivered")
		for reason, n := range h.Dead {
			w.count("whippet_webhook_events_total", n, h.Receiver, reason)
		}
		w.count("whippet_webhook_failures_total", h.Failed, h.Receiver)
		w.value("whippet_webhook_queued", float64(h.Queued), h.Receiver)
	}
	w.count("whippet_traces_dropped_total", s.TracesDropped)
}

func (w writer) stream(s *Stream) {
	w.value("whippet_stream_subscribers", float64(s.Subscribers), s.Name)
	w.value("whippet_stream_findings", float64(s.Findings), s.Name)
	w.count("whippet_stream_packets_total", s.PacketsIn, s.Name, "in")
	w.count("whippet_stream_packets_total", s.PacketsOut, s.Name, "out")
	w.count("whippet_stream_bytes_total", s.BytesIn, s.Name, "in")
	w.count("whippet_stream_bytes_total", s.BytesOut, s.Name, "out")
	w.count("whippet_stream_nacks_total", s.NacksIn, s.Name, "in")
	w.count("whippet_stream_nacks_total", s.NacksOut, s.Name, "out")
	w.count("whippet_stream_keyframe_requests_total", s.RequestsIn, s.Name, "in")
	w.count("whippet_stream_keyframe_requests_total", s.RequestsOut, s.Name, "out")
	w.watched("whippet_stream_watched_seconds_total", s.Watched, s.Name)
}
