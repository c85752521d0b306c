package codec

// LayerMasks stub
type LayerMasks struct{ Targets uint8 }

// Mask stub
func (m *LayerMasks) Mask(s, t uint8) uint32 { return 0 }

// All stub
func (m *LayerMasks) All() uint32 { return 0 }

// AppendDescriptor stub
func AppendDescriptor(dst, value []byte, frameNumber uint16, active uint32, targets uint8) []byte {
	return append(dst, value...)
}

// ShiftPicture stub
func ShiftPicture(f Format, payload []byte, pictureID uint16, tl0 uint8) {}

// Masks stub
func (r *LayerReader) Masks() *LayerMasks { return nil }
