package sdp_test

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

// TestBandwidthOfPublishers: the lines stand where RFC 8866 §5 has them, in the video of a
// publisher's answer alone.
func TestBandwidthOfPublishers(t *testing.T) {
	for _, c := range []struct {
		role  sdp.Role
		offer string
		want  bool
	}{{sdp.Publisher, sdptest.Base(), true}, {sdp.Subscriber, sdptest.View(), false}} {
		o := parse(t, c.role, c.offer)
		a := ours(o)
		if got := string(o.Answer(a)); strings.Contains(got, "\r\nb=") {
			t.Errorf("without a bitrate: %s", got)
		}
		a.VideoBitrate = 2_500_999
		got := string(o.Answer(a))
		audio, video, _ := strings.Cut(got, "m=video")
		if strings.Contains(audio, "\r\nb=") {
			t.Errorf("not only in the video: %s", got)
		}
		if lines := "c=IN IP4 0.0.0.0\r\nb=AS:2500\r\nb=TIAS:2500999\r\na="; strings.Contains(video, lines) != c.want {
			t.Errorf("role %d: %s", c.role, video)
		}
	}
}

// TestSilence: what a subscriber may not have stays in the answer, without media, and the
// rest goes on.
func TestSilence(t *testing.T) {
	for kind, other := range map[codec.Kind]codec.Kind{codec.Audio: codec.Video, codec.Video: codec.Audio} {
		o := parse(t, sdp.Subscriber, sdptest.View())
		o.Silence(kind)
		o.Silence(kind) // harmless
		if o.Section(kind) != nil || o.Section(other) == nil {
			t.Fatalf("%v is not silent, or %v is", kind, other)
		}
		got := readAnswer(t, o.Answer(ours(o)))
		if len(got.MediaDescriptions) != 2 {
			t.Fatalf("%d sections", len(got.MediaDescriptions))
		}
		for _, m := range got.MediaDescriptions {
			_, inactive := m.Attribute("inactive")
			if silent := m.MediaName.Media == kind.String(); inactive != silent || m.MediaName.Port.Value == 0 {
				t.Errorf("%v silenced: %s is inactive=%t on port %d", kind, m.MediaName.Media, inactive, m.MediaName.Port.Value)
			}
		}
		if group, _ := got.SessionDescription.Attribute("group"); group != "BUNDLE 0 1" {
			t.Errorf("group %q", group)
		}
	}
}
