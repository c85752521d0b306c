package bench

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestPeek holds the partial decryption to pion's, for each profile and across a wrap.
func TestPeek(t *testing.T) {
	for profile, sizes := range map[srtp.ProtectionProfile][2]int{
		srtp.ProtectionProfileAes128CmHmacSha1_80: {16, 14},
		srtp.ProtectionProfileAeadAes128Gcm:       {16, 12},
		srtp.ProtectionProfileAeadAes256Gcm:       {32, 12},
	} {
		key, salt := random(sizes[0]), random(sizes[1])
		sealer, err := srtp.CreateContext(key, salt, profile)
		if err != nil {
			t.Fatal(err)
		}
		p, err := newPeeker(profile, key, salt)
		if err != nil {
			t.Fatal(err)
		}
		var in inStream
		for i := range 10 {
			want := random(20 + 50*i)
			packet := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 7, SequenceNumber: uint16(65530 + i)}, Payload: want}
			plain, _ := packet.Marshal()
			sealed, err := sealer.EncryptRTP(nil, plain, nil)
			if err != nil {
				t.Fatal(err)
			}
			var h header
			if !h.parse(sealed, 0) {
				t.Fatal("no header")
			}
			rollover, _ := in.take(&h, time.Now(), false)
			n := min(len(want), peekBytes)
			if got := p.peek(&h, rollover, sealed[h.size:], peekBytes); !bytes.Equal(got[:n], want[:n]) {
				t.Errorf("%v, packet %d: %x, want %x", profile, i, got[:n], want[:n])
			}
		}
	}
	if _, err := newPeeker(srtp.ProtectionProfileNullHmacSha1_80, nil, nil); err == nil {
		t.Error("took the null cipher")
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// TestFrames holds the payloads to what forwarding sees in them: keyframes when due,
// starts, sizes, the bitrate.
func TestFrames(t *testing.T) {
	for name, as := range map[Codec]codec.Name{H264: codec.H264, VP8: codec.VP8} {
		l := DefaultLoad()
		l.Codec = name
		f := newFramer(&l)
		total, number := 0, uint64(0)
		for frame := range 10 * l.FPS {
			payloads := f.append(nil)
			key := frame%(2*l.FPS) == 0
			seen := false
			for i, p := range payloads {
				b := p.write(nil, time.Unix(1, 2))
				var s stamp
				if !s.read(b[:min(len(b), peekBytes)]) || s.number != number || s.keyframe != key || !s.sent.Equal(time.Unix(1, 2)) {
					t.Fatalf("%s frame %d packet %d: %+v", name, frame, i, s)
				}
				if len(b) > payloadBytes || p.marker != (i == len(payloads)-1) {
					t.Errorf("%s frame %d packet %d: %d bytes, marker %v", name, frame, i, len(b), p.marker)
				}
				info := codec.Inspect(codec.Format{Name: as}, b)
				seen = seen || info.Keyframe
				if info.FrameStart != (i == 0) && name == VP8 {
					t.Errorf("%s frame %d packet %d: start %v", name, frame, i, info.FrameStart)
				}
				total += len(b)
				number++
			}
			if seen != key {
				t.Errorf("%s frame %d: keyframe %v", name, frame, seen)
			}
		}
		if got := int64(total * 8 / 10); got < l.Bitrate*95/100 || got > l.Bitrate*105/100 {
			t.Errorf("%s: %d bit/s", name, got)
		}
	}
}

func TestNumbersTellTwice(t *testing.T) {
	var n numbers
	for _, step := range []struct {
		number uint64
		want   bool
	}{{5, true}, {5, false}, {7, true}, {6, true}, {6, false}, {5000, true}, {7, false}, {4999, true}, {4999, false}, {1 << 40, true}, {1<<40 - 1, true}} {
		if got := n.add(step.number); got != step.want {
			t.Errorf("%d is new: %v", step.number, got)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h, other histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	other.add(time.Hour)
	other.add(-time.Second) // clocks that were set
	for q, want := range map[float64]time.Duration{0.001: time.Millisecond, 0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.quantile(q); got < want*96/100 || got > want*104/100 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	h.merge(&other)
	if h.count != 1002 || h.max != time.Hour || other.quantile(0.5) != 0 {
		t.Errorf("%d counted, longest %v, median %v", h.count, h.max, other.quantile(0.5))
	}
	if (&histogram{}).quantile(0.5) != 0 {
		t.Error("nothing has a median")
	}
}

func TestHolesAreAskedForAndGivenUp(t *testing.T) {
	var s inStream
	now := time.Unix(1, 0)
	take := func(seq uint16) { s.take(&header{ssrc: 1, seq: seq}, now, true) }
	take(65534)
	take(2) // 65535, 0 and 1 are missing
	if s.nacks(now) != nil {
		t.Error("asked at once, though they may only be reordered")
	}
	take(0)
	asked := 0
	for range 20 {
		now = now.Add(nackInterval)
		due := s.nacks(now)
		asked += len(due)
		if len(due) > 0 && !slices.Equal(due, []uint16{65535, 1}) {
			t.Errorf("asked for %v", due)
		}
	}
	if asked != 2*nackTries {
		t.Errorf("asked %d times", asked)
	}
	if r := s.report(now); r.TotalLost != 2 || r.LastSequenceNumber != 1<<16+2 {
		t.Errorf("report %+v", r)
	}
}

func TestFreezes(t *testing.T) {
	w := &Window{From: time.Unix(10, 0), To: time.Unix(12, 0)}
	at := func(ms int) time.Time { return time.Unix(10, 0).Add(time.Duration(ms) * time.Millisecond) }
	for name, test := range map[string]struct {
		frames  []int // milliseconds into the window
		freezes int
		longest time.Duration
	}{
		"none":             {[]int{-100, 0, 150, 350, 550, 750, 950, 1150, 1350, 1550, 1750, 1900}, 0, 200 * time.Millisecond},
		"one":              {[]int{-10, 190, 380, 700, 890, 1080, 1270, 1460, 1650, 1840}, 1, 320 * time.Millisecond},
		"begins before":    {[]int{-5000, 300, 490, 680, 870, 1060, 1250, 1440, 1630, 1820}, 1, 300 * time.Millisecond},
		"lasts to the end": {[]int{0, 200, 400}, 1, 1600 * time.Millisecond},
		"ended before":     {[]int{-400, -100}, 1, 2 * time.Second},
		"lasts beyond":     {[]int{0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 3000, 3200}, 1, 400 * time.Millisecond},
		"after the window": {[]int{0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 3000}, 0, 200 * time.Millisecond},
	} {
		m := meter{inWindow: inWindow{window: w}}
		for i, f := range test.frames {
			m.media(&stamp{number: uint64(i), sent: at(f)}, true, at(f))
		}
		if m.finish(); m.freezes != test.freezes || m.longest != test.longest {
			t.Errorf("%s: %d freezes, longest %v", name, m.freezes, m.longest)
		}
	}
}

func TestMedian(t *testing.T) {
	one := 1.0
	results := []Result{
		{Loss: 3, Server: &Cost{Cores: 1, CPUMsPerJoin: &one}}, {Loss: 1, Server: &Cost{Cores: 2}}, {Loss: 2, Server: &Cost{Cores: 9}}, {Loss: 9, Server: &Cost{Cores: 3}},
	}
	m := median(results)
	if m.Loss != 2.5 || m.Server.Cores != 2.5 || m.Server.CPUMsPerJoin != nil {
		t.Errorf("%+v %+v", m, m.Server)
	}
	if m = median(append(results, Result{})); m.Server != nil {
		t.Errorf("a cost nobody measured: %+v", m.Server)
	}
}

func TestAnswerLacksSomething(t *testing.T) {
	whole := "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=setup:active\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n" +
		"a=candidate:1 1 udp 1 192.0.2.1 7 typ host\r\na=candidate:1 1 tcp 1 192.0.2.2 9 typ host tcptype passive\r\na=candidate:2 2 udp 1 192.0.2.3 7 typ host\r\n" +
		"a=extmap:4/sendonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
	a, err := parseAnswer(whole)
	if err != nil || a.passive || len(a.candidates) != 1 || a.kinds[96] != kindVideo || a.kinds[97] != kindRepair || a.transportID != 4 {
		t.Errorf("%+v %v", a, err)
	}
	for _, bad := range []string{"", "v=0\r\n", "a=ice-ufrag:u\na=ice-pwd:p\n", "a=rtpmap:x\na=candidate:1 1 udp\na=extmap:\n"} {
		if _, err := parseAnswer(bad); err == nil {
			t.Errorf("took %q", bad)
		}
	}
}
