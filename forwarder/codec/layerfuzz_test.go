package codec_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// FuzzLayers reads any sequence of packets: each a byte of flags, the lengths of
// payload and descriptor, and these.
func FuzzLayers(f *testing.F) {
	for _, name := range layeredFixtures(f) {
		format := formatOf(f, name)
		var script []byte
		for _, p := range withPayload(readFixture(f, name))[:6] {
			value, payload := p.GetExtension(dependencyID), p.Payload[:min(20, len(p.Payload))]
			script = append(script, 1, byte(len(payload)), byte(len(value)))
			script = append(append(script, payload...), value...)
		}
		f.Add(uint8(format.Name), script)
	}
	f.Add(uint8(codec.H265), unhex(f, "00 03 00 26 01 af 01 03 00 04 03 d0"))
	f.Fuzz(func(t *testing.T, name uint8, script []byte) {
		var r codec.LayerReader
		format := codec.Format{Name: codec.Name(name)}
		for len(script) > 3 {
			flags := script[0]
			payload, rest := cut(script[3:], int(script[1]))
			value, rest := cut(rest, int(script[2]))
			script = rest
			if flags&2 != 0 {
				value = nil
			}
			in := codec.Inspect(format, payload)
			l := r.Read(format, in, payload, value, flags&1 != 0)
			if flags&4 != 0 {
				r.Mark(&l, value)
			}
			checkLayering(t, l, in)
			checkLayerSet(t, r.Layers())
		}
	})
}

func cut(b []byte, n int) (head, rest []byte) {
	n = min(n, len(b))
	return b[:n], b[n:]
}

func checkLayering(t *testing.T, l codec.Layering, in codec.Info) {
	t.Helper()
	switch {
	case l.Spatial >= codec.MaxSpatial || l.Temporal >= codec.MaxTemporal:
		t.Fatalf("layer out of range: %+v", l)
	case l.Last&^l.Needed != 0:
		t.Fatalf("it ends the picture of who does not need it: %+v", l)
	case in.Keyframe && l.Entry != codec.AllLayers:
		t.Fatalf("a keyframe lets not all in: %+v", l)
	case l.Entry != 0 && l.Flags&codec.LayerStart == 0 && !in.Keyframe:
		t.Fatalf("entry inside of a frame: %+v", l)
	}
	if l.Masks == nil {
		return
	}
	if l.Masks.Targets > codec.MaxDecodeTargets {
		t.Fatalf("%d targets", l.Masks.Targets)
	}
	eachLayer(func(s, u uint8) {
		if uint64(l.Masks.Active[s][u]) >= 1<<l.Masks.Targets {
			t.Fatalf("layer %d, %d: targets %b of %d", s, u, l.Masks.Active[s][u], l.Masks.Targets)
		}
		if l.Masks.Within[s][u]&codec.LayerBit(s, u) == 0 {
			t.Fatalf("layer %d, %d is not within itself: %s", s, u, rows(l.Masks.Within[s][u]))
		}
	})
}

func checkLayerSet(t *testing.T, s codec.LayerSet) {
	t.Helper()
	if s.Spatial < 1 || s.Spatial > codec.MaxSpatial || s.Temporal < 1 || s.Temporal > codec.MaxTemporal {
		t.Fatalf("layers %+v", s)
	}
	for i := range s.Width {
		if (s.Width[i] == 0) != (s.Height[i] == 0) || s.Width[i] != 0 && i >= int(s.Spatial) {
			t.Fatalf("sizes %+v", s)
		}
	}
}

// FuzzAppendDescriptor writes the bitmask into any value of any structure and reads it
// back.
func FuzzAppendDescriptor(f *testing.F) {
	for _, name := range layeredFixtures(f) {
		packets := withPayload(readFixture(f, name))
		for _, p := range packets[:8] {
			f.Add(packets[0].GetExtension(dependencyID), p.GetExtension(dependencyID), uint32(1))
		}
	}
	f.Fuzz(func(t *testing.T, first, value []byte, active uint32) {
		var s codec.DependencyStructure
		if _, err := s.Parse(first); err != nil {
			return
		}
		after := s
		want, err := s.Parse(value)
		sent := bytes.Clone(value)
		written := codec.AppendDescriptor(nil, value, 0xabcd, active, s.Targets)
		if !bytes.Equal(sent, value) || len(written) > len(value)+5 {
			t.Fatalf("%x became %x", sent, written)
		}
		if err != nil {
			if errors.Is(err, codec.ErrNoStructure) && len(written) < 3 {
				t.Fatalf("%x became %x", value, written)
			}
			return
		}
		got, err := after.Parse(written)
		want.FrameNumber, want.HasActive, want.Active = 0xabcd, true, active&(1<<s.Targets-1)
		if err != nil || got != want || after != s {
			t.Fatalf("%x of %x became %x: %v\n%+v\nwant %+v", value, first, written, err, got, want)
		}
	})
}

func FuzzShiftPicture(f *testing.F) {
	f.Add(true, unhex(f, "90 e0 8102 2a 00 d0"))
	f.Add(false, unhex(f, "ac 81 02 43 2a 86"))
	f.Fuzz(func(t *testing.T, vp8 bool, payload []byte) {
		format := codec.Format{Name: codec.VP9}
		if vp8 {
			format.Name = codec.VP8
		}
		var r codec.LayerReader
		written := bytes.Clone(payload)
		codec.ShiftPicture(format, written, 0x7abc, 0x63)
		before := r.Read(format, codec.Inspect(format, payload), payload, nil, false)
		r = codec.LayerReader{}
		after := r.Read(format, codec.Inspect(format, written), written, nil, false)
		const numbers = codec.HasPictureID | codec.WidePictureID | codec.HasTL0PicIdx
		switch {
		case before.Flags&numbers != after.Flags&numbers || len(written) != len(payload):
			t.Errorf("%x became %x", payload, written)
		case after.Flags&codec.HasPictureID == 0:
		case after.Flags&codec.WidePictureID == 0 && after.PictureID != 0x3c, after.Flags&codec.WidePictureID != 0 && after.PictureID != 0x7abc:
			t.Errorf("%x became %x, picture %x", payload, written, after.PictureID)
		}
		if after.Flags&codec.HasTL0PicIdx != 0 && after.TL0PicIdx != 0x63 {
			t.Errorf("%x became %x, base layer frame %x", payload, written, after.TL0PicIdx)
		}
	})
}

func FuzzVideoLayers(f *testing.F) {
	for _, value := range []string{"00", "01 00 c801", "50 54 00 0a 14 1e", "f0 00 20 80 01 02 03 013f00b31e"} {
		f.Add(unhex(f, value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var v codec.VideoLayersValue
		if !codec.ParseVideoLayers(value, &v) {
			return
		}
		if v.Streams > codec.MaxStreams || v.Streams > 0 && v.Stream >= v.Streams {
			t.Errorf("%+v", v)
		}
		for i, spatials := range v.Layers {
			for _, l := range spatials {
				checkTarget(t, l, i < int(v.Streams), v.HasSizes)
			}
		}
	})
}

func checkTarget(t *testing.T, l codec.LayerTarget, stream, sizes bool) {
	t.Helper()
	if l.Temporals > 4 || l.Temporals > 0 && !stream || (l.Width == 0) != (l.Height == 0) {
		t.Errorf("%+v", l)
	}
	if (l.Temporals == 0 || !sizes) && (l.Width != 0 || l.FrameRate != 0) {
		t.Errorf("a size without reason: %+v", l)
	}
	for i, b := range l.Bitrates {
		if b < 0 || b > (1<<32-1)*1000 || b > 0 && i >= int(l.Temporals) {
			t.Errorf("bitrate %d of %+v", i, l)
		}
	}
}
