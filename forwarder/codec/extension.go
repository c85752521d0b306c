package codec

// An Extension is an RTP header extension Whippet knows (RFC 8285). Ids differ
// from session to session and come from SDP; the Extension is what an id means.
// The zero Extension stands for one Whippet does not know.
type Extension uint8

// The header extensions Whippet knows.
const (
	MID                  Extension = iota + 1 // RFC 9143 §15
	RID                                       // RFC 8852 §3.1
	RepairedRID                               // RFC 8852 §3.2
	TransportCC                               // draft-holmer-rmcat-transport-wide-cc-extensions-01
	AbsSendTime                               // 24-bit send time
	AudioLevel                                // RFC 6464
	VideoOrientation                          // 3GPP TS 26.114
	AbsCaptureTime                            // capture time of the sender's clock
	PlayoutDelay                              // minimum and maximum delay of the receiver
	VideoContentType                          // camera or screen
	ColorSpace                                // colour space and HDR metadata
	DependencyDescriptor                      // AV1 RTP specification, appendix A
	VideoLayers                               // video-layers-allocation00
	FrameMarking                              // draft-ietf-avtext-framemarking
	Age                                       // between nodes only: how long ago the publisher's node got the packet
	Travels                                   // between nodes only: which layers travel, and how much of the packet was left out
	Still                                     // between nodes only: the packet is of a keyframe that has left the history

	NumExtensions = int(Still) + 1 // one more than the largest Extension: the size of a table by Extension
)

var extensionURIs = [NumExtensions]string{
	MID:                  "urn:ietf:params:rtp-hdrext:sdes:mid",
	RID:                  "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
	RepairedRID:          "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
	TransportCC:          "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
	AbsSendTime:          "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	AudioLevel:           "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	VideoOrientation:     "urn:3gpp:video-orientation",
	AbsCaptureTime:       "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
	PlayoutDelay:         "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
	VideoContentType:     "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
	ColorSpace:           "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
	DependencyDescriptor: "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
	VideoLayers:          "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
	FrameMarking:         "urn:ietf:params:rtp-hdrext:framemarking",
}

// ParseExtension finds an extension by the URI of an extmap line; 0 if unknown.
func ParseExtension(uri string) Extension {
	for e, u := range extensionURIs {
		if u == uri && u != "" {
			return Extension(e)
		}
	}
	return 0
}

// URI returns what an extmap line calls the extension, "" for the zero one.
func (e Extension) URI() string {
	if int(e) >= NumExtensions {
		return ""
	}
	return extensionURIs[e]
}

// Forwarded tells whether the extension's value goes from the publisher to the
// subscribers unchanged, under the subscriber's id. The others belong to one
// hop: they are consumed, and where a subscriber wants them made anew.
func (e Extension) Forwarded() bool {
	switch e {
	case AudioLevel, VideoOrientation, AbsCaptureTime, PlayoutDelay,
		VideoContentType, ColorSpace, DependencyDescriptor:
		return true
	}
	return false
}

// Kept tells whether the extension's value stays with its packet: it is forwarded, or
// says of layers what every node that the packet comes through needs to know.
func (e Extension) Kept() bool { return e.Forwarded() || e == VideoLayers || e == FrameMarking }
