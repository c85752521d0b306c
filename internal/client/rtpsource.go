package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An rtpSource takes RTP that another program sends to a UDP port.
type rtpSource struct {
	conn    net.PacketConn
	format  Format
	buf     []byte
	packet  rtp.Packet
	drained bool
	close   sync.Once
}

// ListenRTP opens a UDP port for the RTP packets of one stream, such as
// “ffmpeg -f rtp rtp://127.0.0.1:5004?pkt_size=1200” sends. The payload type does
// not matter; a sender that starts anew with another SSRC is continued. An
// address without a host listens on 127.0.0.1.
func ListenRTP(address string, format Format) (PacketSource, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is not HOST:PORT: %w", address, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if format.Fmtp == "" {
		format.Fmtp = fmtps(format.Codec)[0]
	}
	conn, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	if udp, ok := conn.(*net.UDPConn); ok {
		const keyframe = 4 << 20    // an unpaced keyframe fits, where the system allows
		udp.SetReadBuffer(keyframe) //nolint:errcheck // a smaller one works too
	}
	const largest = 65535
	return &rtpSource{conn: conn, format: format, buf: make([]byte, largest)}, nil
}

// ListenAddr returns where the source listens.
func (s *rtpSource) ListenAddr() net.Addr { return s.conn.LocalAddr() }

func (s *rtpSource) Format() Format       { return s.format }
func (s *rtpSource) Next() (Frame, error) { return Frame{}, errors.ErrUnsupported }
func (s *rtpSource) Rewind() error        { return ErrNoRewind }

func (s *rtpSource) Close() (err error) {
	s.close.Do(func() { err = s.conn.Close() })
	return err
}

// ReadRTP returns the next packet. What had come before the first call is
// dropped: live means from now on.
func (s *rtpSource) ReadRTP() (*rtp.Packet, error) {
	if !s.drained {
		s.drained = true
		if err := s.drain(); err != nil {
			return nil, eof(err)
		}
	}
	for {
		n, _, err := s.conn.ReadFrom(s.buf)
		if err != nil {
			return nil, eof(err)
		}
		if isRTCP(s.buf[:n]) {
			continue
		}
		s.packet = rtp.Packet{}
		if s.packet.Unmarshal(s.buf[:n]) == nil && len(s.packet.Payload) > 0 {
			return &s.packet, nil
		}
	}
}

// drain reads until nothing more is waiting.
func (s *rtpSource) drain() error {
	const most = 10000 // packets; a sender faster than this loop is not waited for
	for range most {
		if err := s.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			return err
		}
		if _, _, err := s.conn.ReadFrom(s.buf); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			break
		}
	}
	return s.conn.SetReadDeadline(time.Time{})
}

func eof(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return io.EOF
	}
	return err
}

// isRTCP tells RTCP from RTP on one port (RFC 5761 §4).
func isRTCP(b []byte) bool { return len(b) >= 2 && b[1] >= 192 && b[1] <= 223 }

// ParseCodec finds a codec by its name in any letter case.
func ParseCodec(name string) (codec.Name, error) {
	if n, ok := codec.ParseName(name); ok {
		return n, nil
	}
	return 0, fmt.Errorf("unknown codec %q: opus, pcmu, pcma, g722, h264, h265, vp8, vp9 or av1", name)
}
