package metrics_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/metrics"
)

func scrape(t *testing.T, s metrics.Snapshot) string {
	t.Helper()
	return scrapeWith(t, metrics.NewInstruments(), s)
}

func scrapeWith(t *testing.T, i *metrics.Instruments, s metrics.Snapshot) string {
	t.Helper()
	h := metrics.Handler("v1.2.3", i, func() metrics.Snapshot { return s })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestEveryNumberIsShown(t *testing.T) {
	got := scrape(t, full())
	for _, want := range []string{
		`whippet_build_info{version="v1.2.3"} 1`,
		`whippet_sessions{state="connected"} 5`,
		`whippet_sessions{state="half_open"} 2`,
		`whippet_streams 3`,
		`whippet_findings{code="b-frames"} 61`,
		`whippet_findings{code="nack-dead"} 0`,
		`whippet_subscribers 4`,
		`whippet_media_datagrams_total{direction="in"} 11`,
		`whippet_media_bytes_total{direction="in"} 12`,
		`whippet_media_datagrams_total{direction="out"} 13`,
		`whippet_media_bytes_total{direction="out"} 14`,
		`whippet_media_write_errors_total 15`,
		`whippet_media_calls_total{direction="in"} 16`,
		`whippet_media_calls_total{direction="out"} 17`,
		`whippet_media_offload_runs_total 18`,
		`whippet_media_offload_datagrams_total{direction="out"} 19`,
		`whippet_media_offload_datagrams_total{direction="in"} 191`,
		`whippet_media_kernel_drops_total 192`,
		`whippet_media_truncated_total 193`,
		`whippet_media_send_refusals_total{reason="blocked"} 194`,
		`whippet_media_path{direction="out",path="offload"} 1`,
		`whippet_media_path{direction="in",path="multiple"} 1`,
		`whippet_packets_total{direction="in"} 21`,
		`whippet_packets_total{direction="out"} 22`,
		`whippet_bytes_total{direction="in"} 23`,
		`whippet_bytes_total{direction="out"} 24`,
		`whippet_packets_dropped_total{reason="late"} 31`,
		`whippet_packets_dropped_total{reason="behind"} 32`,
		`whippet_keyframe_wishes_total 41`,
		`whippet_keyframe_requests_total 42`,
		`whippet_nacks_total 43`,
		`whippet_packets_repaired_total 44`,
		`whippet_feedback_dropped_total 45`,
		`whippet_history_bytes 46`,
		`whippet_media_dropped_total{reason="oversize"} 51`,
		`whippet_sessions_limit 9`,
		`whippet_event_streams 71`,
		`whippet_event_streams_dropped_total 72`,
		`whippet_keyframe_wishes_merged_total 73`,
		`whippet_keyframe_requests_received_total 74`,
		`whippet_nacks_received_total 75`,
		`whippet_feedback_malformed_total 76`,
		`whippet_resends_total{result="sent"} 77`,
		`whippet_switches_total{cause="up"} 78`,
		`whippet_watched_seconds_total{picture="best"} 79`,
		`whippet_watched_seconds_total{picture="lower"} 80`,
		`whippet_watched_seconds_total{picture="frozen"} 81`,
		`whippet_video_pauses_total 82`,
		`whippet_skips_total 83`,
		`whippet_restarts_total 84`,
		`whippet_probe_packets_total 85`,
		`whippet_estimated_subscribers 86`,
		`whippet_estimate_bytes_per_second 87`,
		`whippet_shard_busy_seconds_total{shard="1"} 88`,
		`whippet_shard_passes_total{shard="1"} 89`,
		`whippet_shard_subscribers{shard="1"} 90`,
		`whippet_webhook_events_total{receiver="app",result="delivered"} 91`,
		`whippet_webhook_events_total{receiver="app",result="full"} 93`,
		`whippet_webhook_failures_total{receiver="app"} 92`,
		`whippet_webhook_queued{receiver="app"} 95`,
		`whippet_traces_dropped_total 96`,
		`whippet_stream_subscribers{stream="studio"} 101`,
		`whippet_stream_findings{stream="studio"} 102`,
		`whippet_stream_packets_total{direction="in",stream="studio"} 103`,
		`whippet_stream_packets_total{direction="out",stream="studio"} 104`,
		`whippet_stream_bytes_total{direction="in",stream="studio"} 105`,
		`whippet_stream_bytes_total{direction="out",stream="studio"} 106`,
		`whippet_stream_nacks_total{direction="in",stream="studio"} 107`,
		`whippet_stream_nacks_total{direction="out",stream="studio"} 108`,
		`whippet_stream_keyframe_requests_total{direction="in",stream="studio"} 109`,
		`whippet_stream_keyframe_requests_total{direction="out",stream="studio"} 110`,
		`whippet_stream_watched_seconds_total{picture="frozen",stream="studio"} 111`,
		`whippet_stream_subscribers{stream="(other)"} 112`,
		`whippet_far_streams{state="connected",way="push"} 121`,
		`whippet_far_sessions_total{result="opened",way="push"} 122`,
		`whippet_far_sessions_total{result="failed",way="push"} 123`,
		`whippet_far_ends_total{reason="refused",way="push"} 127`,
		`whippet_far_streams{state="idle",way="pull"} 124`,
		`whippet_far_sessions_total{result="opened",way="pull"} 125`,
		`whippet_far_sessions_total{result="failed",way="pull"} 126`,
		`whippet_media_batch_datagrams_bucket{direction="in",le="1"} 3`,
		`whippet_media_batch_datagrams_bucket{direction="in",le="2"} 7`,
		`whippet_media_batch_datagrams_count{direction="in"} 12`,
		`whippet_media_batch_datagrams_sum{direction="in"} 11`,
		`go_sched_latencies_seconds_count `,
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no line %s", want)
		}
	}
}

func full() metrics.Snapshot {
	return metrics.Snapshot{
		Cluster: &metrics.Cluster{
			DirectoryUp: true, Nodes: 3, LeasesHeld: 2, Provisional: 1, LeasesLost: 4,
			LinksIn: map[string]int{"open": 1, "connecting": 0, "moving": 0}, LinksOut: map[string]int{"open": 2, "connecting": 0},
			Depths: map[int]int{2: 1}, HopMean: 2 * time.Millisecond, HopMost: 3 * time.Millisecond,
			Opened: map[string]uint64{"first": 1, "again": 0, "rerouted": 0, "taken-over": 0}, Served: 2,
			EndsIn: map[string]uint64{"silent": 1}, EndsOut: map[string]uint64{"closed": 1}, Failed: map[string]uint64{"no-room": 1}, Referred: 5,
		},
		SessionsLimit: 9, EventStreams: 71, EventStreamsDropped: 72, KeyframeMerged: 73, KeyframeRequestsIn: 74, NacksIn: 75,
		FeedbackMalformed: 76, Resends: map[string]uint64{"sent": 77}, Switches: map[string]uint64{"up": 78},
		Watched: metrics.Watched{Best: 79 * time.Second, Lower: 80 * time.Second, Frozen: 81 * time.Second},
		Pauses:  82, Skips: 83, Restarts: 84, Probes: 85, Estimated: 86, Estimate: 8 * 87,
		Shards:   []metrics.Shard{{}, {Busy: 88 * time.Second, Passes: 89, Subscribers: 90}},
		Webhooks: []metrics.Webhook{{Receiver: "app", Delivered: 91, Failed: 92, Dead: map[string]uint64{"full": 93}, Queued: 95}}, TracesDropped: 96,
		PerStream: []metrics.Stream{{
			Name: "studio", Subscribers: 101, Findings: 102, PacketsIn: 103, PacketsOut: 104, BytesIn: 105, BytesOut: 106,
			NacksIn: 107, NacksOut: 108, RequestsIn: 109, RequestsOut: 110, Watched: metrics.Watched{Frozen: 111 * time.Second},
		}, {Name: metrics.Others, Subscribers: 112}},
		Push:     metrics.Far{States: map[string]int{"connected": 121}, Opened: 122, Failed: 123, Ends: map[string]uint64{"refused": 127}},
		Pull:     metrics.Far{States: map[string]int{"idle": 124}, Opened: 125, Failed: 126},
		Sessions: 7, HalfOpen: 2, Streams: 3, Subscribers: 4,
		Media: metrics.Traffic{
			ReadSizes:   metrics.Sizes{Bounds: []int{1, 2}, Counts: []uint64{3, 4, 5}},
			PacketsRead: 11, BytesRead: 12, PacketsWritten: 13, BytesWritten: 14, WriteErrors: 15,
			Reads: 16, Batches: 17, Runs: 18, RunPackets: 19, CoalescedPackets: 191, KernelDrops: 192, Truncated: 193,
			Refusals: map[string]uint64{"blocked": 194}, Sending: "offload", Receiving: "multiple",
		},
		PacketsIn: 21, PacketsOut: 22, BytesIn: 23, BytesOut: 24,
		Dropped:        map[string]uint64{"late": 31, "behind": 32},
		KeyframeWishes: 41, KeyframeRequests: 42, Nacks: 43, Repaired: 44, FeedbackDropped: 45, HistoryBytes: 46,
		MediaDropped: map[string]uint64{"oversize": 51},
		Findings:     map[string]int{"b-frames": 61, "nack-dead": 0},
	}
}

func TestZeroSnapshot(t *testing.T) {
	if got := scrape(t, metrics.Snapshot{}); !strings.Contains(got, "\nwhippet_streams 0\n") {
		t.Error(got)
	}
}
