package codec

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Bounds of the Dependency Descriptor (AV1 RTP specification, appendix A). All
// but the last are the wire format's own.
const (
	MaxTemplates     = 64
	MaxDecodeTargets = 32
	MaxChains        = 32
	MaxSpatialLayers = 4
	// MaxReferences bounds the frames one frame refers to. Codecs have 8 (AV1)
	// or 16 (H264, H265) to choose from; more is taken as an error.
	MaxReferences = 16
)

// ErrNoStructure says that a descriptor needs a structure that is not known: it
// came in a packet that was lost, or the stream begins in the middle. Only a
// keyframe, which carries the next structure, helps. The header fields are
// valid all the same.
var ErrNoStructure = errors.New("codec: dependency descriptor without its structure")

// An Indication tells what a frame is to a decode target.
type Indication uint8

// The indications (table A.2).
const (
	NotPresent  Indication = iota // the frame does not belong to the target
	Discardable                   // it does, and nothing in the target needs it
	Switch                        // it does, and the target may be entered here
	Required                      // it does, and later frames need it
)

// A DependencyHeader holds the fields every Dependency Descriptor has.
type DependencyHeader struct {
	Start, End  bool   // the packet is the first, the last of its frame
	TemplateID  uint8  // 0 to 63
	FrameNumber uint16 // rises by 1 or more with every frame in decoding order, and wraps
}

const (
	dependencyHeaderLen = 3 // bytes
	dependencyFlagBits  = 5 // behind it, where there is more
)

// ParseDependencyHeader reads the header; false if the value is too short.
func ParseDependencyHeader(value []byte) (DependencyHeader, bool) {
	if len(value) < dependencyHeaderLen {
		return DependencyHeader{}, false
	}
	return DependencyHeader{
		Start:       value[0]&0x80 != 0,
		End:         value[0]&0x40 != 0,
		TemplateID:  value[0] & 0x3f,
		FrameNumber: binary.BigEndian.Uint16(value[1:]),
	}, true
}

// PutFrameNumber overwrites the frame number of a descriptor that
// [ParseDependencyHeader] accepted. All other fields are differences, so a
// constant offset between old and new numbers keeps the descriptor true.
func PutFrameNumber(value []byte, number uint16) {
	binary.BigEndian.PutUint16(value[1:dependencyHeaderLen], number)
}

// WithoutEnd returns a copy of a descriptor that does not end its frame.
func WithoutEnd(value []byte) []byte {
	out := slices.Clone(value)
	if len(out) > 0 {
		out[0] &^= 0x40
	}
	return out
}

// A Dependency is what a Dependency Descriptor says of its frame, template and
// exceptions from it resolved.
type Dependency struct {
	DependencyHeader

	// NewStructure tells that the descriptor carried a structure: the frame
	// begins a coded video sequence.
	NewStructure bool

	// HasActive tells whether Active is known: bit i says whether decode target
	// i is being produced. It stays as it is until a descriptor says otherwise.
	HasActive bool
	Active    uint32

	Spatial, Temporal uint8 // 0 to 3, 0 to 7

	Targets     uint8 // number of decode targets, 1 to 32
	Indications [MaxDecodeTargets]Indication

	// References are the frame numbers the frame needs, as differences to its
	// own, each 1 to 4096.
	ReferenceCount uint8
	References     [MaxReferences]uint16

	// ChainDiffs are the differences to the frame number of each chain's last
	// frame before this one; 0: the chain begins here.
	Chains     uint8 // number of chains, 0 to 32
	ChainDiffs [MaxChains]uint8

	Width, Height uint16 // of the frame's spatial layer in pixels, 0 unknown
}

// dependencyFlags announce the optional parts of a descriptor.
type dependencyFlags struct {
	structure, active, indications, references, chains bool
}

// Parse reads the value of a Dependency Descriptor header extension. s is the
// structure in force, the zero value if none is known; a structure in the value
// replaces it. It does not allocate. Errors are [ErrNoStructure], with the header
// filled in, or a malformed value; neither changes s.
func (s *DependencyStructure) Parse(value []byte) (Dependency, error) {
	header, ok := ParseDependencyHeader(value)
	if !ok {
		return Dependency{}, errTruncated
	}
	r := bitReader{data: value[dependencyHeaderLen:]}
	var flags dependencyFlags
	if len(value) > dependencyHeaderLen {
		flags = dependencyFlags{r.flag(), r.flag(), r.flag(), r.flag(), r.flag()}
	}
	var err error
	d := Dependency{DependencyHeader: header}
	if flags.structure {
		err = s.replace(&d, &r, flags)
	} else {
		err = d.read(&r, flags, s)
	}
	if err != nil {
		return Dependency{DependencyHeader: header}, err
	}
	return d, nil
}

// replace reads a new structure, the rest of the descriptor by it into d, and
// then takes it into s.
func (s *DependencyStructure) replace(d *Dependency, r *bitReader, flags dependencyFlags) error {
	var next DependencyStructure
	if err := next.read(r); err != nil {
		return err
	}
	d.NewStructure, d.HasActive, d.Active = true, true, uint32(1<<next.Targets-1)
	if err := d.read(r, flags, &next); err != nil {
		return err
	}
	*s = next
	return nil
}

// read reads what follows the structure and fills in the frame's template.
func (d *Dependency) read(r *bitReader, flags dependencyFlags, s *DependencyStructure) error {
	t := s.template(d.TemplateID)
	if t == nil {
		return ErrNoStructure
	}
	if flags.active {
		d.HasActive, d.Active = true, r.bits(uint(s.Targets))
	}
	d.Spatial, d.Temporal = t.Spatial, t.Temporal
	d.Targets, d.Indications = s.Targets, t.Indications
	d.Chains, d.ChainDiffs = s.Chains, t.ChainDiffs
	d.Width, d.Height = s.Widths[t.Spatial], s.Heights[t.Spatial]
	if flags.indications {
		for i := range s.Targets {
			d.Indications[i] = Indication(r.bits(2))
		}
	}
	ok := d.references(r, flags.references, t)
	if flags.chains {
		for i := range s.Chains {
			d.ChainDiffs[i] = uint8(r.bits(8))
		}
	}
	if r.failed {
		return errTruncated
	}
	if !ok {
		return errRange
	}
	return nil
}

// references takes the template's references or the frame's own. It returns
// false if there are too many.
func (d *Dependency) references(r *bitReader, own bool, t *DependencyTemplate) bool {
	if !own {
		d.ReferenceCount = t.ReferenceCount
		for i, diff := range t.References {
			d.References[i] = uint16(diff)
		}
		return true
	}
	for size := r.bits(2); size > 0; size = r.bits(2) {
		if d.ReferenceCount == MaxReferences {
			return false
		}
		d.References[d.ReferenceCount] = uint16(r.bits(uint(4*size)) + 1)
		d.ReferenceCount++
	}
	return true
}
