package main

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/trace/tracetest"
)

// TestTraces: both ends of a stream give a trace of their set-up, the publisher's as part
// of the one that the proxy in front of the node began.
func TestTraces(t *testing.T) {
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	receiver := tracetest.New(t)
	s := startServe(t, "--auth=open", "--trace-endpoint="+receiver.URL, "--node-id=n1")
	base := s.find(t, `Streams\s+(http://localhost:\d+)`)
	node, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(node)
		r.Out.Header.Set("traceparent", "00-"+id+"-"+parent+"-01")
	}})
	defer proxy.Close()
	published := make(chan int, 1)
	go func() {
		status, _, _ := command(t, vars{}, "", "publish", proxy.URL+"/whip/live", "--keyframe-interval=1", "--duration=4s", "--json")
		published <- status
	}()
	if status, out, err := command(t, vars{}, "", "play", base+"/whep/live", "--duration=3s", "--json"); status != 0 {
		t.Fatalf("play ended with %d: %s\n%s", status, err, out)
	}
	if status := <-published; status != 0 {
		t.Errorf("publish ended with %d", status)
	}
	roots := map[string]tracetest.Span{}
	steps := map[string][]string{}
	for _, span := range receiver.Await(12, 10*time.Second) {
		if span.Error != "" || span.End.Before(span.Start) || time.Since(span.Start) > time.Minute || span.Resource["service.instance.id"] != "n1" {
			t.Errorf("%+v", span)
		}
		if span.Attributes["whippet.kind"] != "" {
			roots[span.Name] = span
		} else {
			steps[span.Parent] = append(steps[span.Parent], span.Name)
		}
	}
	whip, whep := roots["whip set-up"], roots["whep set-up"]
	if whip.Trace != id || whip.Parent != parent || whep.Trace == "" || whep.Trace == id || whep.Parent != "" {
		t.Errorf("publisher %+v\nsubscriber %+v", whip, whep)
	}
	for _, root := range []tracetest.Span{whip, whep} {
		if got := steps[root.ID]; len(got) < 5 || got[0] != "POST" || got[1] != "ICE" || got[2] != "DTLS" || got[len(got)-1] != "first keyframe" {
			t.Errorf("%s: %q", root.Name, got)
		}
	}
}
