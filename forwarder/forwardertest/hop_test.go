package forwardertest

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// linked puts links between the publisher and the subscribers of a world.
func linked(o Options, links int, loss float64) Options {
	o = smooth(o)
	o.Links, o.Link = links, Network{Delay: 5 * time.Millisecond, Loss: loss}
	return o
}

// TestLinkedLayersPass: all layers go through a link to who wants all of them.
func TestLinkedLayersPass(t *testing.T) {
	for name, o := range layered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(1, linked(o, 1, 0))
			w.Run(10 * time.Second)
			w.checkEnd(time.Second)
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// linkedWorld runs a world whose subscribers select layers at random behind a link or two, of
// which only what somebody wants travels. Links may lose packets, subscribers come and go, and
// keyframes be rare.
func linkedWorld(name string, seed uint64) error {
	o := linked(layered()[name], 1+int(seed%2), []float64{0, 0.02}[seed/2%2])
	o.Select, o.Calm = time.Second, 10*time.Second
	if seed%3 == 1 {
		o.Rejoin, o.Interval, o.IgnoreRequests = 4*time.Second, 6*time.Second, true
		o.Calm = 0
	}
	w := New(seed, o)
	w.Run(30 * time.Second)
	return w.Err()
}

// TestLinkedSwitches does so with all kinds of layers. WHIPPET_LINK_SEEDS is with how many
// seeds.
func TestLinkedSwitches(t *testing.T) {
	seeds := 4
	if n, err := strconv.Atoi(os.Getenv("WHIPPET_LINK_SEEDS")); err == nil {
		seeds = n
	}
	for name := range layered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				if err := linkedWorld(name, seed); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
}

// TestLinkedSeeds are seeds that found something: temporal layers that are entered with a later
// spatial layer of a picture; packets lost where a link became narrower.
func TestLinkedSeeds(t *testing.T) {
	for _, seed := range []uint64{13, 19} {
		o := linked(layered()["av1 mixed"], 1, 0.02)
		o.Select, o.Calm = time.Second, 10*time.Second
		w := New(seed, o)
		w.Run(30 * time.Second)
		if err := w.Err(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// TestLinkCarriesWhatIsWanted: what comes over a link of two is the layers that somebody wants,
// and the beginning of what belongs to others alone, by which these are known; and all of it
// again when somebody wants that.
func TestLinkCarriesWhatIsWanted(t *testing.T) {
	for _, name := range []string{"vp8", "vp9 full", "vp9 key", "vp9 groups", "av1 full", "av1 key", "h264 fixed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := linked(layered()[name], 2, 0)
			o.VideoOnly, o.Encodings, o.Subscribers, o.Bitrate, o.PacketBytes, o.Calm = true, 1, 2, 1_000_000, 1000, time.Hour
			w := New(3, o)
			w.Run(5 * time.Second)
			all, _ := w.linkBytes(5 * time.Second)
			w.selectAll(0, 0)
			w.Run(7 * time.Second) // twice wantLayerTime at each link, and the next picture
			low, packets := w.linkBytes(5 * time.Second)
			layers := w.pub.core.Best(codec.Video).Layers()
			whole := float64(layers[len(layers)-1].Bitrate) / 8 * 5
			want := float64(layers[0].Bitrate) / 8 * 5
			for i, b := range low {
				if float64(b) < 0.9*want || float64(b) > 1.2*want+24*float64(packets) || float64(all[i]) < 0.9*whole {
					t.Errorf("link %d: %d bytes, %d while all is wanted; the lowest layer has %.0f, all %.0f, of %d packets",
						i, b, all[i], want, whole, packets)
				}
			}
			w.selectAll(w.opt.Layers.Spatial-1, w.opt.Layers.Temporal-1)
			w.Run(2 * time.Second)
			w.becalm()
			again, _ := w.linkBytes(5 * time.Second)
			for i, b := range again {
				if float64(b) < 0.9*whole {
					t.Errorf("link %d: %d bytes when all is wanted again, of %.0f", i, b, whole)
				}
			}
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// linkBytes lets the world go on and returns how many bytes of payload cross each link meanwhile,
// and how many packets the publisher sends.
func (w *World) linkBytes(d time.Duration) (bytes []int, packets uint32) {
	before, s := w.LinkBytes(), w.pub.streams[0]
	first := s.seq
	w.Run(d)
	bytes = w.LinkBytes()
	for i := range bytes {
		bytes[i] -= before[i]
	}
	return bytes, s.seq - first
}

// selectAll lets all subscribers select one layer.
func (w *World) selectAll(spatial, temporal int) {
	l := [2]uint8{uint8(spatial), uint8(temporal)}
	for _, s := range w.subs {
		s.picks.want = forwarder.Selection{Exact: true, RID: rid(0), Spatial: &l[0], Temporal: &l[1]}
		s.core.Select(s.picks.want)
		s.pull()
	}
}
