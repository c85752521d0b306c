package forwarder_test

import (
	"cmp"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestHealthyPublishersHaveNoFindings: what encoders, networks and clocks do every day
// is no fault.
func TestHealthyPublishersHaveNoFindings(t *testing.T) {
	for _, test := range []struct {
		name    string
		format  codec.Format
		rids    []string
		set     func(*studio)
		minutes int                         // 0: 30
		at      func(s *studio, minute int) // each
	}{
		{name: "a browser nobody asks for keyframes", format: vp8, set: func(*studio) {}},
		{name: "a browser that is asked each second", format: vp8, set: func(s *studio) { s.nagging = true }},
		{name: "OBS, each 2 s and deaf", format: avc, set: func(s *studio) { s.keyEvery, s.deaf, s.nagging = 2*time.Second, true, true }},
		{name: "a long interval, but keyframes on request", format: avc, set: func(s *studio) { s.keyEvery, s.nagging = 10*time.Second, true }},
		{name: "simulcast", format: vp8, rids: []string{"q", "h", "f"}, set: func(*studio) {}},
		{name: "jitter", format: vp8, set: func(s *studio) { s.jitter, s.keyEvery = 60*time.Millisecond, 2*time.Second }},
		{name: "a little loss that is repaired", format: vp8, set: func(s *studio) { s.loss, s.jitter = 0.002, 10*time.Millisecond }},
		{name: "an encoding that comes late", format: vp8, rids: []string{"q", "h", "f"}, set: func(s *studio) {
			s.cameras[2].off = true
			s.run(9 * time.Second)
			s.cameras[2].off = false
		}},
		{name: "loss of a fat stream that is repaired", minutes: 5, format: vp8, set: func(s *studio) { s.loss, s.packets = 0.005, 10 }},
		{name: "jitter of a fat stream", minutes: 5, format: vp8, set: func(s *studio) { s.jitter, s.packets = 100*time.Millisecond, 10 }},
		{name: "a rare loss nobody repairs", format: vp8, set: func(s *studio) { s.loss, s.deaf, s.keyEvery = 0.0003, true, 2*time.Second }},
		{name: "a device's clock that the reports know of", format: vp8, set: func(s *studio) { s.slow, s.honest = 300, true }},
		{name: "quartz clocks that differ a little", format: vp8, set: func(s *studio) { s.slow = 20 }},
		{name: "B slices in order", format: avc, set: func(s *studio) { s.pattern, s.sps = "PBB", orderedSPS() }},
		{name: "no reports", format: vp8, set: func(s *studio) { s.noReports = true }},
		{
			name: "keyframes by accident", format: vp8, set: func(*studio) {},
			at: func(s *studio, minute int) { s.cameras[0].asked = minute%3 == 0 },
		},
		{
			name: "timestamps that step back", format: vp8, set: func(s *studio) { s.noReports = true },
			at: func(s *studio, minute int) { s.cameras[0].count += []int{-30, 30}[minute%2] },
		},
		{
			name: "parameter sets once", format: avc, set: func(s *studio) { s.keyEvery = 2 * time.Second },
			at: func(s *studio, _ int) { s.sps = nil },
		},
		{
			name: "delays that change", format: vp8, set: func(*studio) {},
			at: func(s *studio, minute int) {
				s.late = time.Duration([]int{0, 150, 50, 200}[minute%4]) * time.Millisecond
			},
		},
		{
			name: "short pauses", format: vp8, set: func(*studio) {},
			at: func(s *studio, minute int) {
				s.cameras[0].off, s.audio.off = true, minute%2 == 0
				s.run(4 * time.Second)
				s.cameras[0].off, s.audio.off = false, false
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStudio(t, test.format, test.rids...)
			test.set(s)
			for minute := range cmp.Or(test.minutes, 30) {
				s.run(time.Minute)
				if s.changes > 0 {
					t.Fatalf("minute %d: %v", minute, s.heard)
				}
				if test.at != nil {
					test.at(s, minute)
				}
			}
			if s.core.Counts().Packets < 50_000 {
				t.Errorf("only %d packets", s.core.Counts().Packets)
			}
		})
	}
}

// orderedSPS is studioSPS with a VUI that promises no reordering.
func orderedSPS() []byte {
	// … vui 1: no aspect, overscan, signal, chroma, timing, HRD, HRD, pic_struct; restriction
	// 1: flag 1, 0, 0, 9, 9, no reordering, a buffer of 1.
	return []byte{0x67, 66, 0x00, 0x0a, 0xf8, 0x41, 0xa4, 0x03, 0xc5, 0x0a, 0xa8}
}

// TestFindingsDoNotFlicker: a fault that comes and goes each two seconds is not told of,
// and one that is told of stays told of while it does; its words change rarely.
func TestFindingsDoNotFlicker(t *testing.T) {
	s := newStudio(t, vp8)
	s.run(10 * time.Second)
	for range 30 {
		s.cameras[0].off = true
		s.run(6500 * time.Millisecond) // the fault is there from 5 s on
		s.cameras[0].off = false
		s.run(2 * time.Second)
	}
	if s.changes != 0 {
		t.Errorf("%d changes: %v", s.changes, s.heard)
	}
	s.cameras[0].off = true
	s.run(10 * time.Second)
	if len(s.heard) != 1 || s.changes != 1 {
		t.Fatalf("%v after %d changes", s.heard, s.changes)
	}
	for range 30 {
		s.cameras[0].off = false
		s.run(2 * time.Second)
		s.cameras[0].off = true
		s.run(6500 * time.Millisecond)
	}
	if most := int(30 * 8500 * time.Millisecond / (30 * time.Second)); len(s.heard) != 1 || s.changes > 2+most {
		t.Errorf("%v after %d changes", s.heard, s.changes)
	}
}

// TestNothingEverCame: a session is given time to connect; then it is told of, once, and
// not by track.
func TestNothingEverCame(t *testing.T) {
	s := newStudio(t, vp8)
	s.audio.off, s.cameras[0].off = true, true
	s.run(15 * time.Second)
	if s.heard != nil {
		t.Errorf("while it connects: %v", s.heard)
	}
	s.until(5*time.Second, []string{forwarder.FindingNoMedia})
	if text := s.heard[0].Text; !strings.Contains(text, "for 18.0 s") {
		t.Error(text)
	}
	s.audio.off, s.cameras[0].off = false, false
	s.until(12*time.Second, nil)
}

// TestDiagnoseReturnsTheSameWhileNothingChanges, and nothing after the end.
func TestDiagnoseReturnsTheSameWhileNothingChanges(t *testing.T) {
	s := newStudio(t, vp8)
	s.audio.off = true
	s.run(10 * time.Second)
	a, b := s.core.Diagnose(s.now), s.core.Diagnose(s.now.Add(time.Second))
	if len(a) != 1 || len(b) != 1 || &a[0] != &b[0] {
		t.Errorf("%v, %v", a, b)
	}
	s.core.End()
	if found := s.core.Diagnose(s.now.Add(2 * time.Second)); found != nil {
		t.Errorf("after the end: %v", found)
	}
}

// TestDiagnoseDoesNotAllocate while there is nothing to say.
func TestDiagnoseDoesNotAllocate(t *testing.T) {
	s := newStudio(t, avc, "f", "h", "q")
	s.keyEvery, s.pattern, s.sps = 2*time.Second, "PBB", orderedSPS()
	s.run(time.Minute)
	if n := testing.AllocsPerRun(20, func() {
		s.core.DiagnoseAgain(s.now)
	}); n != 0 || s.heard != nil {
		t.Errorf("%v allocations, %v", n, s.heard)
	}
}

// TestKeyframeInterval: what the encoder does by itself counts, not what it is asked for.
func TestKeyframeInterval(t *testing.T) {
	for _, test := range []struct {
		name    string
		every   []time.Duration
		nagging bool
		want    time.Duration
	}{
		{"by itself", []time.Duration{3 * time.Second}, false, 3 * time.Second},
		{"and at cuts", []time.Duration{3 * time.Second, time.Second}, false, 3 * time.Second},
		{"by accident", []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 5 * time.Second, 8 * time.Second}, false, 0},
		{"on request", []time.Duration{0}, true, 0},
		{"never", []time.Duration{0}, false, 0},
	} {
		s := newStudio(t, vp8)
		s.nagging = test.nagging
		for i := range 10 {
			s.keyEvery = test.every[i%len(test.every)]
			s.run(max(s.keyEvery, time.Second))
		}
		got := s.core.Best(codec.Video).KeyframeInterval()
		if d := got - test.want; d.Abs() > 40*time.Millisecond {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestKeyframeIntervalIsThatOfTheTimestamps: a machine that encodes at a third of the
// speed does not stretch it.
func TestKeyframeIntervalIsThatOfTheTimestamps(t *testing.T) {
	p, now := newPublisher(), start
	for n := range 400 {
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(n), uint32(n)*3000, true, vp8Frame(n%60 == 0)))
		now = now.Add(100 * time.Millisecond)
	}
	if got := p.Best(codec.Video).KeyframeInterval(); got != 2*time.Second {
		t.Errorf("%v", got)
	}
}

// TestListenersAreAskedRarely: an encoder with a long interval is asked until it proved
// to listen, and then left alone.
func TestListenersAreAskedRarely(t *testing.T) {
	s := newStudio(t, vp8)
	s.keyEvery = 10 * time.Second
	s.run(10 * time.Minute)
	if n := s.core.Counts().Requests; n < 2 || n > 4 || s.changes != 0 {
		t.Errorf("%d requests, %v", n, s.heard)
	}
}

// TestBFramesOfRealEncoders replays captures: a code where the encoder was let use
// B-frames, none where it was not.
func TestBFramesOfRealEncoders(t *testing.T) {
	for fixture, want := range map[string][]string{
		"h264": nil, "h264-refresh": nil, "h264-mode0": nil, "h265": nil, "h264-chromium-l1t2": nil, "vp8": nil, "vp9-chromium-l3t3": nil, "av1-svt": nil,
		"h264-opengop": {forwarder.FindingBFrames}, "h265-cra": {forwarder.FindingBFrames},
	} {
		for _, times := range []string{"of display", "of sending"} {
			if got := replay(t, fixture, times == "of sending"); !slices.Equal(got, want) {
				t.Errorf("%s with the times %s: %v, want %v", fixture, times, got, want)
			}
		}
	}
}

// replay sends a capture again and again for 20 s, a frame each 33 ms, and returns the
// codes that are found. With ascending its timestamps are replaced by those of sending,
// as OBS writes them.
func replay(t *testing.T, fixture string, ascending bool) []string {
	t.Helper()
	packets := readCapture(t, fixture)
	name, _ := codec.ParseName(fixtureCodec(fixture))
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, Formats: map[uint8]codec.Format{upVideo: {Name: name, Mode: 1}},
	}}})
	now, seq, frames := start, uint16(0), uint32(0)
	var codes []string
	for now.Sub(start) < 20*time.Second {
		first := packets[0].Timestamp
		shift := frames * 3000
		for i, packet := range packets {
			if i == 0 || packet.Timestamp != packets[i-1].Timestamp {
				now, frames = now.Add(time.Second/30), frames+1
				p.Diagnose(now)
			}
			again := *packet
			again.Header = rtp.Header{Version: 2, PayloadType: upVideo, SSRC: 7, SequenceNumber: seq, Marker: packet.Marker}
			again.Timestamp = shift + (packet.Timestamp-first)/3 // it was taken at 10 pictures a second
			if ascending {
				again.Timestamp = frames * 3000
			}
			seq++
			b, err := again.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			p.HandleRTP(now, b)
		}
	}
	for _, f := range p.Diagnose(now.Add(time.Second)) {
		codes = append(codes, f.Code)
	}
	return codes
}

func fixtureCodec(fixture string) string {
	for i, c := range fixture {
		if c == '-' {
			return fixture[:i]
		}
	}
	return fixture
}

// readCapture reads the packets of a fixture of package codec.
func readCapture(t *testing.T, name string) []*rtp.Packet {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("codec", "testdata", name+".rtp"))
	if err != nil {
		t.Fatal(err)
	}
	var packets []*rtp.Packet
	for len(file) >= 2 {
		size := int(binary.BigEndian.Uint16(file))
		p := new(rtp.Packet)
		if err := p.Unmarshal(file[2 : 2+size]); err != nil {
			t.Fatal(err)
		}
		if packets = append(packets, p); p.Padding {
			p.Payload = nil // a probe
		}
		file = file[2+size:]
	}
	return packets
}

// BenchmarkDiagnose is one look at a publisher of four encodings in H.264, each with more
// packets than a look takes.
func BenchmarkDiagnose(b *testing.B) {
	s := newStudio(b, avc, "0", "1", "2", "3")
	s.keyEvery, s.packets = 2*time.Second, 20
	s.run(10 * time.Second)
	b.ReportAllocs()
	for b.Loop() {
		s.core.DiagnoseAgain(s.now)
	}
}
