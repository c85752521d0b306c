package codec

// ShiftPicture writes another picture id and TL0PICIDX into a VP8 or VP9 payload, in
// place and in the widths that are there; where a field is absent, and in payloads of
// other formats or malformed ones, nothing is written. payload must be the caller's
// own. It does not allocate.
func ShiftPicture(f Format, payload []byte, pictureID uint16, tl0PicIdx uint8) {
	switch f.Name {
	case VP8:
		if d, ok := ParseVP8(payload); ok {
			d.Rewrite(payload, pictureID, tl0PicIdx)
		}
	case VP9:
		if d, ok := ParseVP9(payload); ok {
			d.Rewrite(payload, pictureID, tl0PicIdx)
		}
	}
}
