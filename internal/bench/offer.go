package bench

import (
	_ "embed"
	"net/netip"
	"strconv"
	"strings"
)

// subscriberOffer is of Chromium's size and content: what a browser would post.
//
//go:embed offers/subscriber.sdp
var subscriberOffer string

// publisherOffer has one payload type a section, as encoders post it.
//
//go:embed offers/publisher.sdp
var publisherOffer string

// Numbers of the publishers' offer.
const (
	opusType          = 111
	h264Type, vp8Type = 102, 96
)

func (c Codec) payloadType() uint8 {
	if c == VP8 {
		return vp8Type
	}
	return h264Type
}

// encodingName returns the codec's name in SDP.
func (c Codec) encodingName() string { return strings.ToUpper(string(c)) }

// An identity is what a peer says of itself in its offer.
type identity struct {
	ufrag, pwd, fingerprint string
	addr                    netip.AddrPort
}

func (i *identity) replacements() []string {
	return []string{
		"\n", "\r\n", "UFRAG", i.ufrag, "PWD", i.pwd, "FINGERPRINT", i.fingerprint,
		"ADDRESS", i.addr.Addr().String(), "PORT", strconv.Itoa(int(i.addr.Port())),
	}
}

// playOffer writes a subscriber's offer.
func (i *identity) playOffer() string {
	return strings.NewReplacer(i.replacements()...).Replace(subscriberOffer)
}

// publishOffer writes a publisher's offer.
func (i *identity) publishOffer(codec Codec, audioSSRC, videoSSRC uint32) string {
	fmtp := "a=fmtp:VIDEOTYPE VIDEOFMTP\n"
	text := publisherOffer
	if codec == VP8 {
		text = strings.Replace(text, fmtp, "", 1)
	}
	r := append([]string{
		"VIDEOTYPE", strconv.Itoa(int(codec.payloadType())), "VIDEOCODEC", codec.encodingName(),
		"VIDEOFMTP", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		"AUDIOSSRC", strconv.FormatUint(uint64(audioSSRC), 10), "VIDEOSSRC", strconv.FormatUint(uint64(videoSSRC), 10),
	}, i.replacements()...)
	return strings.NewReplacer(r...).Replace(text)
}
