package sdp

// Bounds of what one offer or fragment may hold. The body's own size is bounded
// by the caller; these keep a body within that size from costing more than an
// honest one. The largest offers seen are Chromium's: 2 to 4 sections, 38
// payload types, 330 lines, 4 ssrcs a section.
const (
	// maxLines bounds an SDP or fragment; more is refused with CodeTooLarge.
	maxLines = 4096

	// maxLine bounds one line, in bytes; a longer one is malformed. GStreamer's
	// parameter sets reach 1 KB.
	maxLine = 8192

	// maxSections bounds m= lines; more is refused with CodeTooManySections.
	maxSections = 16

	// maxFormats bounds the formats of one m= line that are looked at; later
	// ones, the offerer's least preferred, are ignored.
	maxFormats = 64

	// maxCandidates bounds the candidates kept of an offer or fragment; later
	// ones are ignored: each one costs ICE a pair per address of ours.
	maxCandidates = 64

	// maxSSRCs bounds the ssrcs kept of one section, and as many repairs; later
	// ones are ignored, their packets are told by MID, RID or payload type.
	maxSSRCs = 64

	// maxEncodings bounds the rids of one section; more is refused with
	// CodeTooManyEncodings. OBS sends up to 5, browsers 3.
	maxEncodings = 8

	// maxExtensions bounds the extmap lines looked at per section; later ones
	// are ignored.
	maxExtensions = 64

	// maxFingerprints bounds the fingerprints kept; later ones are ignored.
	maxFingerprints = 8

	// maxBundled bounds the mids read of BUNDLE groups; later ones are ignored.
	maxBundled = 32

	// maxToken bounds, in bytes, a mid or rid, which are echoed; a longer mid
	// is malformed, a longer rid ignored.
	maxToken = 64

	// maxFmtp bounds, in bytes, what is kept of a format's parameters after the
	// sender's own properties (sprop-…) were taken out; a format with more is
	// ignored.
	maxFmtp = 256

	// maxCodecBytes bounds the codec lines of one answer. With it an answer of
	// two sections stays under the 8192 bytes some publishers read.
	maxCodecBytes = 4500
)

// Lengths of ICE credentials (RFC 8839 §5.4).
const (
	minUfrag = 4
	minPwd   = 22
	maxCred  = 256
)
