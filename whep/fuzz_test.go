package whep

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/stream"
)

// FuzzLayerRequest: whatever a body says, it is refused or means something in range.
func FuzzLayerRequest(f *testing.F) {
	for _, seed := range []string{
		`{"mediaId":"1","rid":"hd","spatialLayerId":1,"temporalLayerId":2,"maxSpatialLayerId":3,"maxTemporalLayerId":7,"maxWidth":1280,"maxHeight":720}`,
		`{"mediaId":1,"encodingId":"h"}`, `{}`, `[]`, `{"mediaId":-1.5e3}`, `{"spatialLayerId":99999999999}`, `{"rid":null,"maxWidth":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := parseLayerRequest(body)
		if err != nil {
			return
		}
		if !json.Valid(body) || !strings.HasPrefix(strings.TrimSpace(string(body)), "{") {
			t.Fatalf("%q was taken for an object", body)
		}
		s, err := q.selection()
		if err != nil {
			return
		}
		for value, limit := range map[*uint8]uint8{
			s.Spatial: codec.MaxSpatial, s.Temporal: codec.MaxTemporal, s.MaxSpatial: codec.MaxSpatial, s.MaxTemporal: codec.MaxTemporal,
		} {
			if value != nil && *value >= limit {
				t.Errorf("a layer of %d", *value)
			}
		}
		if s.MaxWidth < 0 || s.MaxWidth > maxPixels || s.MaxHeight < 0 || s.MaxHeight > maxPixels {
			t.Errorf("%d×%d", s.MaxWidth, s.MaxHeight)
		}
		if exact := s.RID != "" || s.Spatial != nil || s.Temporal != nil; s.Exact != exact {
			t.Errorf("exact: %v", s.Exact)
		}
		_ = canSelect(s, []stream.Layer{{RID: "hd"}})
	})
}

// FuzzEventNames: a body is refused, or all its names are events'.
func FuzzEventNames(f *testing.F) {
	for _, seed := range []string{`["active","layers"]`, `[]`, `["zzz"]`, `null`, `{"a":1}`, `["active",null]`, `[["active"]]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		set, err := parseKinds(body)
		if err != nil {
			return
		}
		var names []string
		if err := json.Unmarshal(body, &names); err != nil {
			t.Fatal(err)
		}
		var want kindSet
		for _, name := range names {
			if i := strings.Index(","+kindNames()+",", ","+name+","); i < 0 || name == "" {
				t.Fatalf("%q is no event", name)
			}
			want |= kindOf(name)
		}
		if set != want || set&^allKinds != 0 {
			t.Errorf("%b for %q", set, body)
		}
	})
}
