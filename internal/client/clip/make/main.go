// Command make writes the raw pictures or sound of the built-in clip to standard
// output, for make.sh to encode: "make picture FRAMES" as YUV4MPEG2,
// "make tone SAMPLES SKIP" as 16-bit stereo.
package main

import (
	"bufio"
	"fmt"
	"image"
	"os"
	"strconv"

	"github.com/whippet-media/whippet/internal/client/clip"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	out := bufio.NewWriter(os.Stdout)
	switch {
	case len(args) == 2 && args[0] == "picture":
		if err := pictures(out, args[1]); err != nil {
			return err
		}
	case len(args) == 3 && args[0] == "tone":
		if err := tone(out, args[1], args[2]); err != nil {
			return err
		}
	default:
		return fmt.Errorf("usage: make picture FRAMES | make tone SAMPLES SKIP")
	}
	return out.Flush()
}

func pictures(out *bufio.Writer, count string) error {
	frames, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420mpeg2\n", clip.Width, clip.Height, clip.FPS)
	img := image.NewYCbCr(image.Rect(0, 0, clip.Width, clip.Height), image.YCbCrSubsampleRatio420)
	for n := range frames {
		clip.Draw(n, img)
		fmt.Fprintln(out, "FRAME")
		for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
			if _, err := out.Write(plane); err != nil {
				return err
			}
		}
	}
	return nil
}

// tone begins SKIP samples into the clip: what an encoder looks ahead.
func tone(out *bufio.Writer, count, skip string) error {
	samples, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(skip)
	if err != nil {
		return err
	}
	pcm := make([]int16, 2*samples)
	clip.Tone(at, pcm)
	for _, s := range pcm {
		if _, err := out.Write([]byte{byte(s), byte(s >> 8)}); err != nil {
			return err
		}
	}
	return nil
}
