package whep

import (
	"errors"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// TestE76_OnlyWhatCanBeDone: 200 says that the layer is sent, so that one which pauses, or
// is beyond the bounds that came with it, is refused. Bounds alone never are.
func TestE76_OnlyWhatCanBeDone(t *testing.T) {
	of := func(rid string, spatial, temporal uint8, height int, bitrate int64) stream.Layer {
		return stream.Layer{RID: rid, LayerStatus: forwarder.LayerStatus{
			Spatial: spatial, Temporal: temporal, Bitrate: bitrate, Width: height * 16 / 9, Height: height,
		}}
	}
	layered := []stream.Layer{
		of("", 0, 0, 180, 50_000), of("", 0, 1, 180, 80_000), of("", 1, 0, 360, 150_000), of("", 1, 1, 360, 200_000),
		of("", 2, 0, 720, 0), of("", 2, 1, 720, 0),
	}
	simulcast := []stream.Layer{of("m", 0, 0, 360, 200_000), of("x", 0, 0, 720, 400_000), of("a", 0, 0, 180, 80_000)}
	for _, c := range []struct {
		all  []stream.Layer
		body string
		want string // the problem, "": none
	}{
		{layered, `{"spatialLayerId":1}`, ""},
		{layered, `{"spatialLayerId":2}`, "layer-paused"},
		{layered, `{"spatialLayerId":2,"temporalLayerId":1}`, "layer-paused"},
		{layered, `{"temporalLayerId":1}`, ""}, // of those that are sent
		{layered, `{"spatialLayerId":3}`, "no-such-layer"},
		{layered, `{"spatialLayerId":1,"maxSpatialLayerId":0}`, "bad-selection"},
		{layered, `{"temporalLayerId":1,"maxTemporalLayerId":0}`, "bad-selection"},
		{layered, `{"temporalLayerId":1,"maxHeight":200}`, ""},
		{layered, `{"spatialLayerId":1,"maxHeight":359}`, "bad-selection"},
		{layered, `{"maxSpatialLayerId":0,"maxHeight":1}`, ""},
		{simulcast, `{"rid":"x","maxHeight":720}`, ""},
		{simulcast, `{"rid":"x","maxHeight":200}`, "bad-selection"},
		{simulcast, `{"rid":"x","maxWidth":1279}`, "bad-selection"},
		{simulcast, `{"rid":"x","maxWidth":1280}`, ""},
		{simulcast, `{"maxHeight":100}`, ""},
		{simulcast, `{"rid":"z","maxHeight":100}`, "no-such-layer"},
		{nil, `{"rid":"x"}`, "no-such-layer"},
		{nil, `{"maxHeight":100}`, ""},
	} {
		q, err := parseLayerRequest([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		s, err := q.selection()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		var p *signaling.Problem
		if err := canSelect(s, c.all); errors.As(err, &p) {
			got = p.Code
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.body, got, c.want)
		}
	}
	if err := canSelect(forwarder.Selection{Exact: true, RID: "z"}, simulcast); !strings.Contains(err.Error(), "m, x, a") {
		t.Errorf("what there is: %v", err)
	}
}
