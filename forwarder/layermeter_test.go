package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// keyframes publishes 30 pictures a second of 1,000 bytes each. Keyframes are ten times as large.
type keyframes struct {
	p   *forwarder.Publisher
	now time.Time
	seq uint16
	n   int
}

func (k *keyframes) picture(t *testing.T, key bool) {
	t.Helper()
	parts := 1
	if key {
		parts = 10
	}
	for i := range parts {
		b := make([]byte, 1000)
		copy(b, vp8Frame(key))
		if i > 0 {
			b[0] = 0
		}
		k.p.HandleRTP(k.now, packet(t, 7, upVideo, k.seq, uint32(k.n*3000), i == parts-1, b))
		k.seq++
	}
	k.n++
	k.now = k.now.Add(time.Second / 30)
}

// rates publishes for some time and returns the least and the highest bitrate of the layer, in
// kbit/s, after a settling time. every is how many pictures there are to a keyframe.
func (k *keyframes) rates(t *testing.T, pictures, every, settle int) (least, most int64) {
	t.Helper()
	least = 1 << 40
	for i := range pictures {
		k.picture(t, i%every == 0)
		if all := k.p.Best(codec.Video).Layers(); i >= settle && len(all) > 0 {
			least, most = min(least, all[0].Bitrate/1000), max(most, all[0].Bitrate/1000)
		}
	}
	return least, most
}

// A keyframe that was asked for makes no layer larger: who steps up for it would go down again.
// Keyframes that come all the time count in full.
func TestAKeyframeMakesNoLayerLarger(t *testing.T) {
	const plain = 30 * 8 // kbit/s of pictures but keyframes
	k := &keyframes{p: publisherOf(codec.VideoLayers, vp8), now: start}
	k.rates(t, 600, 1000, 0)
	if least, most := k.rates(t, 300, 1000, 0); least < plain*95/100 || most > plain*108/100 {
		t.Errorf("one keyframe: %d to %d kbit/s, want about %d", least, most, plain)
	}
	for _, every := range []int{7, 15, 30, 60} {
		want := int64(plain * (every + 9) / every)
		if least, most := k.rates(t, 1800, every, 900); least < want*85/100 || most > want*115/100 {
			t.Errorf("a keyframe each %d pictures: %d to %d kbit/s, want about %d", every, least, most, want)
		}
	}
}
