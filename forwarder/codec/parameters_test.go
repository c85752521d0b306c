package codec_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

var (
	h264 = codec.Format{Name: codec.H264, Mode: 1}
	h265 = codec.Format{Name: codec.H265}
)

// pps writes a PPS of H.264 with an id, and fill bytes after it.
func pps(id uint32, fill int) []byte {
	var w bitWriter
	w.bits(0x68, 8)
	w.ue(id)
	w.bits(1, 8-w.n%8)
	return append(w.data(), bytes.Repeat([]byte{0xff}, fill)...)
}

func TestParameterSets(t *testing.T) {
	sps := unhex(t, h264SPS)
	var p codec.ParameterSets
	if got := p.AppendPayload([]byte{1}); !bytes.Equal(got, []byte{1}) {
		t.Errorf("nothing kept appends %x", got)
	}
	if !p.Keep(h264, sps) || p.Keep(h264, sps) {
		t.Error("the first SPS is a change, the same again is none")
	}
	if got := p.AppendPayload(nil); !bytes.Equal(got, sps) {
		t.Errorf("one set: %x, want the NAL unit itself", got)
	}
	if p.Complete(h264) {
		t.Error("complete without PPS")
	}
	p.Keep(h264, pps(0, 0))
	p.Keep(h264, pps(0, 1)) // replaces the other
	p.Keep(h264, pps(255, 2))
	if !p.Complete(h264) || p.Kinds() != codec.SPS|codec.PPS {
		t.Errorf("kinds %b", p.Kinds())
	}
	want := unhex(t, "78 001a"+h264SPS+" 0003 6881ff 0006 68")
	want = append(want[:len(want)-1], pps(255, 2)...)
	if got := p.AppendPayload(nil); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	for i, nal := range [][]byte{sps, pps(0, 1), pps(255, 2)} {
		if got := p.NAL(i); p.Len() != 3 || !bytes.Equal(got, nal) {
			t.Errorf("NAL unit %d of %d is %x, want %x", i, p.Len(), got, nal)
		}
	}
}

// TestParameterSetsOrder packs SPS first whatever came first.
func TestParameterSetsOrder(t *testing.T) {
	var p codec.ParameterSets
	p.Keep(h264, pps(0, 0))
	p.Keep(h264, unhex(t, h264SPS))
	if got := p.AppendPayload(nil); got[3] != 0x67 {
		t.Errorf("SPS is not first: %x", got)
	}
	for _, nal := range []string{"4401c0f7c0", "4201010160000003009000000300000300" + "1ea0152069c926592a4932bc05a02000000300200000030141", "40010c01ffff"} {
		p.Keep(h265, unhex(t, nal))
	}
	got := p.AppendPayload(nil)
	if p.Kinds() != codec.VPS|codec.SPS|codec.PPS || got[0] != 48<<1 || got[4] != 0x40 {
		t.Errorf("another codec's sets replace all: kinds %b, payload %x", p.Kinds(), got)
	}
	if p.Complete(h264) || !p.Complete(h265) {
		t.Error("complete for the wrong codec")
	}
}

func TestParameterSetsCopy(t *testing.T) {
	var p codec.ParameterSets
	p.Keep(h264, pps(1, 0))
	snapshot := p
	p.Keep(h264, pps(1, 9))
	if got := snapshot.AppendPayload(nil); !bytes.Equal(got, pps(1, 0)) {
		t.Errorf("a copy changed with the original: %x", got)
	}
}

// TestParameterSetsBounds: what is kept always fits one payload; the oldest goes.
func TestParameterSetsBounds(t *testing.T) {
	var p codec.ParameterSets
	for id := range uint32(100) {
		p.Keep(h264, pps(id, 20))
	}
	units := bytes.Count(p.AppendPayload(nil), bytes.Repeat([]byte{0xff}, 20))
	if units != 16 {
		t.Errorf("%d small sets kept, want 16", units)
	}
	for id := range uint32(10) {
		p.Keep(h264, pps(id, 500))
		if n := len(p.AppendPayload(nil)); n > 1200 {
			t.Fatalf("payload of %d bytes", n)
		}
	}
	last := pps(9, 500)
	if !bytes.HasSuffix(p.AppendPayload(nil), last) {
		t.Error("the latest set was not kept")
	}
	if p.Keep(h264, pps(3, 1300)) {
		t.Error("kept a set larger than a payload")
	}
	for _, size := range []int{1190, 1193, 1194, 1195, 1196} {
		p.Keep(h264, pps(1, size))
		if n := len(p.AppendPayload(nil)); n > 1200 {
			t.Errorf("a set of %d bytes gives a payload of %d", size+2, n)
		}
	}
}

func TestParameterSetsRefuse(t *testing.T) {
	for name, payload := range map[string]string{
		"empty": "", "IDR": "6588", "fragment": "7c87640000", "broken SPS": "6764", "PPS without id": "68",
		"PPS id 256": "68008080",
	} {
		var p codec.ParameterSets
		if p.Keep(h264, unhex(t, payload)) || p.Kinds() != 0 {
			t.Errorf("%s: kept %b", name, p.Kinds())
		}
	}
	var p codec.ParameterSets
	if p.Keep(codec.Format{Name: codec.VP8}, unhex(t, h264SPS)) || p.KeepNAL(codec.Format{Name: codec.Opus}, unhex(t, h264SPS)) {
		t.Error("kept for a codec without parameter sets")
	}
}

func TestSpropNALs(t *testing.T) {
	tests := []struct {
		name   string
		format codec.Format
		fmtp   string
		want   [][]byte
	}{
		{"none", h264, "packetization-mode=1;profile-level-id=42e01f", nil},
		{"both", h264, "packetization-mode=1; sprop-parameter-sets=Z2QACg==,aOvjyw==;x=y", [][]byte{{0x67, 0x64, 0, 0x0a}, {0x68, 0xeb, 0xe3, 0xcb}}},
		{"without padding", h264, "sprop-parameter-sets=Z2QACg,aOvjyw", [][]byte{{0x67, 0x64, 0, 0x0a}, {0x68, 0xeb, 0xe3, 0xcb}}},
		{"empty ones", h264, "sprop-parameter-sets=,", nil},
		{"H265", h265, "sprop-vps=QAE=;sprop-SPS=QgE=;sprop-pps=RAE=,RAI=", [][]byte{{0x40, 1}, {0x42, 1}, {0x44, 1}, {0x44, 2}}},
		{"of another codec", codec.Format{Name: codec.VP8}, "sprop-parameter-sets=Z2QACg==", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := codec.SpropNALs(test.format, test.fmtp)
			if err != nil || !cmp.Equal(got, test.want) {
				t.Errorf("%x, %v", got, err)
			}
		})
	}
	for _, bad := range []string{"sprop-parameter-sets=!", "sprop-parameter-sets=" + string(bytes.Repeat([]byte("A"), 8193))} {
		if got, err := codec.SpropNALs(h264, bad); err == nil {
			t.Errorf("%.30s: %x", bad, got)
		}
	}
}

// TestSpropOfFFmpeg keeps what an FFmpeg session description says out of band.
func TestSpropOfFFmpeg(t *testing.T) {
	const fmtp = "packetization-mode=1; sprop-parameter-sets=Z2QACqyyBZ/ERGAiAAADAAIAAAMAKB4kTJA=,aOvDyyLA; profile-level-id=64000A"
	nals, err := codec.SpropNALs(h264, fmtp)
	if err != nil {
		t.Fatal(err)
	}
	var p codec.ParameterSets
	for _, nal := range nals {
		p.KeepNAL(h264, nal)
	}
	var inBand codec.ParameterSets
	inBand.Keep(h264, unhex(t, "78 001a"+h264SPS+"0006"+h264PPS))
	if !p.Complete(h264) || !bytes.Equal(p.AppendPayload(nil), inBand.AppendPayload(nil)) {
		t.Error("not the sets the stream carries in band")
	}
}
