package metrics_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/metrics"
)

func scrape(t *testing.T, s metrics.Snapshot) string {
	t.Helper()
	h := metrics.Handler("v1.2.3", func() metrics.Snapshot { return s })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestEveryNumberIsShown(t *testing.T) {
	got := scrape(t, metrics.Snapshot{
		Sessions: 7, HalfOpen: 2, Streams: 3, Subscribers: 4,
		Media: metrics.Traffic{
			PacketsRead: 11, BytesRead: 12, PacketsWritten: 13, BytesWritten: 14, WriteErrors: 15,
			Reads: 16, Batches: 17, Runs: 18, RunPackets: 19, CoalescedPackets: 191, KernelDrops: 192, Truncated: 193,
			Refusals: map[string]uint64{"blocked": 194}, Sending: "offload", Receiving: "multiple",
		},
		PacketsIn: 21, PacketsOut: 22, BytesIn: 23, BytesOut: 24,
		Dropped:        map[string]uint64{"late": 31, "behind": 32},
		KeyframeWishes: 41, KeyframeRequests: 42, Nacks: 43, Repaired: 44, FeedbackDropped: 45, HistoryBytes: 46,
		MediaDropped: map[string]uint64{"oversize": 51},
		Findings:     map[string]int{"b-frames": 61, "nack-dead": 0},
	})
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
		`go_goroutines `,
		`process_open_fds `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no line %s", want)
		}
	}
}

func TestZeroSnapshot(t *testing.T) {
	if got := scrape(t, metrics.Snapshot{}); !strings.Contains(got, "\nwhippet_streams 0\n") {
		t.Error(got)
	}
}
