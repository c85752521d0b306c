package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An ivfSource reads an IVF file of VP8, VP9 or AV1.
type ivfSource struct {
	file   io.ReadSeekCloser
	format Format
	scale  uint64 // a timestamp unit is scale/rate seconds
	rate   uint64

	next    Frame // read ahead, to know how long the one before lasts
	nextErr error
	last    time.Duration // the last frame's duration
	spare   []byte
	number  int
}

const ivfHeader, ivfFrameHeader = 32, 12

func newIVFSource(file io.ReadSeekCloser) (*ivfSource, error) {
	var header [ivfHeader]byte
	if _, err := io.ReadFull(file, header[:]); err != nil || string(header[:4]) != "DKIF" {
		return nil, errors.New("not an IVF file")
	}
	s := &ivfSource{
		file: file, rate: uint64(binary.LittleEndian.Uint32(header[16:])), scale: uint64(binary.LittleEndian.Uint32(header[20:])),
	}
	switch fourCC := string(header[8:12]); fourCC {
	case "VP80":
		s.format = Format{Codec: codec.VP8}
	case "VP90":
		s.format = Format{Codec: codec.VP9, Fmtp: "profile-id=0"}
	case "AV01":
		s.format = Format{Codec: codec.AV1, Fmtp: "level-idx=5;profile=0;tier=0"}
	default:
		return nil, fmt.Errorf("an IVF file of an unknown codec %q", fourCC)
	}
	if s.rate == 0 || s.scale == 0 {
		return nil, errors.New("an IVF file without a time base")
	}
	if err := s.Rewind(); err != nil {
		return nil, err
	}
	if s.nextErr != nil {
		return nil, fmt.Errorf("an IVF file without frames: %w", s.nextErr)
	}
	return s, nil
}

func (s *ivfSource) Format() Format { return s.format }
func (s *ivfSource) Close() error   { return s.file.Close() }

func (s *ivfSource) Rewind() error {
	if _, err := s.file.Seek(ivfHeader, io.SeekStart); err != nil {
		return err
	}
	s.number, s.last = 0, 0
	s.next, s.nextErr = s.read(nil)
	return nil
}

func (s *ivfSource) Next() (Frame, error) {
	if s.nextErr != nil {
		return Frame{}, s.nextErr
	}
	f := s.next
	s.next, s.nextErr = s.read(s.spare)
	s.spare = f.Data // free again when the caller comes back
	if s.nextErr == nil {
		if s.next.At <= f.At {
			return Frame{}, fmt.Errorf("frame %d: timestamps do not rise", f.Number+1)
		}
		s.last = s.next.At - f.At
	}
	if s.last == 0 {
		s.last = time.Second / 30
	}
	f.Duration = s.last
	return f, nil
}

// read reads one frame into buf, which it may replace.
func (s *ivfSource) read(buf []byte) (Frame, error) {
	var header [ivfFrameHeader]byte
	if _, err := io.ReadFull(s.file, header[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the file ends inside a frame")
		}
		return Frame{}, err
	}
	size := binary.LittleEndian.Uint32(header[:])
	if size > maxFrame {
		return Frame{}, fmt.Errorf("frame %d claims to have %d bytes", s.number, size)
	}
	if cap(buf) < int(size) {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if _, err := io.ReadFull(s.file, buf); err != nil {
		return Frame{}, errors.New("the file ends inside a frame")
	}
	f := Frame{
		Data: buf, At: s.time(binary.LittleEndian.Uint64(header[4:])),
		Keyframe: isKeyframe(s.format.Codec, buf), Number: s.number,
	}
	s.number++
	return f, nil
}

// time converts a timestamp; absurd ones are cut so that nothing overflows.
func (s *ivfSource) time(units uint64) time.Duration {
	const century = 100 * 365 * 24 * 3600
	seconds := min(float64(units)*float64(s.scale)/float64(s.rate), century)
	return time.Duration(seconds * float64(time.Second))
}
