package forwardertest

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// layered is what publishers send, by codec; the sweep makes its switches with each.
func layered() map[string]Options {
	return map[string]Options{
		"vp8":           {Codec: codec.VP8, Encodings: 4, Layers: Layers{Temporal: 3}},
		"vp8 narrow":    {Codec: codec.VP8, Encodings: 2, Layers: Layers{Temporal: 2}, NarrowIDs: true},
		"vp8 described": {Codec: codec.VP8, Encodings: 3, Layers: Layers{Temporal: 3}, Descriptor: true},
		"vp9 full":      {Codec: codec.VP9, Layers: Layers{Spatial: 3, Temporal: 3}, Flexible: true},
		"vp9 key":       {Codec: codec.VP9, Layers: Layers{Spatial: 3, Temporal: 3, KeyOnly: true}, Flexible: true, NarrowIDs: true},
		"vp9 groups":    {Codec: codec.VP9, Layers: Layers{Spatial: 2, Temporal: 3}},
		"vp9 described": {Codec: codec.VP9, Layers: Layers{Spatial: 3, Temporal: 3, KeyOnly: true}, Flexible: true, Descriptor: true},
		"vp9 simulcast": {Codec: codec.VP9, Encodings: 4, Layers: Layers{Temporal: 3}, Flexible: true},
		"av1 full":      {Codec: codec.AV1, Layers: Layers{Spatial: 3, Temporal: 3}, Descriptor: true},
		"av1 key":       {Codec: codec.AV1, Layers: Layers{Spatial: 3, Temporal: 3, KeyOnly: true}, Descriptor: true},
		"av1 simulcast": {Codec: codec.AV1, Encodings: 4, Layers: Layers{Temporal: 3}, Descriptor: true},
		"av1 mixed":     {Codec: codec.AV1, Encodings: 2, Layers: Layers{Spatial: 2, Temporal: 2, Fixed: true}, Descriptor: true},
		"h264":          {Codec: codec.H264, Encodings: 3, Layers: Layers{Temporal: 3}, Descriptor: true},
		"h265":          {Codec: codec.H265, Encodings: 4, Layers: Layers{Temporal: 3}},
		"h265 nested":   {Codec: codec.H265, Encodings: 2, Layers: Layers{Temporal: 2, Fixed: true}, StripParameters: true},
		"h265 single":   {Codec: codec.H265, Encodings: 3},
		"h264 fixed":    {Codec: codec.H264, Encodings: 4, Layers: Layers{Temporal: 2, Fixed: true}, Descriptor: true, StripParameters: true},
	}
}

// smooth lets all packets come, in order: what layers there are is all that matters.
func smooth(o Options) Options {
	near := Network{Delay: 10 * time.Millisecond}
	o.Up, o.Down, o.Bitrate, o.PacketBytes = near, near, 200_000, 200
	return o
}

// rough adds all that may go wrong while layers are switched.
func rough(o Options) Options {
	o = smooth(o)
	o.Up, o.Down = bad, bad
	o.Up.Late, o.Down.Late = 0.002, 0.002
	o.RTX, o.Select, o.Calm = true, time.Second, 10*time.Second
	o.Vanish, o.VanishLayers, o.Restart = 5*time.Second, 7*time.Second, 20*time.Second
	return o
}

// TestLayersPass: all layers go through to who wants all of them.
func TestLayersPass(t *testing.T) {
	for name, o := range layered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(1, smooth(o))
			w.Run(10 * time.Second)
			w.checkEnd(time.Second)
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSwitches selects layers at random, over networks that deliver everything; with caps
// the allocator switches too.
func TestSwitches(t *testing.T) {
	for name, o := range layered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := smooth(o)
			o.Select, o.Calm = time.Second, 10*time.Second
			switches := 0
			for _, seed := range []uint64{1, 7, 4711, 5} {
				o.Caps = seed == 5
				w := New(seed, o)
				w.Run(30 * time.Second)
				switches += w.Switches()
				if err := w.Err(); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
			if switches < 100 {
				t.Errorf("only %d switches happened", switches)
			}
		})
	}
}

// TestSeedsOfSweeps plays what sweeps found faults with.
func TestSeedsOfSweeps(t *testing.T) {
	for name, seeds := range map[string][]uint64{
		"av1 mixed": {54, 507, 527, 615, 1289}, "h264": {607, 873}, "vp9 described": {748},
	} {
		for _, seed := range seeds {
			o := rough(layered()[name])
			o.Caps = seed%2 == 0
			w := New(seed, o)
			w.Run(20 * time.Second)
			if err := w.Err(); err != nil {
				t.Errorf("%s, seed %d: %v", name, seed, err)
			}
		}
	}
}

// sweepSwitches is how many switches TestSweepSwitches makes of each codec where SWITCHES does
// not say it.
const sweepSwitches = 300

// TestSweepSwitches makes as many switches of each codec as SWITCHES says, over networks that
// lose, delay and reorder, between publishers that come and go, of encodings and layers that
// vanish, with caps and without.
func TestSweepSwitches(t *testing.T) {
	want := sweepSwitches
	if text := os.Getenv("SWITCHES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("SWITCHES: %v", err)
		}
		want = n
	}
	for codec, kinds := range byCodec() {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			sweep(t, kinds, want)
		})
	}
}

// byCodec are the names of what is sent, by codec, and of VP9 by how it tells what a picture
// needs.
func byCodec() map[string][]string {
	out := map[string][]string{}
	for name, o := range layered() {
		kind := o.Codec.String()
		if o.Codec == codec.VP9 && !o.Flexible {
			kind += " not flexible"
		}
		out[kind] = append(out[kind], name)
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

// sweep plays seed by seed until there were as many switches as are wanted.
func sweep(t *testing.T, kinds []string, want int) {
	const fewest = 10 // switches that a world must bring
	all, switches, worlds, pubs, vanished := layered(), 0, 0, 0, 0
	for seed := uint64(1); switches < want && worlds < want/fewest; seed++ {
		for _, name := range kinds {
			o := rough(all[name])
			o.Caps = seed%2 == 0
			w := New(seed, o)
			w.Run(20 * time.Second)
			if err := w.Err(); err != nil {
				t.Errorf("%s, seed %d: %v", name, seed, err)
			}
			switches, worlds, pubs, vanished = switches+w.Switches(), worlds+1, pubs+w.pubs, vanished+w.vanished
		}
	}
	t.Logf("%d switches in %d worlds, %d publishers, %d times an encoding or layers vanished", switches, worlds, pubs, vanished)
	if switches < want || pubs <= worlds || vanished == 0 {
		t.Errorf("only %d switches of %d in %d worlds, %d publishers, %d times something vanished", switches, want, worlds, pubs, vanished)
	}
}
