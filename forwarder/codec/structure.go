package codec

// A DependencyStructure is the template dependency structure of a coded video
// sequence (AV1 RTP specification, A.4): what frames there are and which of them
// each decode target needs. It is a plain value of about 5 KB; the zero value is
// that of a stream whose structure is not known. Not safe for concurrent use.
//
// Entries beyond the counts are zero.
type DependencyStructure struct {
	IDOffset uint8 // the TemplateID of Templates[0], 0 to 63

	TemplateCount uint8 // 1 to 64; 0: no structure
	Templates     [MaxTemplates]DependencyTemplate

	// Targets is the number of decode targets, 1 to 32, best first by custom.
	Targets uint8

	// Chains is the number of chains, 0 to 32. ProtectedBy gives each decode
	// target's chain, below Chains. Without chains it is all 0.
	Chains      uint8
	ProtectedBy [MaxDecodeTargets]uint8

	SpatialLayers  uint8 // 1 to 4
	TemporalLayers uint8 // 1 to 8

	// Widths and Heights are the size of each spatial layer in pixels; 0 if the
	// sender does not tell, or if it is 65536.
	Widths, Heights [MaxSpatialLayers]uint16
}

// A DependencyTemplate describes frames alike.
type DependencyTemplate struct {
	Spatial, Temporal uint8
	Indications       [MaxDecodeTargets]Indication
	ReferenceCount    uint8
	References        [MaxReferences]uint8 // frame number differences, 1 to 16
	ChainDiffs        [MaxChains]uint8     // 0 to 15
}

// Target returns the highest layers of decode target i, i below Targets.
func (s *DependencyStructure) Target(i int) (spatial, temporal uint8) {
	for t := range s.Templates[:s.TemplateCount] {
		tmpl := &s.Templates[t]
		if tmpl.Indications[i] != NotPresent {
			spatial, temporal = max(spatial, tmpl.Spatial), max(temporal, tmpl.Temporal)
		}
	}
	return spatial, temporal
}

// template finds a template by its id on the wire, nil if there is none.
func (s *DependencyStructure) template(id uint8) *DependencyTemplate {
	i := (id - s.IDOffset) & (MaxTemplates - 1)
	if i >= s.TemplateCount {
		return nil
	}
	return &s.Templates[i]
}

// read reads template_dependency_structure into the zero s.
func (s *DependencyStructure) read(r *bitReader) error {
	s.IDOffset = uint8(r.bits(6))
	s.Targets = uint8(r.bits(5)) + 1
	if !s.readLayers(r) {
		return errRange
	}
	templates := s.Templates[:s.TemplateCount]
	for t := range templates {
		for i := range s.Targets {
			templates[t].Indications[i] = Indication(r.bits(2))
		}
	}
	for t := range templates {
		if !templates[t].readReferences(r) {
			return errRange
		}
	}
	s.readChains(r)
	s.readSizes(r)
	if r.failed {
		return errTruncated
	}
	return nil
}

// readLayers reads template_layers. It returns false if there are more
// templates or layers than the format allows.
func (s *DependencyStructure) readLayers(r *bitReader) bool {
	const temporalUp, spatialUp, end = 1, 2, 3
	spatial, temporal := uint8(0), uint8(0)
	for s.TemplateCount < MaxTemplates {
		t := &s.Templates[s.TemplateCount]
		t.Spatial, t.Temporal = spatial, temporal
		s.TemplateCount++
		s.SpatialLayers = max(s.SpatialLayers, spatial+1)
		s.TemporalLayers = max(s.TemporalLayers, temporal+1)
		switch r.bits(2) {
		case temporalUp:
			temporal++
		case spatialUp:
			spatial, temporal = spatial+1, 0
		case end:
			return true
		}
		if spatial >= MaxSpatialLayers || temporal > 7 || r.failed {
			return false
		}
	}
	return false
}

// readReferences reads one template's part of template_fdiffs. It returns false
// if there are too many.
func (t *DependencyTemplate) readReferences(r *bitReader) bool {
	for r.flag() {
		if t.ReferenceCount == MaxReferences {
			return false
		}
		t.References[t.ReferenceCount] = uint8(r.bits(4)) + 1
		t.ReferenceCount++
	}
	return true
}

func (s *DependencyStructure) readChains(r *bitReader) {
	s.Chains = uint8(r.ns(uint32(s.Targets) + 1))
	if s.Chains == 0 {
		return
	}
	for i := range s.Targets {
		// Drafts had Chains+1 values here; version 1.0 and browsers have Chains.
		s.ProtectedBy[i] = uint8(r.ns(uint32(s.Chains)))
	}
	for t := range s.Templates[:s.TemplateCount] {
		for i := range s.Chains {
			s.Templates[t].ChainDiffs[i] = uint8(r.bits(4))
		}
	}
}

func (s *DependencyStructure) readSizes(r *bitReader) {
	if !r.flag() { // resolutions_present_flag
		return
	}
	for i := range s.SpatialLayers {
		s.Widths[i], s.Heights[i] = bothOrNone(r.bits(16)+1, r.bits(16)+1)
	}
}
