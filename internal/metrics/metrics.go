// Package metrics writes what a node counts in Prometheus' text format, together
// with the Go runtime's and the process's own metrics. It keeps no numbers itself:
// whoever counts hands over a [Snapshot] when somebody asks.
//
// Labels are fixed words. Stream names, addresses and tokens are never labels:
// the first two have no bound, the last are secret.
package metrics

import (
	"maps"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Snapshot is what a node counted up to one moment. Counters only grow.
type Snapshot struct {
	Sessions    int // all sessions, half-open ones included
	HalfOpen    int // sessions that were never connected
	Streams     int // streams with a publisher
	Subscribers int // subscribers, those who wait for a publisher included

	Findings map[string]int // publishers with something wrong in their media, by code

	Media        Traffic           // datagrams on the media sockets, ICE and DTLS included
	MediaDropped map[string]uint64 // of those read, by a fixed word for the reason

	PacketsIn, PacketsOut uint64 // RTP packets from publishers and to subscribers
	BytesIn, BytesOut     uint64 // their bytes before encryption

	// Dropped counts RTP packets that were not taken or not sent, by a fixed word for
	// the reason.
	Dropped map[string]uint64

	KeyframeWishes   uint64 // keyframes subscribers needed
	KeyframeRequests uint64 // requests that went to publishers for them
	Reordered        uint64 // frames after one that is shown later: B-frames
	Nacks            uint64 // packets publishers were asked to send again
	Repaired         uint64 // packets they sent again
	FeedbackDropped  uint64 // RTCP packets of subscribers there was no time for
	HistoryBytes     int64  // memory of all histories
}

// Traffic counts datagrams, their bytes, and what it took to move them.
type Traffic struct {
	PacketsRead, BytesRead, PacketsWritten, BytesWritten uint64

	Reads, Batches     uint64            // calls that read and wrote several datagrams
	Runs, RunPackets   uint64            // sent with segmentation offload: messages, datagrams in them
	CoalescedPackets   uint64            // read in messages of several datagrams
	KernelDrops        uint64            // dropped by the kernel before they could be read
	Truncated          uint64            // larger than anything we take
	WriteErrors        uint64            // datagrams that were not sent
	Refusals           map[string]uint64 // by the kernel, what a second try made good included, by reason
	Sending, Receiving string            // the ways datagrams take
}

// Handler serves metrics. It calls read once for each request, possibly at the same
// time as for another. version is shown as a label of whippet_build_info.
func Handler(version string, read func() Snapshot) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{read: read, version: version},
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

type collector struct {
	read    func() Snapshot
	version string
}

// Describe describes nothing: the collector is unchecked, its metrics are named once,
// in Collect.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.read()
	w := writer{to}
	w.gauge("whippet_build_info", "The running version.", 1, "version", c.version)

	const sessions = "Sessions of publishers and subscribers by state."
	w.gauge("whippet_sessions", sessions, s.Sessions-s.HalfOpen, "state", "connected")
	w.gauge("whippet_sessions", sessions, s.HalfOpen, "state", "half_open")
	w.gauge("whippet_streams", "Streams with a publisher.", s.Streams)
	w.gauge("whippet_subscribers", "Subscribers, those who wait for a publisher included.", s.Subscribers)

	for _, code := range slices.Sorted(maps.Keys(s.Findings)) {
		w.gauge("whippet_findings", "Publishers with something wrong in their media, by code.", s.Findings[code], "code", code)
	}
	const packets = "RTP packets received from publishers (in) and sent to subscribers (out)."
	w.counter("whippet_packets_total", packets, s.PacketsIn, "direction", "in")
	w.counter("whippet_packets_total", packets, s.PacketsOut, "direction", "out")
	const bytes = "Bytes of these packets before encryption."
	w.counter("whippet_bytes_total", bytes, s.BytesIn, "direction", "in")
	w.counter("whippet_bytes_total", bytes, s.BytesOut, "direction", "out")
	w.reasons("whippet_packets_dropped_total", "RTP packets that were not taken from publishers, or not sent (write).", s.Dropped)
	w.counter("whippet_keyframe_wishes_total", "Keyframes that subscribers needed.", s.KeyframeWishes)
	w.counter("whippet_reordered_frames_total", "Frames received after one that is shown later: B-frames, which browsers cannot play.", s.Reordered)
	w.counter("whippet_keyframe_requests_total", "Keyframe requests sent to publishers.", s.KeyframeRequests)
	w.counter("whippet_nacks_total", "Packets that publishers were asked to send again.", s.Nacks)
	w.counter("whippet_packets_repaired_total", "Packets that publishers sent again.", s.Repaired)
	w.counter("whippet_feedback_dropped_total", "RTCP packets of subscribers that there was no time for.", s.FeedbackDropped)
	w.gauge("whippet_history_bytes", "Memory of all histories.", int(s.HistoryBytes))
	w.media(s.Media)
	w.reasons("whippet_media_dropped_total", "Datagrams read from the media sockets and thrown away.", s.MediaDropped)
}

// A writer sends constant metrics to a collection.
type writer struct{ to chan<- prometheus.Metric }

func (w writer) media(t Traffic) {
	const datagrams = "Datagrams on the media sockets, ICE and DTLS included."
	w.counter("whippet_media_datagrams_total", datagrams, t.PacketsRead, "direction", "in")
	w.counter("whippet_media_datagrams_total", datagrams, t.PacketsWritten, "direction", "out")
	const bytes = "Bytes of these datagrams."
	w.counter("whippet_media_bytes_total", bytes, t.BytesRead, "direction", "in")
	w.counter("whippet_media_bytes_total", bytes, t.BytesWritten, "direction", "out")
	w.counter("whippet_media_write_errors_total", "Datagrams that were not sent.", t.WriteErrors)
	w.reasons("whippet_media_send_refusals_total",
		"Times the kernel refused to send, what a second try made good included.", t.Refusals)
	const calls = "System calls that read or wrote several datagrams."
	w.counter("whippet_media_calls_total", calls, t.Reads, "direction", "in")
	w.counter("whippet_media_calls_total", calls, t.Batches, "direction", "out")
	w.counter("whippet_media_offload_runs_total", "Messages sent with segmentation offload.", t.Runs)
	w.counter("whippet_media_offload_datagrams_total", "Datagrams in messages with segmentation offload.", t.RunPackets, "direction", "out")
	w.counter("whippet_media_offload_datagrams_total", "Datagrams in messages with segmentation offload.", t.CoalescedPackets, "direction", "in")
	w.counter("whippet_media_kernel_drops_total", "Datagrams dropped by the kernel before they were read: the receive buffer was full.", t.KernelDrops)
	w.counter("whippet_media_truncated_total", "Datagrams dropped because they were larger than any buffer.", t.Truncated)
	const path = "The way datagrams take between node and kernel: single, multiple, offload."
	if t.Sending != "" {
		w.gauge("whippet_media_path", path, 1, "direction", "out", "path", t.Sending)
		w.gauge("whippet_media_path", path, 1, "direction", "in", "path", t.Receiving)
	}
}

// reasons writes a counter with one sample a reason.
func (w writer) reasons(name, help string, counts map[string]uint64) {
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		w.counter(name, help, counts[reason], "reason", reason)
	}
}

func (w writer) gauge(name, help string, value int, labels ...string) {
	w.metric(name, help, prometheus.GaugeValue, float64(value), labels)
}

func (w writer) counter(name, help string, value uint64, labels ...string) {
	w.metric(name, help, prometheus.CounterValue, float64(value), labels)
}

// metric sends one sample; labels are names and values in turn.
func (w writer) metric(name, help string, kind prometheus.ValueType, value float64, labels []string) {
	var names, values []string
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	w.to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, values...)
}
