package forwarder_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

var avc = codec.Format{Name: codec.H264, Profile: 0x42e0, Mode: 1}

// A fault is switched on in a healthy studio and off again.
type fault struct {
	name   string
	format codec.Format
	rids   []string
	from   func(*studio) // at the very beginning
	on     func(*studio)
	shows  time.Duration // how soon at the latest
	want   []string
	says   []string // patterns, in the texts
	off    func(*studio)
	goes   time.Duration
}

func faults() []fault {
	return []fault{
		{
			name: "nothing comes", want: []string{forwarder.FindingNoMedia}, shows: 9 * time.Second, goes: 12 * time.Second,
			on:  func(s *studio) { s.audio.off, s.cameras[0].off = true, true },
			off: func(s *studio) { s.audio.off, s.cameras[0].off = false, false },
		}, {
			name: "nothing comes, and the sound's clock stands", want: []string{forwarder.FindingNoMedia}, shows: 9 * time.Second, goes: 12 * time.Second,
			on:  func(s *studio) { s.audio.off, s.cameras[0].off, s.stands = true, true, true },
			off: func(s *studio) { s.audio.off, s.cameras[0].off = false, false },
		}, {
			name: "the camera is off", want: []string{forwarder.FindingNoVideo}, shows: 9 * time.Second, goes: 12 * time.Second,
			on: func(s *studio) { s.cameras[0].off = true }, off: func(s *studio) { s.cameras[0].off = false },
		}, {
			name: "the microphone never was on", want: []string{forwarder.FindingNoAudio}, shows: 9 * time.Second, goes: 12 * time.Second,
			from: func(s *studio) { s.audio.off = true }, off: func(s *studio) { s.audio.off = false },
		}, {
			name: "no keyframe ever", want: []string{forwarder.FindingNoKeyframe}, shows: 9 * time.Second, goes: 12 * time.Second,
			from: func(s *studio) { s.keyless = true }, off: func(s *studio) { s.keyless = false }, says: []string{"the video", "-g 60"},
		}, {
			name: "no parameter sets", format: avc, want: []string{forwarder.FindingNoParameters}, shows: 4 * time.Second, goes: 13 * time.Second,
			from: func(s *studio) { s.sps, s.keyEvery = nil, 2*time.Second }, off: func(s *studio) { s.sps = studioSPS(66) },
			says: []string{"the video", "config-interval=-1"},
		}, {
			name: "High 10", format: avc, want: []string{forwarder.FindingProfile}, shows: 4 * time.Second, goes: 13 * time.Second,
			from: func(s *studio) { s.sps, s.keyEvery = high10SPS(), 2*time.Second }, off: func(s *studio) { s.sps = studioSPS(66) },
			says: []string{"H.264 in profile High 10", "-pix_fmt yuv420p"},
		}, {
			name: "B-frames under the times of sending", format: avc, want: []string{forwarder.FindingBFrames}, shows: 5 * time.Second, goes: 25 * time.Second,
			from: func(s *studio) { s.pattern = "PBB" }, off: func(s *studio) { s.pattern = "" }, says: []string{"6[67] % of the pictures", "-bf 0"},
		}, {
			name: "B-frames under the times of display", want: []string{forwarder.FindingBFrames}, shows: 5 * time.Second, goes: 25 * time.Second,
			on: func(s *studio) { s.shuffled = true }, off: func(s *studio) { s.shuffled = false },
		}, {
			name: "packets of nobody's", want: []string{forwarder.FindingStray}, shows: 25 * time.Second, goes: 35 * time.Second,
			on: func(s *studio) { s.stray = true }, off: func(s *studio) { s.stray = false }, says: []string{"27\\.. % of the packets"},
		}, {
			name: "loss", want: []string{forwarder.FindingLoss}, shows: 45 * time.Second, goes: 45 * time.Second,
			on: func(s *studio) { s.loss = 0.05 }, off: func(s *studio) { s.loss = 0 }, says: []string{"lost on the way"},
		}, {
			name: "loss and a deaf encoder", want: []string{forwarder.FindingLoss, forwarder.FindingNackDead}, shows: 60 * time.Second, goes: 60 * time.Second,
			on: func(s *studio) { s.loss, s.deaf = 0.05, true }, off: func(s *studio) { s.loss, s.deaf = 0.001, false }, says: []string{"the video"},
		}, {
			name: "loss, and one encoding is not sent again", rids: []string{"f", "h", "q"},
			want: []string{forwarder.FindingLoss, forwarder.FindingNackDead}, shows: 60 * time.Second, goes: 60 * time.Second,
			on:  func(s *studio) { s.loss, s.cameras[1].gone = 0.05, true },
			off: func(s *studio) { s.loss, s.cameras[1].gone = 0.001, false }, says: []string{`Lost packets of encoding "h" are not sent again`},
		}, {
			name: "keyframes each 10 s", want: []string{forwarder.FindingLongInterval}, shows: 40 * time.Second, goes: 40 * time.Second,
			from: func(s *studio) { s.keyEvery, s.deaf = 10*time.Second, true }, off: func(s *studio) { s.keyEvery = 2 * time.Second },
			says: []string{"10.0 s apart", "key-int-max=60"},
		}, {
			name: "one keyframe only", want: []string{forwarder.FindingLongInterval}, shows: 30 * time.Second, goes: 30 * time.Second,
			on: func(s *studio) { s.deaf, s.nagging = true, true }, off: func(s *studio) { s.keyEvery = 2 * time.Second },
		}, {
			name: "an encoding stops", rids: []string{"f", "h", "q"}, want: []string{forwarder.FindingSilent}, shows: 15 * time.Second, goes: 12 * time.Second,
			on: func(s *studio) { s.cameras[0].off = true }, off: func(s *studio) { s.cameras[0].off = false }, says: []string{`encoding "f"`},
		}, {
			name: "encodings never come", rids: []string{"f", "h", "q"}, want: []string{forwarder.FindingSilent}, shows: 15 * time.Second, goes: 12 * time.Second,
			from: func(s *studio) { s.cameras[0].off, s.cameras[2].off = true, true },
			off:  func(s *studio) { s.cameras[0].off, s.cameras[2].off = false, false }, says: []string{`encodings "f" and "q"`},
		}, {
			name: "too much for most", want: []string{forwarder.FindingHighBitrate}, shows: 12 * time.Second, goes: 25 * time.Second,
			on: func(s *studio) { s.packets = 20 }, off: func(s *studio) { s.packets = 1 }, says: []string{"4.[5-8] Mbit/s"},
		}, {
			name: "the sound's clock is slow", want: []string{forwarder.FindingClockDrift}, shows: 4 * time.Minute, goes: 6 * time.Minute,
			on: func(s *studio) { s.slow = 400 }, off: func(s *studio) { s.slow = 0 }, says: []string{"The sound falls behind the picture by 2[0-6] ms a minute"},
		}, {
			name: "the sound's clock is a little fast", want: []string{forwarder.FindingClockDrift}, shows: 22 * time.Minute, goes: 22 * time.Minute,
			on: func(s *studio) { s.slow = -100 }, off: func(s *studio) { s.slow = 0 }, says: []string{"The sound runs ahead of the picture by [56] ms a minute"},
		}, {
			name: "the sound has another rate, and the reports say so", want: []string{forwarder.FindingClockDrift}, shows: time.Minute, goes: 2 * time.Minute,
			on: func(s *studio) { s.honest = true; s.slow = 10_000 }, off: func(s *studio) { s.slow = 0 }, says: []string{"[56].. ms a minute"},
		}, {
			name: "the sound is late", want: []string{forwarder.FindingClockOffset}, shows: 45 * time.Second, goes: 60 * time.Second,
			on: func(s *studio) { s.late = 800 * time.Millisecond }, off: func(s *studio) { s.late = 0 }, says: []string{"The sound is sent 0.8 s later than the picture"},
		},
	}
}

// TestFindings: each fault shows, under its code and no other, and goes once it is mended.
func TestFindings(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.check(t)
		})
	}
}

func (f *fault) check(t *testing.T) {
	if f.format.Name == 0 {
		f.format = vp8
	}
	s := newStudio(t, f.format, f.rids...)
	if f.from != nil {
		f.from(s)
	} else {
		s.run(30 * time.Second)
		if len(s.heard) > 0 {
			t.Fatalf("healthy: %v", s.heard)
		}
		f.on(s)
	}
	s.until(f.shows, f.want)
	for _, part := range f.says {
		if all := fmt.Sprint(s.heard); !regexp.MustCompile(part).MatchString(all) {
			t.Errorf("%q is not in: %s", part, all)
		}
	}
	f.off(s)
	s.until(f.goes, nil)
}

// until runs until exactly the wanted codes were heard, for d at most, and a while more,
// in which they must not change.
func (s *studio) until(d time.Duration, want []string) {
	s.t.Helper()
	begin := s.now
	for !slices.Equal(s.codes(), want) {
		if s.now.Sub(begin) > d {
			s.t.Fatalf("after %v: %v, want %v", d, s.heard, want)
		}
		s.run(time.Second)
	}
	s.run(20 * time.Second)
	if !slices.Equal(s.codes(), want) {
		s.t.Errorf("did not stay %v: %v", want, s.heard)
	}
}

// high10SPS is studioSPS in profile High 10, with 10 bits a sample.
func high10SPS() []byte { return []byte{0x67, 110, 0x00, 0x0a, 0xa6, 0xcf, 0x08, 0x34, 0x40} }
