// Package metrics serves what a node counts in Prometheus' text format, or in those that
// a scraper prefers, together with the Go runtime's and the process's own metrics.
//
// Most numbers are kept by whoever counts them, and handed over as a [Snapshot] when
// somebody asks. What cannot be read later, how long something took, goes into the
// histograms of [Instruments] as it happens.
//
// Labels are fixed words and small numbers, see [Definitions]. Stream names are labels
// only of series that an operator asks for, up to a bound. Addresses, tokens and session
// URLs never are.
package metrics

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves metrics: those of read, which it calls once for each request, possibly
// at the same time as for another, and those of i. version is shown as a label of
// whippet_build_info.
func Handler(version string, i *Instruments, read func() Snapshot) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{read: read, version: version, descs: descs()},
		i.setup, i.length, i.freezes, i.posts, i.ended,
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, EnableOpenMetrics: true})
}

// descs makes what the collector's metrics are described by, by name.
func descs() map[string]described {
	all := map[string]described{}
	for _, d := range Definitions() {
		all[d.Name] = described{d.Kind, prometheus.NewDesc(d.Name, d.Help, d.labels(), nil)}
	}
	return all
}

type described struct {
	kind Kind
	desc *prometheus.Desc
}

type collector struct {
	read    func() Snapshot
	version string
	descs   map[string]described
}

// Describe describes nothing: the collector is unchecked, since some of its metrics are
// there only where they are wanted.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.read()
	w := writer{to, c.descs}
	w.value("whippet_build_info", 1, c.version)
	w.sessions(&s)
	w.packets(&s)
	w.repair(&s)
	w.layers(&s)
	w.shards(s.Shards)
	w.socket(&s.Media)
	w.reasons("whippet_media_dropped_total", s.MediaDropped)
	w.far("push", &s.Push)
	w.far("pull", &s.Pull)
	w.cluster(s.Cluster)
	w.hooks(&s)
	for i := range s.PerStream {
		w.stream(&s.PerStream[i])
	}
}

// A writer sends constant metrics to a collection.
type writer struct {
	to    chan<- prometheus.Metric
	descs map[string]described
}

// value sends one number under a name of [Definitions], with values for its labels.
func (w writer) value(name string, value float64, labels ...string) {
	d, ok := w.descs[name]
	if !ok {
		panic(fmt.Sprintf("metrics: %s is not defined", name))
	}
	kind := prometheus.GaugeValue
	if d.kind == Counter {
		kind = prometheus.CounterValue
	}
	w.to <- prometheus.MustNewConstMetric(d.desc, kind, value, labels...)
}

func (w writer) count(name string, value uint64, labels ...string) {
	w.value(name, float64(value), labels...)
}

// reasons sends a counter with one value for each word.
func (w writer) reasons(name string, counts map[string]uint64) {
	for reason, n := range counts {
		w.count(name, n, reason)
	}
}

// sizes sends a histogram that was kept as counts by size class.
func (w writer) sizes(name string, s Sizes, total uint64, label string) {
	buckets := make(map[float64]uint64, len(s.Bounds))
	var sum uint64
	for i, n := range s.Counts {
		sum += n
		if i < len(s.Bounds) {
			buckets[float64(s.Bounds[i])] = sum
		}
	}
	w.to <- prometheus.MustNewConstHistogram(w.descs[name].desc, sum, float64(total), buckets, label)
}
