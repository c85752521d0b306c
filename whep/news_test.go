package whep

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/stream"
)

// TestPublicationsFollowEachOther: however fast, each that was told to be there is told
// to have gone, once.
func TestPublicationsFollowEachOther(t *testing.T) {
	for _, c := range []struct {
		publications []uint64 // as they are seen
		want         string
	}{
		{[]uint64{0, 0, 1}, "active"},
		{[]uint64{1, 1, 2}, "active inactive active"},
		{[]uint64{1, 0, 0, 2, 3, 0}, "active inactive active inactive active inactive"},
	} {
		e := &eventStream{owner: &subscriber{video: -1}, wants: 1<<active | 1<<inactive}
		for _, p := range c.publications {
			e.Watch(&stream.Snapshot{Publication: p, Regular: true})
		}
		var names []string
		for _, one := range e.queue {
			names = append(names, one.kind.String())
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%v: %s, want %s", c.publications, got, c.want)
		}
	}
}

// TestE67_LayersOfAnEncoding: each has its own ids, rate, aim and size, and those that this
// player cannot decode, without the Dependency Descriptor, are not told.
func TestE67_LayersOfAnEncoding(t *testing.T) {
	layer := func(name codec.Name, spatial, temporal uint8, bitrate, target int64, width, height int) stream.Layer {
		return stream.Layer{RID: "f", Codec: name, LayerStatus: forwarder.LayerStatus{
			Spatial: spatial, Temporal: temporal, Bitrate: bitrate, TargetBitrate: target, Width: width, Height: height,
		}}
	}
	const below = `{"1":[{"rid":"f","encodingId":"f","spatialLayerId":0,"temporalLayerId":2,"bitrate":90000,"targetBitrate":100000,"width":320,"height":180}`
	const above = `,{"rid":"f","encodingId":"f","spatialLayerId":1,"temporalLayerId":0,"bitrate":0,"width":640,"height":360}`
	for name, want := range map[codec.Name]string{codec.VP9: below + above + "]}", codec.AV1: below + "]}"} {
		e := &eventStream{owner: &subscriber{video: 1, subscription: &stream.Subscription{}}, wants: 1 << layers}
		e.Watch(&stream.Snapshot{At: time.Now(), Publication: 1, Regular: true, Layers: []stream.Layer{
			layer(name, 0, 2, 90_000, 100_000, 320, 180), layer(name, 1, 0, 0, 0, 640, 360),
		}})
		var told []string
		for _, one := range e.queue {
			told = append(told, string(one.data))
		}
		if !slices.Equal(told, []string{want}) {
			t.Errorf("%v: told %s, want %s", name, told, want)
		}
	}
}

// TestE67_ChoiceWithinAnEncoding: statistics name the spatial and the temporal layer that is
// sent, and its size.
func TestE67_ChoiceWithinAnEncoding(t *testing.T) {
	s := &subscriber{subscription: &stream.Subscription{}}
	enc := twoByTwo(t)
	for _, c := range []struct {
		spatial, temporal uint8
		want              string
	}{
		{0, 1, `{"rid":"f","spatialLayerId":0,"temporalLayerId":1,"width":320,"height":180,"paused":false,"automatic":true}`},
		{1, 0, `{"rid":"f","spatialLayerId":1,"temporalLayerId":0,"width":640,"height":360,"paused":false,"automatic":true}`},
	} {
		if got := string(marshal(s.choice(forwarder.Choice{Encoding: enc, Spatial: c.spatial, Temporal: c.temporal}))); got != c.want {
			t.Errorf("%d, %d: %s, want %s", c.spatial, c.temporal, got, c.want)
		}
	}
}

// twoByTwo returns an encoding "f" of VP9 in two spatial by two temporal layers, in
// non-flexible mode (RFC 9628 §4.2), that was received for a while.
func twoByTwo(t *testing.T) *forwarder.Encoding {
	t.Helper()
	const ssrc, payloadType, rid, pictures = 7, 96, 1, 60
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{payloadType: {Name: codec.VP9}}, RIDs: []string{"f"},
		Extensions: map[uint8]codec.Extension{rid: codec.RID},
	}}})
	at := time.Now()
	for i := range 2 * pictures {
		picture, spatial := i/2, byte(i%2)
		first, temporal := byte(0xec), byte(picture%2) // I, P, L, B, E
		if picture == 0 {
			first &^= 0x40 // P
		}
		if i == 0 {
			first |= 0x02 // V
		}
		payload := binary.BigEndian.AppendUint16([]byte{first}, 0x8000|uint16(picture))
		payload = append(payload, temporal<<5|0x10|spatial<<1|spatial, byte(picture/2))
		if i == 0 {
			payload = append(payload, 0x30, 320>>8, 320&0xff, 0, 180, 640>>8, 640&0xff, 360>>8, 360&0xff)
		}
		payload = append(payload, 0x86, 0x49, 0x83, 0x42, 0x00, 0x27, 0xf0, 0x16, 0x70)
		if picture == 0 {
			payload[len(payload)-9] = 0x82 // a keyframe
		}
		h := rtp.Header{
			Version: 2, SSRC: ssrc, PayloadType: payloadType, SequenceNumber: uint16(i), Timestamp: uint32(picture * 3000), Marker: spatial == 1,
		}
		if err := h.SetExtension(rid, []byte("f")); err != nil {
			t.Fatal(err)
		}
		b, err := (&rtp.Packet{Header: h, Payload: append(payload, make([]byte, 200)...)}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		p.HandleRTP(at, b)
		at = at.Add(time.Second / 30)
	}
	all := p.Encodings(codec.Video)
	if len(all) != 1 || len(all[0].Layers()) != 4 {
		t.Fatalf("%d encodings", len(all))
	}
	return all[0]
}
