package node

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"gopkg.in/yaml.v3"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/stream"
)

func TestListHoldsWhatTheGrantMayPlay(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	streams := []stream.Info{
		{Name: "cam-2", Since: since, Subscribers: 3},
		{Name: "stage", Since: since},
		{Name: "cam-1", Since: since},
		{Name: "cam-0"}, // only waited for: not live
	}
	grant := auth.Grant{Actions: []auth.Action{auth.Subscribe}, Streams: []string{"cam-*"}}
	got, err := json.Marshal(list(time.Now(), streams, grant))
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"name":"cam-1","publishedSince":"2026-01-02T02:04:05.678Z","subscribers":0,"encodings":[],"diagnosis":[]},` +
		`{"name":"cam-2","publishedSince":"2026-01-02T02:04:05.678Z","subscribers":3,"encodings":[],"diagnosis":[]}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := list(time.Now(), streams, auth.Anyone()); len(got) != 3 {
		t.Errorf("anyone sees %d", len(got))
	}
	if got := list(time.Now(), streams, auth.Grant{Actions: []auth.Action{auth.Publish}, Streams: []string{"*"}}); len(got) != 0 || got == nil {
		t.Errorf("a publisher sees %v", got)
	}
}

func TestListIsBounded(t *testing.T) {
	streams := make([]stream.Info, maxListed+1)
	for i := range streams {
		streams[i] = stream.Info{Name: "s", Since: time.Unix(1, 0)}
	}
	if got := len(list(time.Now(), streams, auth.Anyone())); got != maxListed {
		t.Errorf("%d listed", got)
	}
}

// TestListShowsEncodings: what was measured of each, faults included.
func TestListShowsEncodings(t *testing.T) {
	now := time.Unix(1, 0)
	up := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, RIDs: []string{"h", "l"}, SSRCs: []uint32{7, 8},
		Formats: map[uint8]codec.Format{96: {Name: codec.VP8}}, Extensions: map[uint8]codec.Extension{3: codec.RID},
	}}})
	for n := range uint16(151) { // 15 s at 10 pictures a second, a keyframe each 3 s
		payload := make([]byte, 1250)
		copy(payload, []byte{0x10, 0x01, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01})
		if n%30 == 0 {
			payload[1] = 0
		}
		for ssrc, rid := range map[uint32]string{7: "h", 8: "l"} {
			if ssrc == 8 && n >= 100 {
				continue // it pauses
			}
			h := rtp.Header{Version: 2, PayloadType: 96, SSRC: ssrc, SequenceNumber: n, Timestamp: uint32(n) * 9000, Marker: true}
			if err := h.SetExtension(3, []byte(rid)); err != nil {
				t.Fatal(err)
			}
			b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			up.HandleRTP(now, b)
		}
		now = now.Add(100 * time.Millisecond)
	}
	encodings := slices.Clone(up.Encodings(codec.Video))
	slices.SortFunc(encodings, func(a, b *forwarder.Encoding) int { return strings.Compare(a.RID(), b.RID()) })
	info := stream.Info{
		Name: "a", Since: time.Unix(1, 0), Encodings: encodings,
		Diagnosis: []forwarder.Finding{{Code: "b-frames", Text: "Set them to 0."}},
	}
	got, err := json.Marshal(list(now, []stream.Info{info}, auth.Anyone()))
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"name":"a","publishedSince":"1970-01-01T00:00:01Z","subscribers":0,"encodings":[` +
		`{"rid":"h","codec":"VP8","width":640,"height":360,"frameRate":10,"bitrate":100000,"keyframeInterval":3,"active":true,"ignoresRequests":false,` +
		`"layers":[{"spatial":0,"temporal":0,"width":640,"height":360,"bitrate":100000}]},` +
		`{"rid":"l","codec":"VP8","width":640,"height":360,"frameRate":10,"bitrate":0,"keyframeInterval":3,"active":false,"ignoresRequests":false,` +
		`"layers":[{"spatial":0,"temporal":0,"width":640,"height":360,"bitrate":0}]}],` +
		`"diagnosis":[{"code":"b-frames","text":"Set them to 0."}]}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestListIsDescribed: openapi.yaml has every field of the list, and no other.
func TestListIsDescribed(t *testing.T) {
	b, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type schema struct {
		Properties map[string]struct {
			Properties map[string]any
			Items      struct{ Properties map[string]any }
		}
	}
	var document struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := yaml.Unmarshal(b, &document); err != nil {
		t.Fatal(err)
	}
	all := document.Components.Schemas
	check := func(what string, described []string, v any) {
		var fields []string
		for i := range reflect.TypeOf(v).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("json"), ",")
			fields = append(fields, name)
		}
		slices.Sort(fields)
		if !slices.Equal(fields, described) {
			t.Errorf("%s: has %v, described are %v", what, fields, described)
		}
	}
	check("a stream", slices.Sorted(maps.Keys(all["Stream"].Properties)), listed{})
	check("its video", slices.Sorted(maps.Keys(all["Stream"].Properties["video"].Properties)), listedVideo{})
	check("its audio", slices.Sorted(maps.Keys(all["Stream"].Properties["audio"].Properties)), listedAudio{})
	check("an encoding", slices.Sorted(maps.Keys(all["Encoding"].Properties)), listedEncoding{})
	check("a layer", slices.Sorted(maps.Keys(all["EncodingLayer"].Properties)), listedLayer{})
	check("a finding", slices.Sorted(maps.Keys(all["Finding"].Properties)), forwarder.Finding{})
}
