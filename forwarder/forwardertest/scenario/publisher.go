package scenario

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// An Encoding is one simulcast encoding of the publisher: VP8 with three temporal
// layers, 30 frames a second.
type Encoding struct {
	RID           string
	Width, Height uint16
	Bitrate       int64 // bits per second of payload
}

// Encodings are what a browser commonly sends.
func Encodings() []Encoding {
	return []Encoding{{"q", 320, 180, 150_000}, {"h", 640, 360, 500_000}, {"f", 1280, 720, 1_500_000}}
}

const (
	frameInterval    = time.Second / 30
	frameTicks       = 3000 // of timestamps, between pictures, whatever the time between them
	audioInterval    = 20 * time.Millisecond
	audioBytes       = 100
	payloadBytes     = 1100
	answerTime       = 60 * time.Millisecond
	upAudio, upVideo = 111, 96
	audioSSRC        = 1
	videoSSRC        = 10 // of the first encoding
	ridID            = 1
)

// source is the publisher: it makes frames and answers keyframe requests.
type source struct {
	up     *forwarder.Publisher
	all    []*video
	audio  uint16
	frames int
	active func(i int, at time.Duration) bool
	svc    SVC
	sizes  Sizes
	newKey int   // the picture of the last keyframe
	refs   []int // of each picture, the one that it needs; -1: none
	rnd    *rand.Rand
}

// Sizes are how often pictures come, and how the bytes of a layer are shared out between them.
type Sizes struct {
	Interval time.Duration
	Key      float64    // a keyframe, in mean pictures of its layer
	Temporal [3]float64 // the same of other pictures, by temporal layer
	Uneven   float64    // share of it that a picture is larger or smaller by at most, by chance
	Seed     uint64     // of that
}

// evenSizes are those of pictures 30 times a second.
var evenSizes = Sizes{Interval: frameInterval, Key: 6, Temporal: [3]float64{1.6, 0.8, 0.8}}

type video struct {
	Encoding
	ssrc    uint32
	seq     uint16
	picture uint16
	tl0     uint8
	wanted  time.Duration // when a keyframe was asked for; negative: not
	began   bool
}

func newSource(encodings []Encoding, audioOnly bool, svc SVC, sizes Sizes) *source {
	s := &source{svc: svc, sizes: sizes, rnd: rand.New(rand.NewPCG(sizes.Seed, 0x73697a65))}
	tracks := []forwarder.PublisherTrack{{Kind: codec.Audio, MID: "0", Formats: map[uint8]codec.Format{upAudio: {Name: codec.Opus}}}}
	if !audioOnly {
		t := forwarder.PublisherTrack{
			Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{upVideo: {Name: codec.VP8}},
			NACK: true, PLI: true, Extensions: map[uint8]codec.Extension{ridID: codec.RID},
		}
		for i, e := range encodings {
			s.all = append(s.all, &video{Encoding: e, ssrc: videoSSRC + uint32(i), wanted: -1})
			if svc == NoSVC {
				t.RIDs = append(t.RIDs, e.RID)
			}
		}
		if svc != NoSVC {
			t.Formats, t.Extensions = map[uint8]codec.Format{upVideo: s.format()}, nil
		}
		tracks = append(tracks, t)
	}
	s.up = forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: tracks})
	return s
}

// format is what its video is of.
func (s *source) format() codec.Format {
	if s.svc != NoSVC {
		return codec.Format{Name: codec.VP9}
	}
	return codec.Format{Name: codec.VP8}
}

func (s *source) sound(now time.Time) {
	s.audio++
	s.push(now, rtp.Header{Version: 2, PayloadType: upAudio, SSRC: audioSSRC, SequenceNumber: s.audio, Timestamp: uint32(s.audio) * 960}, make([]byte, audioBytes))
}

func (s *source) push(now time.Time, h rtp.Header, payload []byte) {
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		panic(err) // a header of ours
	}
	s.up.HandleRTP(now, b)
}

// picture sends a frame of each encoding. requests tells which SSRCs were asked for a
// keyframe by the core.
func (s *source) picture(now time.Time, at time.Duration) {
	if s.svc != NoSVC {
		s.layered(now, at)
		return
	}
	n := s.frames
	s.frames++
	for i, v := range s.all {
		if s.active != nil && !s.active(i, at) {
			v.began = false
			continue
		}
		key := !v.began || v.wanted >= 0 && at >= v.wanted+answerTime
		if key {
			v.began, v.wanted = true, -1
		}
		s.frame(now, v, n, key)
	}
}

// temporalLayer is that of frame n: of four, one is of layer 0, one of layer 1, two of
// layer 2.
func temporalLayer(n int, key bool) uint8 {
	if key {
		return 0
	}
	return [4]uint8{0, 2, 1, 2}[n%4]
}

// frameBytes is the size of a frame of a temporal layer.
func (s *source) frameBytes(v *video, key bool, temporal uint8) int {
	size := float64(v.Bitrate) / 8 * s.sizes.Interval.Seconds()
	if s.sizes.Uneven > 0 {
		size *= 1 + s.sizes.Uneven*(2*s.rnd.Float64()-1)
	}
	if key {
		return int(size * s.sizes.Key)
	}
	return int(size * s.sizes.Temporal[temporal])
}

// frame sends one frame.
func (s *source) frame(now time.Time, v *video, n int, key bool) {
	temporal, size := temporalLayer(n, key), s.frameBytes(v, key, temporalLayer(n, key))
	v.picture++
	if temporal == 0 {
		v.tl0++
	}
	h := rtp.Header{Version: 2, PayloadType: upVideo, SSRC: v.ssrc, Timestamp: uint32(n) * frameTicks}
	_ = h.SetExtension(ridID, []byte(v.RID))
	for first := true; size > 0; first = false {
		n := min(size, payloadBytes)
		size -= n
		h.SequenceNumber, h.Marker = v.seq, size == 0
		v.seq++
		s.push(now, h, v.payload(first, key, temporal, n))
	}
}

// payload is a VP8 descriptor (RFC 7741 §4.2) with the frame's beginning behind it.
func (v *video) payload(first, key bool, temporal uint8, size int) []byte {
	b := make([]byte, 6, max(size, 20))
	b[0], b[1] = 0x80, 0xe0
	if first {
		b[0] |= 0x10
	}
	binary.BigEndian.PutUint16(b[2:], 1<<15|v.picture&0x7fff)
	b[4], b[5] = v.tl0, temporal<<6|0x20 // Y: every frame needs only layers below its own
	frame := []byte{1, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 0, 0}
	if key {
		frame[0] = 0
	}
	binary.LittleEndian.PutUint16(frame[6:], v.Width)
	binary.LittleEndian.PutUint16(frame[8:], v.Height)
	if first {
		b = append(b, frame...)
	}
	return b[:cap(b)]
}

// requests takes the feedback the core has for the publisher, and notes keyframe
// requests in it.
func (s *source) requests(now time.Time, at time.Duration) {
	const pli = 206<<8 | 1
	b := s.up.Tick(now, 10*time.Millisecond, nil)
	for len(b) >= 12 {
		if n := 4 + 4*int(binary.BigEndian.Uint16(b[2:])); int(b[1])<<8|int(b[0]&31) == pli {
			for _, v := range s.all {
				if v.ssrc == binary.BigEndian.Uint32(b[8:]) && v.wanted < 0 {
					v.wanted = at
				}
			}
			b = b[n:]
		} else {
			b = b[n:]
		}
	}
}
