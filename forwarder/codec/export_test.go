package codec

// Equal compares what is exported: not where in the payload fields are.
func (d VP8Descriptor) Equal(o VP8Descriptor) bool {
	d.pictureID, d.tl0PicIdx = o.pictureID, o.tl0PicIdx
	return d == o
}

// Equal compares what is exported: not where in the payload fields are.
func (d VP9Descriptor) Equal(o VP9Descriptor) bool {
	d.pictureID, d.tl0PicIdx, d.sizes = o.pictureID, o.tl0PicIdx, o.sizes
	return d == o
}
