package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Recorder writes whole frames to files: video to .ivf (VP8, VP9, AV1), .h264
// or .h265, from a keyframe on; Opus to .ogg. Where frames were lost, video goes
// on at the next keyframe, and sound keeps its length. Safe for concurrent use.
type Recorder struct {
	mu           sync.Mutex // guards everything
	video, audio *recording
}

// spliceStep is the time between the last picture of one session and the first one of the
// next in a file, in RTP units: a frame's.
const spliceStep = 3000

// A recording is one file.
type recording struct {
	path   string
	file   *os.File
	ending string

	codec   codec.Name // 0 before the first frame
	waiting bool       // for a keyframe
	spliced bool       // timestamps begin anew with the next frame
	frames  int
	last    uint32 // timestamp of the last frame
	elapsed uint64 // RTP units from the first frame to it

	ogg       *oggwriter.OggWriter
	expected  uint32 // timestamp of the next sound packet
	firstByte byte   // of the last sound packet: its configuration
}

// NewRecorder creates the files; "" records none of that kind. The endings decide
// the format: .ivf, .h264 or .h265, and .ogg or .opus.
func NewRecorder(videoPath, audioPath string) (*Recorder, error) {
	r := &Recorder{}
	var err error
	if r.video, err = newRecording(videoPath, ".ivf", ".h264", ".h265"); err != nil {
		return nil, err
	}
	if r.audio, err = newRecording(audioPath, ".ogg", ".opus"); err != nil {
		r.Close() //nolint:errcheck // the first error counts
		return nil, err
	}
	return r, nil
}

func newRecording(path string, endings ...string) (*recording, error) {
	if path == "" {
		return nil, nil
	}
	ending := strings.ToLower(filepath.Ext(path))
	for _, known := range endings {
		if ending == known {
			file, err := os.Create(path)
			if err != nil {
				return nil, err
			}
			return &recording{path: path, file: file, ending: ending, waiting: true}, nil
		}
	}
	return nil, fmt.Errorf("cannot write %s: the name must end in %s", path, strings.Join(endings, " or "))
}

// Splice says that what comes from now on is of another session, which must be the only
// one: video goes on at its first keyframe, and time from where it stood.
func (r *Recorder) Splice() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range []*recording{r.video, r.audio} {
		if rec != nil && rec.codec != 0 {
			rec.waiting, rec.spliced = true, true
		}
	}
}

// write adds one frame of a track.
func (r *Recorder) write(name codec.Name, f Frame, timestamp uint32, damaged bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.video
	if name.Kind() == codec.Audio {
		rec = r.audio
	}
	if rec == nil || rec.file == nil {
		return nil
	}
	if rec.codec == 0 {
		if err := rec.begin(name, f, timestamp); err != nil || rec.codec == 0 {
			return err
		}
	}
	if rec.codec != name {
		return fmt.Errorf("%s: the stream changed from %s to %s", rec.path, rec.codec, name)
	}
	if name.Kind() == codec.Audio {
		return rec.writeSound(f.Data, timestamp)
	}
	return rec.writePicture(f, timestamp, damaged)
}

// begin writes the file's header before the first frame; video starts at a keyframe.
func (r *recording) begin(name codec.Name, f Frame, timestamp uint32) error {
	if !f.Keyframe {
		return nil
	}
	if want := endingOf(name); want != r.ending && !(want == ".ogg" && r.ending == ".opus") {
		if want == "" {
			return fmt.Errorf("%s cannot be written to a file", name)
		}
		return fmt.Errorf("%s: the stream is %s, which goes into a %s file", r.path, name, want)
	}
	r.codec, r.last, r.expected = name, timestamp, timestamp
	switch r.ending {
	case ".ivf":
		_, err := r.file.Write(ivfFileHeader(name, f.Data))
		return err
	case ".ogg", ".opus":
		r.file.Close() //nolint:errcheck // the writer opens it anew, to mark the end in it
		var err error
		r.ogg, err = oggwriter.New(r.path, name.ClockRate(), 2)
		return err
	}
	return nil
}

func endingOf(name codec.Name) string {
	switch name {
	case codec.VP8, codec.VP9, codec.AV1:
		return ".ivf"
	case codec.H264:
		return ".h264"
	case codec.H265:
		return ".h265"
	case codec.Opus:
		return ".ogg"
	}
	return ""
}

// ivfFileHeader counts time in RTP units of video.
func ivfFileHeader(name codec.Name, keyframe []byte) []byte {
	h := make([]byte, ivfHeader)
	copy(h, "DKIF")
	h[6] = ivfHeader
	copy(h[8:], map[codec.Name]string{codec.VP8: "VP80", codec.VP9: "VP90", codec.AV1: "AV01"}[name])
	if name == codec.VP8 && len(keyframe) >= 10 {
		copy(h[12:16], keyframe[6:10]) // RFC 6386 §9.1
		h[13] &= 0x3f                  // without the scale bits
		h[15] &= 0x3f
	}
	binary.LittleEndian.PutUint32(h[16:], 90000)
	binary.LittleEndian.PutUint32(h[20:], 1)
	return h
}

func (r *recording) writePicture(f Frame, timestamp uint32, damaged bool) error {
	r.waiting = (r.waiting || damaged) && !f.Keyframe
	if r.waiting {
		return nil
	}
	r.frames++
	if r.spliced {
		r.spliced, r.last = false, timestamp-spliceStep
	}
	r.elapsed += uint64(max(0, int64(int32(timestamp-r.last)))) // 32 bits wrap after 13 hours
	r.last = timestamp
	if r.ending == ".ivf" {
		header := make([]byte, ivfFrameHeader)
		binary.LittleEndian.PutUint32(header, uint32(len(f.Data)))
		binary.LittleEndian.PutUint64(header[4:], r.elapsed)
		if _, err := r.file.Write(header); err != nil {
			return err
		}
	}
	_, err := r.file.Write(f.Data)
	return err
}

// writeSound fills holes of up to a second with empty packets, which decoders
// conceal (RFC 6716 §2.1.7), so that sound keeps its length.
func (r *recording) writeSound(packet []byte, timestamp uint32) error {
	length, err := opusDuration(packet)
	if err != nil {
		return nil // a broken packet is as good as lost
	}
	if r.spliced {
		r.spliced, r.expected = false, timestamp
	}
	const second = 48000
	fill := opusFrame(r.firstByte >> 3)
	step := uint32(fill.Seconds() * second)
	for hole := timestamp - r.expected; r.frames > 0 && hole >= step && hole <= second; hole -= step {
		if err := r.writeOpus([]byte{r.firstByte &^ 3}); err != nil {
			return err
		}
	}
	r.firstByte, r.expected = packet[0], timestamp+uint32(length.Seconds()*second)
	return r.writeOpus(packet)
}

func (r *recording) writeOpus(packet []byte) error {
	r.frames++
	return r.ogg.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2}, Payload: packet})
}

// Frames returns how many video frames and sound packets have been written.
func (r *Recorder) Frames() (video, audio int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.video != nil {
		video = r.video.frames
	}
	if r.audio != nil {
		audio = r.audio.frames
	}
	return video, audio
}

// Close completes and closes the files. Frames that come later are dropped.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.video.close(), r.audio.close())
}

func (r *recording) close() error {
	if r == nil || r.file == nil {
		return nil
	}
	file := r.file
	r.file = nil
	if r.ogg != nil {
		return r.ogg.Close() // closes the file
	}
	if r.ending != ".ivf" || r.codec == 0 {
		return file.Close()
	}
	count := binary.LittleEndian.AppendUint32(nil, uint32(r.frames))
	file.WriteAt(count, 24) //nolint:errcheck // the number of frames is a courtesy; a pipe cannot take it
	return file.Close()
}
