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

	// frameWindow bounds how far back the frames that a frame refers to are known: 128
	// are a second and a half of three spatial layers at 30 pictures per second. Of
	// older ones a receiver is taken to have none.
	frameWindow = 128

	// lateFrames is how far a Dependency Descriptor's frame number may be behind the
	// newest and count as late, modulo wrap: more than a sender repairs. Other numbers
	// are ahead.
	lateFrames = 1024

	// quietPictures is after how many pictures without it a spatial layer of VP9 counts
	// as not being sent: half a second at 30 pictures per second.
	quietPictures = 16

	// maxSprop bounds the sprop values of an fmtp line that are decoded.
	maxSprop = 8192
)
