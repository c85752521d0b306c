package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Step is a step of a session's set-up, see whippet_session_setup_seconds.
type Step string

// The steps.
const (
	Answer        Step = "answer"
	ICE           Step = "ice"
	DTLS          Step = "dtls"
	FirstPacket   Step = "first_packet"
	FirstKeyframe Step = "first_keyframe"
)

// Instruments take what can only be counted as it happens. They are safe for concurrent
// use, and none of their methods blocks.
type Instruments struct {
	setup, length *prometheus.HistogramVec
	freezes       prometheus.Histogram
	posts, ended  *prometheus.CounterVec

	mu      sync.Mutex
	results map[string]bool // labels of posts so far
}

// NewInstruments returns instruments that have seen nothing.
func NewInstruments() *Instruments {
	defs := map[string]Definition{}
	for _, d := range Definitions() {
		defs[d.Name] = d
	}
	histogram := func(name string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(histogramOpts(defs[name], buckets), defs[name].labels())
	}
	counter := func(name string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: defs[name].Help}, defs[name].labels())
	}
	i := &Instruments{
		setup:   histogram("whippet_session_setup_seconds", setupBuckets()),
		length:  histogram("whippet_session_length_seconds", lengthBuckets()),
		freezes: prometheus.NewHistogram(histogramOpts(defs["whippet_session_freeze_share"], shareBuckets())),
		posts:   counter("whippet_posts_total"),
		ended:   counter("whippet_sessions_ended_total"),
		results: map[string]bool{},
	}
	i.announce()
	return i
}

// histogramOpts makes a histogram with classic buckets, and native ones for scrapers that
// ask for protobuf: a tenth apart, bounded in number.
func histogramOpts(d Definition, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: d.Name, Help: d.Help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}
}

// setupBuckets are from what a loopback takes to what nobody waits for, close to each
// other where promises lie: 50 ms for an answer, 200 and 500 ms for a picture.
func setupBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .02, .035, .05, .075, .1, .15, .2, .35, .5, .75, 1, 2, 5, 10, 15, 30}
}

// lengthBuckets are from a mistake to a day.
func lengthBuckets() []float64 {
	return []float64{1, 5, 15, 60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600}
}

// shareBuckets are close to each other where a viewer begins to mind.
func shareBuckets() []float64 {
	return []float64{0, .001, .0025, .005, .01, .02, .05, .1, .2, .5, 1}
}

// announce makes the series that must be there before their first event: a rate needs a
// beginning.
func (i *Instruments) announce() {
	for _, kind := range []string{"whip", "whep"} {
		for _, step := range []Step{Answer, ICE, DTLS, FirstPacket, FirstKeyframe} {
			i.setup.WithLabelValues(kind, string(step))
		}
		i.length.WithLabelValues(kind)
		for _, result := range []string{created, "node-full", "internal-error"} {
			i.posts.WithLabelValues(kind, i.result(result))
		}
		for _, reason := range []string{"deleted", "peer-left", "failed", "never-connected"} {
			i.ended.WithLabelValues(kind, reason)
		}
	}
}

// The results of a POST that are no problem's code.
const (
	created = "created"
	other   = "other"
)

// Posted notes how a POST for a session was answered: by a problem of the given code, ""
// for 201. Codes beyond MaxResults count as other.
func (i *Instruments) Posted(kind, code string) {
	i.posts.WithLabelValues(kind, i.result(code)).Inc()
}

func (i *Instruments) result(code string) string {
	if code == "" || code == created {
		return created
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.results[code] && len(i.results) >= MaxResults-2 {
		return other
	}
	i.results[code] = true
	return code
}

// Setup notes how long a step of a session took. session is its public id, for an
// exemplar.
func (i *Instruments) Setup(kind string, step Step, took time.Duration, session string) {
	observe(i.setup.WithLabelValues(kind, string(step)), took.Seconds(), session)
}

// Ended notes that a session ended for a reason, a fixed word.
func (i *Instruments) Ended(kind, reason string) { i.ended.WithLabelValues(kind, reason).Inc() }

// Length notes how long a session was connected.
func (i *Instruments) Length(kind string, d time.Duration, session string) {
	observe(i.length.WithLabelValues(kind), d.Seconds(), session)
}

// Froze notes which part of its time a subscriber's picture stood still, 0 to 1.
func (i *Instruments) Froze(share float64) { i.freezes.Observe(share) }

func observe(o prometheus.Observer, value float64, session string) {
	if x, ok := o.(prometheus.ExemplarObserver); ok && session != "" {
		x.ObserveWithExemplar(value, prometheus.Labels{"session": session})
		return
	}
	o.Observe(value)
}
