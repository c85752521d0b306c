package nodetest_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// high is H.264 whose parameter set says High, level 3, while its offer says 42e01f, as
// that of OBS does.
type high struct {
	client.Source
	t testing.TB
}

func (h *high) Next() (client.Frame, error) {
	f, err := h.Source.Next()
	if err != nil || !f.Keyframe {
		return f, err
	}
	start := []byte{0, 0, 0, 1, 0x67}
	_, rest, found := bytes.Cut(f.Data, start)
	i := bytes.Index(rest, start[:4])
	if !found || i < 0 {
		h.t.Error("a keyframe without parameter set")
		return f, nil
	}
	// High profile, level 3, 640×360 at 30 frames a second.
	sps, err := hex.DecodeString("64001eacd940a02ff970110000030001000003003c0f162d96")
	f.Data = slices.Concat(start, sps, rest[i:])
	return f, err
}

// withTypes leaves only these payload types in the video section of an offer.
func withTypes(offer string, types ...int) string {
	var want []string
	for _, pt := range types {
		want = append(want, strconv.Itoa(pt))
	}
	lines := strings.SplitAfter(offer, "\r\n")
	video := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, "m=video ") })
	lines[video] = strings.Join(strings.Fields(lines[video])[:3], " ") + " " + strings.Join(want, " ") + "\r\n"
	head, tail := lines[:video+1], lines[video+1:]
	tail = slices.DeleteFunc(tail, func(s string) bool {
		for _, name := range []string{"a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"} {
			if rest, ok := strings.CutPrefix(s, name); ok {
				pt, _, _ := strings.Cut(rest, " ")
				return !slices.Contains(want, pt)
			}
		}
		return false
	})
	return strings.Join(head, "") + strings.Join(tail, "")
}

// TestE19_MislabelledHigh: subscribers get it whatever profile they offer, as the payload
// type of the format that the publisher named, if they have it.
func TestE19_MislabelledHigh(t *testing.T) {
	const baseline, constrained, mode0 = 98, 96, 104 // of the client's H.264 formats
	const highProfile = 102
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", func(o *client.PublishOptions) {
			source := nodetest.Video(t, client.SyntheticOptions{Codec: codec.H264})
			o.Video[0].Source = &high{source, t}
		})
		w.Run(time.Second)
		for name, c := range map[string]struct {
			types []int
			want  uint8
		}{
			"both":             {[]int{highProfile, highProfile + 1, constrained, constrained + 1}, constrained},
			"all":              {[]int{mode0, highProfile, baseline, constrained}, constrained},
			"high only":        {[]int{highProfile, highProfile + 1}, highProfile},
			"constrained only": {[]int{constrained, constrained + 1}, constrained},
			"baseline only":    {[]int{baseline}, baseline},
		} {
			sub := w.Subscribe("studio", func(o *client.PlayOptions) {
				o.Codecs = []codec.Name{codec.Opus, codec.H264}
				o.EditOffer = func(offer string) string {
					return strings.ReplaceAll(withTypes(offer, c.types...), "=640032", "=640033")
				}
			})
			w.Run(time.Second)
			sub.WantMedia(3 * time.Second)
			if got := sub.Stats().Video.PayloadType; got != c.want {
				t.Errorf("%s: payload type %d, want %d", name, got, c.want)
			}
			sub.Leave()
		}
		_, err := w.Host(nodetest.Link{}).TrySubscribe("studio", func(o *client.PlayOptions) {
			o.Codecs = []codec.Name{codec.Opus, codec.H264}
			o.EditOffer = func(offer string) string { return withTypes(offer, mode0) }
		})
		if err == nil || !strings.Contains(err.Error(), "packetization-mode=1") {
			t.Errorf("another packetization mode: %v", err)
		}
	})
}
