package nodetest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// A scrape is what /metrics says.
type scrape map[string]*dto.MetricFamily

func scrapeNode(t *testing.T, w *nodetest.World) scrape {
	t.Helper()
	r := httptest.NewRecorder()
	w.Node.AdminHandler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	p := expfmt.NewTextParser(model.UTF8Validation)
	all, err := p.TextToMetricFamilies(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// find returns the sample whose labels are written as name=value, in any order.
func (s scrape) find(t *testing.T, name string, labels ...string) *dto.Metric {
	t.Helper()
	for _, m := range s[name].GetMetric() {
		n := 0
		for _, l := range m.Label {
			for _, want := range labels {
				if l.GetName()+"="+l.GetValue() == want {
					n++
				}
			}
		}
		if n == len(labels) && n == len(m.Label) {
			return m
		}
	}
	t.Errorf("no %s %v", name, labels)
	return &dto.Metric{}
}

// value returns a counter's or gauge's number.
func (s scrape) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	m := s.find(t, name, labels...)
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

// wantWithin fails unless a histogram has so many values, the sum of which is at most so
// many seconds.
func (s scrape) wantWithin(t *testing.T, count uint64, most float64, name string, labels ...string) {
	t.Helper()
	h := s.find(t, name, labels...).GetHistogram()
	if h.GetSampleCount() != count || h.GetSampleSum() > most || h.GetSampleSum() < 0 {
		t.Errorf("%s %v: %d values, sum %v", name, labels, h.GetSampleCount(), h.GetSampleSum())
	}
}

// TestMetricsOfASession: what a publisher and a subscriber went through is in the
// histograms, and what they sent and got in the counters, by stream where that is wanted.
func TestMetricsOfASession(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		early := w.Subscribe("studio") // waits an hour for its publisher
		w.Run(time.Hour)
		pub := w.Publish("studio")
		w.Publish("other")
		w.Run(time.Second)
		sub := w.Subscribe("studio")
		w.Run(time.Minute)
		live := scrapeNode(t, w)
		if n := live.value(t, "whippet_stream_subscribers", "stream=studio"); n != 2 {
			t.Errorf("%v subscribers", n)
		}
		early.Leave()
		sub.Leave()
		pub.Leave()
		w.Run(time.Second)
		w.Post("/whip/studio", "no offer")
		s := scrapeNode(t, w)
		const setup = "whippet_session_setup_seconds"
		for _, kind := range []string{"whip", "whep"} {
			for _, step := range []string{"answer", "ice", "dtls", "first_packet", "first_keyframe"} {
				s.wantWithin(t, 2, 1, setup, "kind="+kind, "step="+step)
			}
		}
		s.wantWithin(t, 1, 63, "whippet_session_length_seconds", "kind=whip")
		s.wantWithin(t, 2, 3800, "whippet_session_length_seconds", "kind=whep")
		s.wantWithin(t, 2, 0.1, "whippet_session_freeze_share")
		if n := len(s["whippet_stream_subscribers"].GetMetric()); n != 1 {
			t.Errorf("%d streams have series after the one ended that had them", n)
		}
		for _, c := range []struct {
			least, most float64
			name        string
			labels      []string
		}{
			{1, 1, "whippet_sessions", []string{"state=connected"}},
			{2, 2, "whippet_posts_total", []string{"kind=whip", "result=created"}},
			{2, 2, "whippet_posts_total", []string{"kind=whep", "result=created"}},
			{2, 2, "whippet_sessions_ended_total", []string{"kind=whep", "reason=deleted"}},
			{100, 150, "whippet_watched_seconds_total", []string{"picture=best"}},
			{0, 0, "whippet_watched_seconds_total", []string{"picture=frozen"}},
			{0, 0, "whippet_switches_total", []string{"cause=up"}}, // there is one encoding
			{0, 0, "whippet_switches_total", []string{"cause=down"}},
			{0, 0, "whippet_switches_total", []string{"cause=published"}},
			{1000, 1e6, "whippet_stream_packets_total", []string{"stream=(other)", "direction=in"}},
			{0, 0, "whippet_stream_subscribers", []string{"stream=(other)"}},
		} {
			if got := s.value(t, c.name, c.labels...); got < c.least || got > c.most {
				t.Errorf("%s %v is %v, want %v to %v", c.name, c.labels, got, c.least, c.most)
			}
		}
	}, nodetest.Config(func(c *config.Config) { c.MetricsStreams = 1 }))
}
