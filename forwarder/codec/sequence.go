package codec

// A sequence is a coded video sequence: a structure of dependencies and which of its
// decode targets each layer's receivers get.
type sequence struct {
	structure  DependencyStructure
	from       uint32 // number of the frame that brought the structure
	spatial    [MaxDecodeTargets]uint8
	temporal   [MaxDecodeTargets]uint8
	within     [MaxDecodeTargets]uint32 // the targets all of whose frames a target has
	active     uint32                   // the targets that are being produced
	activeFrom uint32                   // since this frame

	// want says which layers should get each target. Where a receiver cannot go over
	// at once, have stays behind: see move.
	want  [MaxDecodeTargets]uint32
	have  targetMap
	had   targetMap // of frames before since, for late packets; none come before from
	since uint32
}

// A targetMap says who gets which decode target.
type targetMap struct {
	layers [MaxDecodeTargets]uint32 // that get the target
	last   [MaxSpatial]uint32       // layers whose target's highest spatial layer this is
	masks  *LayerMasks
}

// begin takes up the structure that came with a frame. masks are used again if they
// say the same.
func (s *sequence) begin(number, active uint32, masks *LayerMasks) {
	s.from, s.activeFrom, s.since = number, number, number
	s.active = active
	for i := range s.structure.Targets {
		s.spatial[i], s.temporal[i] = s.structure.Target(int(i))
	}
	s.within = s.structure.within()
	s.wish()
	s.have = targetMap{layers: s.want, masks: masks}
	s.settle()
}

// again reads a structure that came before, of the same frame.
func (s *sequence) again(value []byte) (*sequence, Dependency) {
	same := s.structure
	dep, err := same.Parse(value)
	if err != nil || same != s.structure {
		return nil, Dependency{}
	}
	return s, dep
}

// within returns for each decode target those all of whose frames it has.
func (s *DependencyStructure) within() (out [MaxDecodeTargets]uint32) {
	for i := range s.Targets {
		out[i] = 1<<s.Targets - 1
	}
	for t := range s.Templates[:s.TemplateCount] {
		var present uint32
		for i, dti := range s.Templates[t].Indications[:s.Targets] {
			if dti != NotPresent {
				present |= 1 << i
			}
		}
		for i := range s.Targets {
			if present&(1<<i) == 0 {
				out[i] &^= present
			}
		}
	}
	return out
}

// activate takes up which targets are being produced from a frame on. Receivers go
// over at once to a target within theirs.
func (s *sequence) activate(number, active uint32) {
	if number < s.activeFrom {
		return
	}
	s.activeFrom = number
	if active == s.active {
		return
	}
	s.active = active
	s.wish()
	var moving [MaxDecodeTargets]uint32
	for to := range s.structure.Targets {
		for from := range s.structure.Targets {
			if s.within[from]&(1<<to) != 0 {
				moving[to] |= s.have.layers[from] & s.want[to]
			}
		}
	}
	s.change(number, &moving)
}

// move lets layers go over to the target they want, or to one on the way to it, with a
// frame where that may be entered, if they have what the frame needs. It tells whether
// any did.
func (s *sequence) move(number, switches, held uint32) bool {
	if switches == 0 || s.want == s.have.layers {
		return false
	}
	var moving [MaxDecodeTargets]uint32
	moved := false
	for want, wanting := range s.want {
		for have, having := range s.have.layers {
			layers := wanting & having & held
			if layers == 0 || want == have {
				continue
			}
			if to := s.next(have, want, switches); to != have {
				moving[to] |= layers
				moved = true
			}
		}
	}
	if moved {
		s.change(number, &moving)
	}
	return moved
}

// next returns which of some targets is nearest to the wanted one: that itself, else
// the greatest within it of those that lose nothing of what they have.
func (s *sequence) next(have, want int, targets uint32) int {
	if targets&(1<<want) != 0 {
		return want
	}
	best := have
	for to := range int(s.structure.Targets) {
		if targets&(1<<to)&s.within[want] != 0 && s.within[to]&(1<<best) != 0 {
			best = to
		}
	}
	return best
}

// change gives layers another target from a frame on.
func (s *sequence) change(number uint32, moving *[MaxDecodeTargets]uint32) {
	if number != s.since {
		s.had, s.since = s.have, number
	}
	for to, layers := range moving {
		for from := range s.have.layers {
			s.have.layers[from] &^= layers
		}
		s.have.layers[to] |= layers
	}
	s.settle()
}

// settle fills in what follows from who has which target.
func (s *sequence) settle() {
	clear(s.have.last[:])
	var masks LayerMasks
	masks.Targets = s.structure.Targets
	for i := range s.structure.Targets {
		layers := s.have.layers[i]
		s.have.last[s.spatial[i]] |= s.want[i] // a picture may bring more on the way there
		var within uint32
		for j := range s.structure.Targets {
			if s.within[i]&(1<<j) != 0 {
				within |= s.have.layers[j]
			}
		}
		for bit := range MaxSpatial * MaxTemporal {
			if layers&(1<<bit) != 0 {
				masks.Active[bit/MaxTemporal][bit%MaxTemporal] = s.within[i] & s.active
				masks.Within[bit/MaxTemporal][bit%MaxTemporal] = within
			}
		}
	}
	if s.have.masks == nil || *s.have.masks != masks {
		s.have.masks = new(LayerMasks)
		*s.have.masks = masks
	}
}

// wish gives each layer the nearest target that is being produced.
func (s *sequence) wish() {
	clear(s.want[:])
	producing := s.active
	if producing == 0 { // a sender that says so sends nothing: it does not matter
		producing = AllLayers
	}
	var table targetTable
	for i := range s.structure.Targets {
		if at := &table[s.spatial[i]][s.temporal[i]]; producing&(1<<i) != 0 && *at == 0 {
			*at = i + 1
		}
	}
	for spatial := range uint8(MaxSpatial) {
		for temporal := range uint8(MaxTemporal) {
			s.want[table.nearest(spatial, temporal)-1] |= LayerBit(spatial, temporal)
		}
	}
}

// A targetTable has, by layer, the decode target and 1; 0: there is none.
type targetTable [MaxSpatial][MaxTemporal]uint8

// nearest returns the target of the nearest lower temporal layer, else of a lower
// spatial one, else the lowest there is. The table is not empty.
func (t *targetTable) nearest(spatial, temporal uint8) uint8 {
	for s := int(spatial); s >= 0; s-- {
		for u := int(temporal); u >= 0; u-- {
			if t[s][u] != 0 {
				return t[s][u]
			}
		}
	}
	for s := range t {
		for u := range t[s] {
			if t[s][u] != 0 {
				return t[s][u]
			}
		}
	}
	return 1
}

// A frameLayers is what a frame is to receivers of each layer.
type frameLayers struct {
	needed   uint32
	entries  uint32 // that may be entered here by who has what the frame needs
	switches uint32 // decode targets that may
	last     uint32 // layers the frame ends the picture for
	masks    *LayerMasks
}

// frame returns what the frame of a number is.
func (s *sequence) frame(number uint32, dep *Dependency) frameLayers {
	m := &s.have
	if number < s.since {
		m = &s.had
	}
	f := frameLayers{last: m.last[dep.Spatial], masks: m.masks}
	for i := range dep.Targets {
		switch dep.Indications[i] {
		case NotPresent:
			continue
		case Switch:
			f.entries |= m.layers[i]
			f.switches |= 1 << i
		}
		f.needed |= m.layers[i]
	}
	return f
}

// layers counts the layers that are being produced and tells their sizes.
func (s *sequence) layers(set *LayerSet) {
	for i := range s.structure.Targets {
		if s.active&(1<<i) != 0 || s.active == 0 {
			set.Spatial = max(set.Spatial, s.spatial[i]+1)
			set.Temporal = max(set.Temporal, s.temporal[i]+1)
		}
	}
	for i := range set.Spatial {
		set.Width[i], set.Height[i] = s.structure.Widths[i], s.structure.Heights[i]
	}
}

// ActiveMask returns the decode targets that remain for a receiver of a layer: those
// all of whose frames it gets, as bits.
func (s *DependencyStructure) ActiveMask(spatial, temporal uint8) uint32 {
	var table targetTable
	for i := range s.Targets {
		a, b := s.Target(int(i))
		if table[a][b] == 0 {
			table[a][b] = i + 1
		}
	}
	return s.within()[table.nearest(spatial, temporal)-1]
}
