package client

import (
	"bytes"
	"net/url"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// Internals for the tests of package client_test.

// Assembler is the assembler.
type Assembler struct{ a *assembler }

func NewAssembler(name codec.Name) *Assembler { return &Assembler{newAssembler(name)} }

// Push returns the frames that became whole, damaged ones marked with '!'.
func (a *Assembler) Push(now time.Time, p *rtp.Packet) (frames []string) {
	for _, f := range a.a.push(now, p, nil) {
		text := string(f.data)
		if f.damaged {
			text = "!" + text
		}
		frames = append(frames, text)
	}
	return frames
}

func (a *Assembler) Lost() int64 { return a.a.lost }

// Meter is the trackMeter.
type Meter struct{ m trackMeter }

func (m *Meter) Number(seq uint16) bool {
	fresh := m.m.number(seq)
	if fresh {
		m.m.Packets++
	}
	return fresh
}
func (m *Meter) Lost() int64 { m.m.Codec = codec.VP8; return m.m.now().Lost }

// OpenBytes opens a file by its ending.
func OpenBytes(ending string, data []byte) (Source, error) {
	f := memory{bytes.NewReader(data)}
	switch ending {
	case ".ivf":
		return source(newIVFSource(f))
	case ".h264":
		return source(newAnnexBSource(f, codec.H264, 0))
	case ".h265":
		return source(newAnnexBSource(f, codec.H265, 0))
	}
	return source(newOggSource(f))
}

func ParseLinks(fields []string, base *url.URL) []Link { return parseLinks(fields, base) }

func StartsKeyframe(name codec.Name, payload []byte) bool { return startsKeyframe(name, payload) }
func IsKeyframe(name codec.Name, frame []byte) bool       { return isKeyframe(name, frame) }

// Payloads cuts a frame as a publisher does.
func Payloads(name codec.Name, mtu uint16, frame []byte) [][]byte {
	return newPayloader(name).Payload(mtu, frame)
}

// FrameRate reads the rate an H.264 stream tells; 30 if it tells none.
func FrameRate(frame []byte) float64 { return frameRate(codec.H264, frame) }
