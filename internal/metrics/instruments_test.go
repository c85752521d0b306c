package metrics_test

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/metrics"
)

func TestInstrumentsAreShown(t *testing.T) {
	i := metrics.NewInstruments()
	i.Setup("whep", metrics.Answer, 40*time.Millisecond, "abc")
	i.Setup("whep", metrics.FirstKeyframe, 180*time.Millisecond, "abc")
	i.Length("whep", time.Minute, "abc")
	i.Froze(0.004)
	i.Ended("whep", "peer-left")
	i.Posted("whep", "")
	i.Posted("whep", "stream-busy")
	got := scrapeWith(t, i, metrics.Snapshot{})
	for _, want := range []string{
		`whippet_session_setup_seconds_bucket{kind="whep",step="answer",le="0.035"} 0`,
		`whippet_session_setup_seconds_bucket{kind="whep",step="answer",le="0.05"} 1`,
		`whippet_session_setup_seconds_bucket{kind="whep",step="first_keyframe",le="0.2"} 1`,
		`whippet_session_setup_seconds_count{kind="whip",step="answer"} 0`,
		`whippet_session_length_seconds_sum{kind="whep"} 60`,
		`whippet_session_freeze_share_bucket{le="0.0025"} 0`,
		`whippet_session_freeze_share_bucket{le="0.005"} 1`,
		`whippet_sessions_ended_total{kind="whep",reason="peer-left"} 1`,
		`whippet_posts_total{kind="whep",result="created"} 1`,
		`whippet_posts_total{kind="whep",result="stream-busy"} 1`,
		`whippet_posts_total{kind="whip",result="created"} 0`,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(got, "abc") {
		t.Error("a session's id is in the text format")
	}
}

// TestExemplarsNameASession where the scraper can take them.
func TestExemplarsNameASession(t *testing.T) {
	i := metrics.NewInstruments()
	i.Setup("whep", metrics.ICE, time.Millisecond, "abc")
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	metrics.Handler("v1", i, func() metrics.Snapshot { return full() }).ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `# {session="abc"}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestNativeHistograms for scrapers that ask for protobuf.
func TestNativeHistograms(t *testing.T) {
	i := metrics.NewInstruments()
	i.Setup("whep", metrics.ICE, time.Millisecond, "abc")
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text")
	w := httptest.NewRecorder()
	metrics.Handler("v1", i, func() metrics.Snapshot { return metrics.Snapshot{} }).ServeHTTP(w, r)
	if got := w.Body.String(); !strings.Contains(got, "positive_span") || !strings.Contains(got, "schema") {
		t.Errorf("%d %.300s", w.Code, got)
	}
}

// TestResultsAreBounded: a bug that makes endless codes makes no endless series.
func TestResultsAreBounded(t *testing.T) {
	i := metrics.NewInstruments()
	for n := range 3 * metrics.MaxResults {
		i.Posted("whip", fmt.Sprintf("code-%d", n))
		i.Posted("whip", "")
	}
	got := scrapeWith(t, i, metrics.Snapshot{})
	series := regexp.MustCompile(`(?m)^whippet_posts_total\{kind="whip",`).FindAllString(got, -1)
	const announced = 2 // codes that are there from the start
	if len(series) != metrics.MaxResults {
		t.Errorf("%d series, want %d", len(series), metrics.MaxResults)
	}
	if !strings.Contains(got, fmt.Sprintf(`whippet_posts_total{kind="whip",result="other"} %d`, 3*metrics.MaxResults-(metrics.MaxResults-2-announced))) {
		t.Error("what is beyond the bound is not counted as other")
	}
}
