package forwarder

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A layerMeter reads the layering of an encoding's packets and measures what a receiver
// of each layer gets. It is owned by the writer.
type layerMeter struct {
	reader codec.LayerReader
	set    codec.LayerSet
	blind  bool // layers are told by a structure that was lost
	since  time.Time
	stream int                     // the encoding's place among the RIDs
	target *codec.VideoLayersValue // the publisher's; nil: there are none
	bits   [codec.MaxSpatial * codec.MaxTemporal]int64
	later  [codec.MaxSpatial * codec.MaxTemporal]int64 // of keyframes, to be counted in the next windows
	keyed  bool                                        // some of this window's are a keyframe's
	key    uint32                                      // timestamp of the last keyframe
}

// read fills in what p is to receivers of some layers only.
func (m *layerMeter) read(f codec.Format, info codec.Info, p *Packet) {
	if f.Name.Kind() != codec.Video || len(p.Payload) == 0 {
		p.Layering.Needed = codec.AllLayers
		return
	}
	var descriptor []byte
	for i := range p.Ext {
		if p.Ext[i].Ext == codec.DependencyDescriptor {
			descriptor = p.Ext[i].Data
		}
	}
	p.Layering = m.reader.Read(f, info, p.Payload, descriptor, p.Marker)
	m.blind = descriptor != nil && p.Layering.Masks == nil
	m.set = m.reader.Layers()
}

// layersOf calls f with each layer of the set, the lowest first.
func layersOf(s codec.LayerSet, f func(layerID)) {
	for spatial := range s.Spatial {
		for temporal := range s.Temporal {
			f(layerOf(spatial, temporal))
		}
	}
}

// measureLayers counts p for each layer that needs it, and publishes what was counted.
func (e *Encoding) measureLayers(p *Packet) {
	m := &e.layers
	if e.format.Name.Kind() != codec.Video {
		return
	}
	if m.since.IsZero() {
		m.since = p.At
	}
	if d := p.At.Sub(m.since); d >= rateWindow {
		e.publishLayers(d)
		m.since, m.bits, m.keyed = p.At, [len(m.bits)]int64{}, false
	}
	if p.Layering.Flags&codec.LayerKeyframe != 0 {
		m.key, m.keyed = p.Timestamp, true
	}
	m.keyed = m.keyed || p.Timestamp == m.key
	n := int64(p.whole()) * 8
	layersOf(m.set, func(l layerID) {
		if p.Layering.Needed&l.bit() != 0 {
			m.bits[l] += n
		}
	})
}

// publishLayers makes the rates of the last window known to readers.
func (e *Encoding) publishLayers(window time.Duration) {
	m := &e.layers
	old, lately := e.Layers(), e.lately.Load()
	if lately == nil {
		lately = &latelyRates{}
	}
	next := *lately
	var all []LayerStatus
	layersOf(m.set, func(l layerID) {
		s := LayerStatus{Spatial: l.spatial(), Temporal: l.temporal()}
		s.Width, s.Height = int(m.set.Width[s.Spatial]), int(m.set.Height[s.Spatial])
		s.TargetBitrate = m.aim(l)
		if s.Width == 0 && s.Spatial == m.set.Spatial-1 {
			s.Width, s.Height = e.Size()
		}
		i := slices.IndexFunc(old, func(o LayerStatus) bool { return o.Spatial == s.Spatial && o.Temporal == s.Temporal })
		was := int64(0)
		if i >= 0 {
			was = old[i].Bitrate
		}
		s.Bitrate = m.rate(l, was, window)
		next[l].add(s.Bitrate)
		all = append(all, s)
	})
	e.lately.Store(&next)
	e.status.Store(&all)
}

// latelyRates are how the layers' bitrates were of late.
type latelyRates [codec.MaxSpatial * codec.MaxTemporal]latelyRate

type latelyRate struct {
	usual int64 // over a longer time; 0: unknown
	most  int64 // where it was highest
}

func (r *latelyRate) add(bitrate int64) {
	if r.usual == 0 || bitrate == 0 {
		r.usual, r.most = bitrate, bitrate
		return
	}
	r.usual += (bitrate - r.usual) / usualWindows
	r.most = max(bitrate, r.most+(bitrate-r.most)/usualWindows)
}

// rate is what a receiver of a layer gets, by the window that ends and what was before.
func (m *layerMeter) rate(l layerID, was int64, window time.Duration) int64 {
	bitrate := m.spread(l, was*int64(window)/int64(time.Second)) * int64(time.Second) / int64(window)
	if was > 0 && bitrate > 0 {
		bitrate = (bitrate + was) / 2
	}
	return bitrate
}

// spread returns the bits of a layer that count in the window that ends, where so many are
// expected; 0: unknown. What a keyframe brings beyond these counts in the windows behind it,
// little by little: it comes once, and the layer is no larger for it.
func (m *layerMeter) spread(l layerID, expected int64) int64 {
	bits := m.bits[l]
	if m.keyed && expected > 0 && bits > expected {
		m.later[l] += bits - expected
		bits = expected
	}
	share := m.later[l] / keyframeWindows
	m.later[l] -= share
	return bits + share
}

// aim returns what the publisher aims at for a layer, 0 if it does not say.
func (m *layerMeter) aim(l layerID) int64 {
	if m.target == nil || m.stream >= int(m.target.Streams) {
		return 0
	}
	t := &m.target.Layers[m.stream][l.spatial()]
	if l.temporal() >= t.Temporals {
		return 0
	}
	return t.Bitrates[l.temporal()]
}

// Layers returns the layers of the encoding, the lowest first; none before half a second
// of it was received. The slice must not be changed. It is safe for concurrent use.
func (e *Encoding) Layers() []LayerStatus {
	if all := e.status.Load(); all != nil {
		return *all
	}
	return nil
}

// clamp returns the layer that a receiver of l gets of those there are.
func (e *Encoding) clamp(l layerID) layerID {
	all := e.Layers()
	if len(all) == 0 {
		return layerOf(0, 0)
	}
	top := all[len(all)-1]
	return layerOf(min(l.spatial(), top.Spatial), min(l.temporal(), top.Temporal))
}
