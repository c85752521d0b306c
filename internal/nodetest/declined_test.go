package nodetest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// videoOf returns the answer's video section and whether BUNDLE holds it.
func videoOf(t *testing.T, answer string) (section *sdp.MediaDescription, bundled bool) {
	t.Helper()
	var s sdp.SessionDescription
	if err := s.UnmarshalString(answer); err != nil {
		t.Fatal(err)
	}
	if len(s.MediaDescriptions) != 2 || s.MediaDescriptions[1].MediaName.Media != "video" {
		t.Fatalf("the answer is\n%s", answer)
	}
	section = s.MediaDescriptions[1]
	mid, _ := section.Attribute("mid")
	group, _ := s.Attribute("group")
	return section, mid != "" && slices.Contains(strings.Fields(group)[1:], mid)
}

// wantDeclined holds a section to what browsers demand of one that is declined.
func wantDeclined(t *testing.T, offer, answer string) {
	t.Helper()
	section, bundled := videoOf(t, answer)
	offered, _ := videoOf(t, offer)
	if section.MediaName.Port.Value != 0 || bundled {
		t.Errorf("port %d, in BUNDLE %v", section.MediaName.Port.Value, bundled)
	}
	for _, name := range []string{"mid", "inactive", "rtcp-mux"} {
		want, _ := offered.Attribute(name)
		if got, ok := section.Attribute(name); !ok || got != want {
			t.Errorf("a=%s:%s, offered was %q", name, got, want)
		}
	}
	if formats := section.MediaName.Formats; len(formats) == 0 || !slices.Contains(offered.MediaName.Formats, formats[0]) {
		t.Errorf("formats %q, offered were %q", formats, offered.MediaName.Formats)
	}
}

// wantSound wants all the sound of a while, and no video.
func wantSound(t *testing.T, w *nodetest.World, sub *nodetest.Subscriber) {
	t.Helper()
	before := sub.Stats().Audio.Packets
	w.Run(5 * time.Second)
	if n := sub.Stats().Audio.Packets - before; n < 240 {
		t.Errorf("%d packets of sound in 5 s", n)
	}
	if n := sub.Stats().Video.Packets; n != 0 {
		t.Errorf("%d packets of video", n)
	}
}

// TestE14_E15_SoundAlone: whoever offers both kinds gets the one there is, and the other
// section stays active, for a publisher that has pictures.
func TestE14_E15_SoundAlone(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		first := w.Publish("studio", func(o *client.PublishOptions) { o.Video = nil })
		w.Run(time.Second)
		sub := w.Subscribe("studio")
		section, bundled := videoOf(t, sub.Answer())
		if _, sends := section.Attribute("sendonly"); section.MediaName.Port.Value == 0 || !bundled || !sends {
			t.Errorf("port %d, in BUNDLE %v, sendonly %v", section.MediaName.Port.Value, bundled, sends)
		}
		wantSound(t, w, sub)
		first.Leave()
		w.Publish("studio")
		w.Run(2 * time.Second)
		sub.WantMedia(5 * time.Second)
	})
}

// TestE14_E15_UnknownVideoIsDeclined: the sound plays beside a section nobody can serve.
func TestE14_E15_UnknownVideoIsDeclined(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio")
		w.Run(time.Second)
		var posted string
		sub := w.Subscribe("studio", func(o *client.PlayOptions) {
			o.Codecs = []codec.Name{codec.Opus, codec.VP8}
			o.EditOffer = func(offer string) string {
				posted = strings.ReplaceAll(offer, "VP8/90000", "VP6/90000")
				return posted
			}
		})
		wantDeclined(t, posted, sub.Answer())
		wantSound(t, w, sub)
	})
}
