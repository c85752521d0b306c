package forwarder_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pion/rtp"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// randomOutPacket has extensions of all lengths under ids of both header forms.
func randomOutPacket(rnd *rand.Rand) *forwarder.OutPacket {
	bytesOf := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	maxID := []int{14, 40}[rnd.IntN(2)]
	var ids forwarder.ExtensionIDs
	for i, id := range rnd.Perm(maxID)[:min(maxID, codec.NumExtensions-1)] {
		if rnd.IntN(3) > 0 {
			ids[i+1] = uint8(id + 1)
		}
	}
	p := &forwarder.Packet{Marker: rnd.IntN(2) == 0, Payload: bytesOf(rnd.IntN(1200))}
	maxLen := []int{16, 16, 60, 255}[rnd.IntN(4)]
	for _, e := range []codec.Extension{codec.AudioLevel, codec.VideoOrientation, codec.PlayoutDelay, codec.DependencyDescriptor} {
		if rnd.IntN(2) == 0 {
			p.Ext = append(p.Ext, forwarder.ExtensionValue{Ext: e, Data: bytesOf(1 + rnd.IntN(maxLen) - rnd.IntN(2))})
		}
	}
	return &forwarder.OutPacket{
		Packet: p, IDs: &ids, SSRC: rnd.Uint32(), Timestamp: rnd.Uint32(), Seq: uint16(rnd.Uint32()),
		TransportSeq: uint16(rnd.Uint32()), PayloadType: uint8(rnd.IntN(128)), Mark: p.Marker,
		Retransmit: rnd.IntN(2) == 0, OriginalSeq: uint16(rnd.Uint32()),
		Empty: rnd.IntN(8) == 0, Padding: []uint8{0, 0, 0, 1, 224}[rnd.IntN(5)],
	}
}

// marshal is p as pion's types put it on the wire.
func marshal(t testing.TB, p *forwarder.OutPacket) []byte {
	t.Helper()
	h := rtp.Header{Version: 2, Padding: p.Padding > 0, Marker: p.Mark, PayloadType: p.PayloadType, SequenceNumber: p.Seq, Timestamp: p.Timestamp, SSRC: p.SSRC}
	profile := uint16(rtp.ExtensionProfileOneByte)
	values := []forwarder.ExtensionValue{{Ext: codec.TransportCC, Data: []byte{byte(p.TransportSeq >> 8), byte(p.TransportSeq)}}}
	f, picture, tl0, descriptor := p.Rewritten()
	if !p.Empty {
		values = append(values, p.Packet.Ext...)
	}
	for i := range values {
		if values[i].Ext == codec.DependencyDescriptor && descriptor != nil {
			values[i].Data = descriptor
		}
	}
	for _, e := range values {
		if p.IDs[e.Ext] > 14 || p.IDs[e.Ext] != 0 && (len(e.Data) > 16 || len(e.Data) == 0) {
			profile = rtp.ExtensionProfileTwoByte
		}
	}
	for _, e := range values {
		if id := p.IDs[e.Ext]; id != 0 {
			h.Extension, h.ExtensionProfile = true, profile
			if err := h.SetExtension(id, e.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
	payload := slices.Clone(p.Packet.Payload)
	if p.Empty {
		payload = nil
	}
	if f.Name != 0 {
		codec.ShiftPicture(f, payload, picture, tl0)
	}
	if p.Retransmit {
		payload = append([]byte{byte(p.OriginalSeq >> 8), byte(p.OriginalSeq)}, payload...)
	}
	b, err := (&rtp.Packet{Header: h, Payload: payload, PaddingSize: p.Padding}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWrite: what is written is what pion makes of the same fields.
func TestWrite(t *testing.T) {
	forms := map[byte]int{}
	for seed := range uint64(5000) {
		p := randomOutPacket(rand.New(rand.NewPCG(seed, 2)))
		want := marshal(t, p)
		dst := bytes.Repeat([]byte{0xaa}, len(want)+8)
		n, err := p.MarshalTo(dst)
		if err != nil || !bytes.Equal(dst[:n], want) {
			t.Fatalf("seed %d: %x (%v), want %x", seed, dst[:n], err, want)
		}
		if !bytes.Equal(dst[n:], bytes.Repeat([]byte{0xaa}, 8)) {
			t.Fatalf("seed %d: wrote behind the packet", seed)
		}
		if want[0]&0x10 != 0 {
			forms[want[12]]++
		}
		if n, err := p.MarshalTo(dst[:len(want)-1]); n != 0 || !errors.Is(err, forwarder.ErrShortBuffer) {
			t.Fatalf("seed %d: %d, %v where it does not fit", seed, n, err)
		}
	}
	if forms[0xbe] < 100 || forms[0x10] < 100 {
		t.Errorf("one-byte and two-byte headers: %d", forms)
	}
}

// A value too long for any header is left out.
func TestWriteLeavesOutWhatDoesNotFitAHeader(t *testing.T) {
	o := forwarder.OutPacket{
		IDs:    &forwarder.ExtensionIDs{codec.DependencyDescriptor: 5},
		Packet: &forwarder.Packet{Payload: []byte{1}, Ext: []forwarder.ExtensionValue{{Ext: codec.DependencyDescriptor, Data: make([]byte, 256)}}},
	}
	dst := make([]byte, 1500)
	if n, err := o.MarshalTo(dst); n != 13 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}
