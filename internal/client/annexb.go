package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An annexBSource reads an H.264 or H.265 byte stream (H.264 Annex B), which has
// no timestamps: frames come at a fixed rate.
type annexBSource struct {
	file   io.ReadSeekCloser
	reader *bufio.Reader
	format Format
	fps    float64
	number int

	unit    []byte // the NAL unit being read, with its start code
	pending []byte // the first NAL unit of the next frame, read ahead
	data    []byte // the frame handed out
	ended   bool
}

// errBFrames: players show WebRTC video in decoding order.
var errBFrames = errors.New("the file has B-frames, which no WebRTC player can show: encode with -bf 0")

func newAnnexBSource(file io.ReadSeekCloser, name codec.Name, fps float64) (*annexBSource, error) {
	s := &annexBSource{file: file, reader: bufio.NewReaderSize(file, 64<<10), format: Format{Codec: name}}
	first, err := s.Next()
	if err != nil {
		return nil, fmt.Errorf("not an %s byte stream: %w", name, err)
	}
	if name == codec.H264 {
		if s.format.Fmtp, err = h264Fmtp(first.Data); err != nil {
			return nil, err
		}
	}
	if fps == 0 {
		fps = frameRate(name, first.Data)
	}
	if fps < 0.1 || fps > 1000 {
		return nil, fmt.Errorf("%g frames a second cannot be", fps)
	}
	s.fps = fps
	return s, s.Rewind()
}

func (s *annexBSource) Format() Format { return s.format }
func (s *annexBSource) Close() error   { return s.file.Close() }

func (s *annexBSource) Rewind() error {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s.reader.Reset(s.file)
	s.number, s.ended, s.pending, s.unit = 0, false, s.pending[:0], s.unit[:0]
	return nil
}

// Next returns the next access unit.
func (s *annexBSource) Next() (Frame, error) {
	s.data = append(s.data[:0], s.pending...)
	picture := len(s.pending) > 0 && s.isPicture(s.pending)
	s.pending = s.pending[:0]
	for !s.ended {
		nal, err := s.readNAL()
		if err != nil {
			return Frame{}, err
		}
		if picture && len(nal) > 0 && s.startsFrame(nal) {
			s.pending = append(s.pending, nal...)
			break
		}
		picture = picture || s.isPicture(nal)
		if s.data = append(s.data, nal...); len(s.data) > maxFrame {
			return Frame{}, fmt.Errorf("frame %d is larger than %d bytes", s.number, maxFrame)
		}
	}
	if !picture {
		if s.number == 0 {
			return Frame{}, errors.New("no picture in it")
		}
		return Frame{}, io.EOF
	}
	return s.newFrame()
}

func (s *annexBSource) newFrame() (Frame, error) {
	if s.format.Codec == codec.H264 && hasNAL(s.data, isBSlice) {
		return Frame{}, errBFrames
	}
	f := Frame{
		Data: s.data, At: s.time(s.number), Duration: s.time(s.number+1) - s.time(s.number),
		Keyframe: isKeyframe(s.format.Codec, s.data), Number: s.number,
	}
	s.number++
	return f, nil
}

// time returns when frame n is due; 0 while the rate is not known.
func (s *annexBSource) time(n int) time.Duration {
	if s.fps == 0 {
		return 0
	}
	return time.Duration(float64(n) / s.fps * float64(time.Second))
}

// readNAL returns the next NAL unit with a start code, nothing at the end. It
// stays valid until the call after.
func (s *annexBSource) readNAL() ([]byte, error) {
	s.unit = append(s.unit[:0], 0, 0, 0, 1)
	zeros, started := 0, false
	for {
		b, err := s.reader.ReadByte()
		if errors.Is(err, io.EOF) {
			s.ended = true
			return s.finished(), nil
		}
		if err != nil {
			return nil, err
		}
		if b == 1 && zeros >= 2 {
			if unit := s.finished(); unit != nil {
				return unit, nil
			}
			started, zeros = true, 0
			continue
		}
		zeros = countZeros(zeros, b)
		if !started && s.number == 0 && len(s.pending) == 0 && len(s.data) == 0 {
			if b != 0 {
				return nil, errors.New("it does not begin with a start code")
			}
			continue
		}
		if s.unit = append(s.unit, b); len(s.unit) > maxFrame {
			return nil, fmt.Errorf("a NAL unit is larger than %d bytes", maxFrame)
		}
	}
}

func countZeros(zeros int, b byte) int {
	if b == 0 {
		return zeros + 1
	}
	return 0
}

// finished returns the unit without the zeros that belong to the next start
// code; nil if nothing is left.
func (s *annexBSource) finished() []byte {
	const startCode = 4
	body := trimZeros(s.unit[startCode:])
	if len(body) == 0 {
		s.unit = s.unit[:startCode]
		return nil
	}
	return s.unit[:startCode+len(body)]
}

// isPicture tells whether the unit (with its start code) is coded picture data.
func (s *annexBSource) isPicture(unit []byte) bool {
	if len(unit) < 6 {
		return false
	}
	if s.format.Codec == codec.H265 {
		return unit[4]>>1&0x3f < h265VPS
	}
	t := unit[4] & 0x1f
	return t >= h264Slice && t <= h264IDR
}

// startsFrame tells whether the unit begins a new access unit when the current
// one has a picture already (H.264 §7.4.1.2.3, H.265 §7.4.2.4.4).
func (s *annexBSource) startsFrame(unit []byte) bool {
	if len(unit) < 7 {
		return true
	}
	if s.format.Codec == codec.H265 {
		t := unit[4] >> 1 & 0x3f
		if t < h265VPS {
			return unit[6]&0x80 != 0 // first_slice_segment_in_pic_flag
		}
		return t <= 35 || t == 39 || t >= 41 && t <= 44 || t >= 48 && t <= 55
	}
	switch t := unit[4] & 0x1f; {
	case t >= h264Slice && t <= h264IDR:
		return unit[5]&0x80 != 0 // first_mb_in_slice is 0
	default:
		return t >= 6 && t <= h264AUD || t >= 14 && t <= 18
	}
}
