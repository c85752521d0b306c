package codec

const (
	// maxParameterPayload bounds what ParameterSets keeps and AppendPayload
	// writes, so that the packet fits a path of 1280 bytes (IPv6's least MTU)
	// with IP, UDP, SRTP and header extensions around it. Real sets of one
	// encoding take 40 to 200 bytes.
	maxParameterPayload = 1200

	// maxParameterSets bounds the sets kept of one encoding. Encoders use one
	// SPS and one or two PPS; layered ones a few more.
	maxParameterSets = 16

	// maxUnits bounds the NAL units or OBUs looked at in one packet. A frame of
	// 1,200 bytes in legal aggregation has a few dozen at most; a hostile one of
	// 64 KiB could hold 20,000 empty ones.
	maxUnits = 64

	// maxSprop bounds the sprop values of an fmtp line that are decoded.
	maxSprop = 8192
)
