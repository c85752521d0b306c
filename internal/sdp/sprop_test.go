package sdp_test

import (
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

// GStreamer says its parameter sets in the offer.
func TestParameterSetsOfTheOffer(t *testing.T) {
	o := parse(t, sdp.Publisher, sdptest.Recorded("gst-whip"))
	sets := o.Section(codec.Video).ParameterSets()[96]
	if len(sets) != 2 || sets[0][0]&0x1f != 7 || sets[1][0]&0x1f != 8 {
		t.Errorf("%x, want an SPS and a PPS", sets)
	}
	broken := sdptest.Base(sdptest.Replace("profile-level-id=42e01f", "profile-level-id=42e01f;sprop-parameter-sets=!!!"))
	if sets := parse(t, sdp.Publisher, broken).Section(codec.Video).ParameterSets(); len(sets) != 0 {
		t.Errorf("%x of a broken line", sets)
	}
}
