package client

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client/clip"
)

// clipLength is how long the clip is. Some of its pictures are a loop of two seconds.
const clipLength = 10 * time.Second

// Clip returns the built-in clip: video in the codec (H264 or VP8) with a
// keyframe every interval (1, 2 or 10 s), and Opus sound. The zero codec is
// H264, the zero interval 2 s.
func Clip(name codec.Name, interval time.Duration) (video, audio Source, err error) {
	if interval == 0 {
		interval = 2 * time.Second
	}
	if name == 0 {
		name = codec.H264
	}
	switch name {
	case codec.H264:
		video, err = fromMemory(clip.H264(interval), func(f io.ReadSeekCloser) (Source, error) {
			return source(newAnnexBSource(f, codec.H264, clip.FPS))
		})
	case codec.VP8:
		video, err = fromMemory(clip.VP8(interval), func(f io.ReadSeekCloser) (Source, error) { return source(newIVFSource(f)) })
	default:
		err = fmt.Errorf("the clip comes in H264 and VP8, not in %s", name)
	}
	if err != nil {
		return nil, nil, err
	}
	audio, err = ClipAudio()
	return repeat(video, clipLength), audio, err
}

// ClipAudio returns the sound of the built-in clip.
func ClipAudio() (Source, error) {
	return fromMemory(clip.Opus(), func(f io.ReadSeekCloser) (Source, error) { return source(newOggSource(f)) })
}

// source makes an interface of a constructor's result, a true nil on error.
func source[S Source](s S, err error) (Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func fromMemory(data []byte, open func(io.ReadSeekCloser) (Source, error)) (Source, error) {
	if data == nil {
		return nil, fmt.Errorf("the clip has keyframes every 1, 2 or 10 s")
	}
	return open(memory{bytes.NewReader(data)})
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// OpenVideo opens a file by its name's ending: .ivf (VP8, VP9, AV1), .h264 or
// .264, .h265, .265 or .hevc. fps is the frame rate of byte streams; 0 takes what
// an H.264 stream tells, else 30.
func OpenVideo(path string, fps float64) (Source, error) {
	return openFile(path, func(f *os.File) (Source, error) {
		switch strings.ToLower(filepath.Ext(path)) {
		case ".ivf":
			return source(newIVFSource(f))
		case ".h264", ".264":
			return source(newAnnexBSource(f, codec.H264, fps))
		case ".h265", ".265", ".hevc":
			return source(newAnnexBSource(f, codec.H265, fps))
		}
		return nil, fmt.Errorf("video comes from .ivf, .h264 or .h265 files, not from this kind")
	})
}

// OpenAudio opens an Ogg file of Opus sound (.ogg or .opus).
func OpenAudio(path string) (Source, error) {
	return openFile(path, func(f *os.File) (Source, error) { return source(newOggSource(f)) })
}

func openFile(path string, open func(*os.File) (Source, error)) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := open(f)
	if err != nil {
		f.Close() //nolint:errcheck // reading only
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
