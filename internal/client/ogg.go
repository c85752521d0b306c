package client

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An oggSource reads the first Opus stream of an Ogg file (RFC 3533, RFC 7845).
// Packets may be many on a page or go over several.
type oggSource struct {
	file   io.ReadSeekCloser
	reader *bufio.Reader

	serial  uint32
	lacing  []byte // segment sizes left on the current page
	packet  []byte // the packet being put together
	at      time.Duration
	number  int
	started bool // the serial is known
}

var errNotOpus = errors.New("not an Ogg file of Opus sound")

// maxForeignPages bounds how many pages of other streams are skipped in a row.
const maxForeignPages = 10000

func newOggSource(file io.ReadSeekCloser) (*oggSource, error) {
	s := &oggSource{file: file, reader: bufio.NewReader(file)}
	if err := s.Rewind(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *oggSource) Format() Format {
	return Format{codec.Opus, "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"}
}
func (s *oggSource) Close() error { return s.file.Close() }

// Rewind goes to the first sound, behind the two header packets.
func (s *oggSource) Rewind() error {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s.reader.Reset(s.file)
	s.lacing, s.packet, s.at, s.number, s.started = nil, s.packet[:0], 0, 0, false
	for _, magic := range []string{"OpusHead", "OpusTags"} {
		packet, err := s.readPacket()
		if err != nil || !bytes.HasPrefix(packet, []byte(magic)) {
			return errNotOpus
		}
	}
	return nil
}

func (s *oggSource) Next() (Frame, error) {
	packet, err := s.readPacket()
	if err != nil {
		return Frame{}, err
	}
	length, err := opusDuration(packet)
	if err != nil {
		return Frame{}, fmt.Errorf("packet %d: %w", s.number, err)
	}
	f := Frame{Data: packet, At: s.at, Duration: length, Keyframe: true, Number: s.number}
	s.at += length
	s.number++
	return f, nil
}

// readPacket joins segments to the next packet; it stays valid until the call after.
func (s *oggSource) readPacket() ([]byte, error) {
	s.packet = s.packet[:0]
	for {
		for len(s.lacing) == 0 {
			if err := s.readPage(); err != nil {
				return nil, err
			}
		}
		size := s.lacing[0]
		s.lacing = s.lacing[1:]
		from := len(s.packet)
		s.packet = append(s.packet, make([]byte, size)...)
		if _, err := io.ReadFull(s.reader, s.packet[from:]); err != nil {
			return nil, errors.New("the file ends inside a packet")
		}
		if size < 255 {
			return s.packet, nil
		}
		const longest = 64 << 10 // RFC 7845 §6 allows 61,440 bytes
		if len(s.packet) > longest {
			return nil, fmt.Errorf("packet %d is longer than %d bytes", s.number, longest)
		}
	}
}

// readPage reads the next page header of our stream.
func (s *oggSource) readPage() error {
	for range maxForeignPages {
		var header [27]byte
		if _, err := io.ReadFull(s.reader, header[:]); err != nil {
			return io.EOF // also what is left of a cut page
		}
		if string(header[:5]) != "OggS\x00" {
			return errors.New("the Ogg file is damaged")
		}
		lacing := make([]byte, header[26])
		if _, err := io.ReadFull(s.reader, lacing); err != nil {
			return io.EOF
		}
		serial := binary.LittleEndian.Uint32(header[14:])
		if !s.started {
			s.started, s.serial = true, serial
		}
		if serial == s.serial {
			s.lacing = lacing
			return nil
		}
		if err := s.skip(lacing); err != nil {
			return io.EOF
		}
	}
	return errors.New("the Ogg file has too many streams")
}

func (s *oggSource) skip(lacing []byte) error {
	total := 0
	for _, size := range lacing {
		total += int(size)
	}
	_, err := s.reader.Discard(total)
	return err
}

// opusDuration reads a packet's length from its first bytes (RFC 6716 §3.1).
func opusDuration(packet []byte) (time.Duration, error) {
	if len(packet) == 0 {
		return 0, errors.New("an empty Opus packet")
	}
	frames := 2
	switch packet[0] & 3 {
	case 0:
		frames = 1
	case 3:
		if len(packet) < 2 {
			return 0, errors.New("a cut Opus packet")
		}
		frames = int(packet[1] & 63)
	}
	length := time.Duration(frames) * opusFrame(packet[0]>>3)
	if frames == 0 || length > 120*time.Millisecond {
		return 0, errors.New("a broken Opus packet")
	}
	return length, nil
}

// opusFrame returns the frame size of a configuration (RFC 6716 table 2).
func opusFrame(config byte) time.Duration {
	switch {
	case config < 12: // SILK
		return []time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16: // hybrid
		return []time.Duration{10, 20}[config&1] * time.Millisecond
	}
	return 2500 * time.Microsecond << (config & 3) // CELT
}
