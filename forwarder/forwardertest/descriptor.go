package forwardertest

import (
	"math/rand/v2"
	"slices"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// bitWriter writes big-endian bits.
type bitWriter struct {
	out  []byte
	free uint // bits of the last byte
}

func (w *bitWriter) bits(n uint, v uint32) {
	for n > 0 {
		if w.free == 0 {
			w.out, w.free = append(w.out, 0), 8
		}
		n--
		w.free--
		w.out[len(w.out)-1] |= byte(v>>n&1) << w.free
	}
}

func (w *bitWriter) flag(b bool) {
	v := uint32(0)
	if b {
		v = 1
	}
	w.bits(1, v)
}

// ns writes a non-symmetric number v below n (AV1 RTP specification, A.8).
func (w *bitWriter) ns(n, v uint32) {
	bits := uint(0)
	for x := n; x != 0; x >>= 1 {
		bits++
	}
	m := uint32(1)<<bits - n
	if v < m {
		w.bits(bits-1, v)
		return
	}
	w.bits(bits-1, (v+m)>>1)
	w.bits(1, (v+m)&1)
}

// describer writes Dependency Descriptors (AV1 RTP specification, appendix A).
type describer struct {
	layers    Layers
	rotate    bool
	offset    uint8 // of template ids
	templates []template
	width     int
	height    int
	told      uint32 // the active targets as last written
}

// A template stands for layer frames alike: keyframes, or those of a phase.
type template struct {
	spatial, temporal uint8
	key               bool
	phase             int
	dependency
}

// newDescriber takes its templates from a fixed pattern: what does not go by them
// says so itself.
func newDescriber(l Layers, rotate bool) *describer {
	d := &describer{layers: l, rotate: rotate}
	l.Fixed = true
	model := newLadder(rand.New(rand.NewPCG(1, 1)), l)
	frames := model.next(true)
	for range model.pattern.temporals()[1:] {
		model.next(false)
	}
	for range model.pattern.temporals() {
		frames = append(frames, model.next(false)...)
	}
	for _, f := range frames {
		d.templates = append(d.templates, template{f.spatial, f.temporal, f.key, f.phase, f.dependency})
	}
	slices.SortStableFunc(d.templates, func(a, b template) int {
		return (int(a.spatial)-int(b.spatial))*8 + int(a.temporal) - int(b.temporal)
	})
	return d
}

// find returns the template of f.
func (d *describer) find(f *layerFrame) int {
	return slices.IndexFunc(d.templates, func(t template) bool {
		return t.spatial == f.spatial && t.key == f.key && t.phase == f.phase
	})
}

// describe writes the descriptor of one of f's packets, which is the first, the last
// or in between.
func (d *describer) describe(f *layerFrame, start, end bool) []byte {
	structure := f.key && f.spatial == 0 && start
	if structure && d.rotate {
		d.offset = (d.offset + uint8(len(d.templates))) % codec.MaxTemplates
	}
	at := d.find(f)
	t := &d.templates[at]
	w := &bitWriter{}
	w.flag(start)
	w.flag(end)
	w.bits(6, (uint32(at)+uint32(d.offset))%codec.MaxTemplates)
	w.bits(16, uint32(f.number))
	all := uint32(1)<<d.layers.target(d.layers.Spatial, 0) - 1
	active := start && f.spatial == 0 && (structure && f.dependency.active != all || !structure && f.dependency.active != d.told)
	own := []bool{
		!slices.Equal(f.dependency.indications, t.indications),
		!slices.Equal(f.dependency.diffs, t.diffs), !slices.Equal(f.dependency.chains, t.chains),
	}
	if structure || active {
		d.told = f.dependency.active
	}
	if structure || active || slices.Contains(own, true) {
		d.extended(w, f, structure, active, own)
	}
	return w.out
}

func (d *describer) extended(w *bitWriter, f *layerFrame, structure, active bool, own []bool) {
	w.flag(structure)
	w.flag(active)
	for _, o := range own {
		w.flag(o)
	}
	if structure {
		d.structure(w)
	}
	if active {
		w.bits(uint(d.layers.target(d.layers.Spatial, 0)), f.dependency.active)
	}
	if own[0] {
		w.indications(f.dependency.indications)
	}
	if own[1] {
		for _, diff := range f.dependency.diffs {
			w.ownDiff(diff)
		}
		w.bits(2, 0)
	}
	if own[2] {
		for _, c := range f.dependency.chains {
			w.bits(8, uint32(c))
		}
	}
}

func (w *bitWriter) indications(all []codec.Indication) {
	for _, i := range all {
		w.bits(2, uint32(i))
	}
}

// ownDiff writes a frame number difference in as many groups of four bits as it needs.
func (w *bitWriter) ownDiff(diff uint16) {
	size := uint(1)
	for diff > 1<<(4*size) {
		size++
	}
	w.bits(2, uint32(size))
	w.bits(4*size, uint32(diff-1))
}

// structure writes template_dependency_structure.
func (d *describer) structure(w *bitWriter) {
	targets := d.layers.target(d.layers.Spatial, 0)
	w.bits(6, uint32(d.offset))
	w.bits(5, uint32(targets-1))
	for i := range d.templates {
		w.bits(2, d.nextLayer(i))
	}
	for i := range d.templates {
		w.indications(d.templates[i].indications)
	}
	for i := range d.templates {
		for _, diff := range d.templates[i].diffs {
			w.flag(true)
			w.bits(4, uint32(diff-1))
		}
		w.flag(false)
	}
	w.ns(uint32(targets+1), uint32(d.layers.Spatial))
	for t := range targets {
		w.ns(uint32(d.layers.Spatial), uint32(t/d.layers.Temporal))
	}
	for i := range d.templates {
		for _, c := range d.templates[i].chains {
			w.bits(4, uint32(c))
		}
	}
	d.sizes(w)
}

// nextLayer is next_layer_idc: what changes from template i to the next.
func (d *describer) nextLayer(i int) uint32 {
	if i == len(d.templates)-1 {
		return 3
	}
	a, b := &d.templates[i], &d.templates[i+1]
	switch {
	case a.spatial != b.spatial:
		return 2
	case a.temporal != b.temporal:
		return 1
	}
	return 0
}

func (d *describer) sizes(w *bitWriter) {
	w.flag(true)
	for s := range d.layers.Spatial {
		shift := d.layers.Spatial - 1 - s
		w.bits(16, uint32(d.width>>shift-1))
		w.bits(16, uint32(d.height>>shift-1))
	}
}
