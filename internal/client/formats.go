package client

import (
	"fmt"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// Payload types of offers. RTX of a dynamic video type is the next number.
const (
	opusType  = 111
	videoType = 96 // the first; every further video format is two more
)

// mimeType returns what pion calls a codec.
func mimeType(name codec.Name) string { return name.Kind().String() + "/" + name.String() }

// parseMime finds the codec of a pion MIME type.
func parseMime(mime string) (codec.Name, bool) {
	for i := range len(mime) {
		if mime[i] == '/' {
			return codec.ParseName(mime[i+1:])
		}
	}
	return 0, false
}

// fmtps returns the parameters a player offers per codec, one line a payload
// type: what current browsers can receive.
func fmtps(name codec.Name) []string {
	const mode0, mode1 = "level-asymmetry-allowed=1;packetization-mode=0", "level-asymmetry-allowed=1;packetization-mode=1"
	switch name {
	case codec.Opus:
		return []string{"minptime=10;useinbandfec=1;stereo=1"}
	case codec.H264:
		return []string{
			mode1 + ";profile-level-id=42e01f", mode1 + ";profile-level-id=42001f",
			mode1 + ";profile-level-id=4d001f", mode1 + ";profile-level-id=640032",
			mode0 + ";profile-level-id=42e01f", mode0 + ";profile-level-id=4d001f",
		}
	case codec.H265:
		return []string{"level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST"}
	case codec.VP9:
		return []string{"profile-id=0", "profile-id=2"}
	case codec.AV1:
		return []string{"level-idx=5;profile=0;tier=0"}
	}
	return []string{""}
}

// allCodecs is the order a player offers them in.
func allCodecs() []codec.Name {
	return []codec.Name{
		codec.Opus, codec.PCMU, codec.PCMA, codec.G722,
		codec.VP8, codec.H264, codec.VP9, codec.AV1, codec.H265,
	}
}

// playFormats lists what a player offers.
func playFormats(names []codec.Name) []Format {
	if len(names) == 0 {
		names = allCodecs()
	}
	var formats []Format
	for _, name := range names {
		for _, fmtp := range fmtps(name) {
			formats = append(formats, Format{name, fmtp})
		}
	}
	return formats
}

// register tells the engine which formats may be negotiated, in order.
func register(engine *webrtc.MediaEngine, formats []Format, repair bool) error {
	next := webrtc.PayloadType(videoType)
	for _, f := range formats {
		if f.Codec.Kind() == 0 {
			return fmt.Errorf("no such codec: %d", f.Codec)
		}
		if f.Codec.Kind() == codec.Audio {
			if err := registerOne(engine, f, audioType(f.Codec), nil); err != nil {
				return err
			}
			continue
		}
		if err := registerVideo(engine, f, next, repair); err != nil {
			return err
		}
		if next += 2; next == 108 {
			next = 112 // 108 to 111 are left to sound
		}
	}
	return nil
}

func registerVideo(engine *webrtc.MediaEngine, f Format, pt webrtc.PayloadType, repair bool) error {
	feedback := []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack", Parameter: "pli"}}
	if repair {
		feedback = append(feedback, webrtc.RTCPFeedback{Type: "nack"})
	}
	if err := registerOne(engine, f, pt, feedback); err != nil || !repair {
		return err
	}
	return engine.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", pt),
		},
		PayloadType: pt + 1,
	}, webrtc.RTPCodecTypeVideo)
}

func registerOne(engine *webrtc.MediaEngine, f Format, pt webrtc.PayloadType, feedback []webrtc.RTCPFeedback) error {
	capability := f.capability()
	capability.RTCPFeedback = feedback
	return engine.RegisterCodec(
		webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: pt}, kindOf(f.Codec))
}

// audioType returns the payload type of sound: static where RFC 3551 has one.
func audioType(name codec.Name) webrtc.PayloadType {
	switch name {
	case codec.PCMU:
		return 0
	case codec.PCMA:
		return 8
	case codec.G722:
		return 9
	}
	return opusType
}

func (f Format) capability() webrtc.RTPCodecCapability {
	c := webrtc.RTPCodecCapability{MimeType: mimeType(f.Codec), ClockRate: f.Codec.ClockRate(), SDPFmtpLine: f.Fmtp}
	if f.Codec == codec.Opus {
		c.Channels = 2 // RFC 7587 §7
	}
	return c
}

func kindOf(name codec.Name) webrtc.RTPCodecType {
	if name.Kind() == codec.Audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// newPayloader cuts frames into RTP payloads.
func newPayloader(name codec.Name) rtp.Payloader {
	switch name {
	case codec.H264:
		return &codecs.H264Payloader{}
	case codec.H265:
		return &codecs.H265Payloader{}
	case codec.VP8:
		return &codecs.VP8Payloader{EnablePictureID: true}
	case codec.VP9:
		return &codecs.VP9Payloader{}
	case codec.AV1:
		return &codecs.AV1Payloader{}
	case codec.Opus:
		return &codecs.OpusPayloader{}
	case codec.G722:
		return &codecs.G722Payloader{}
	}
	return &codecs.G711Payloader{}
}

// newDepacketizer joins payloads to frames.
func newDepacketizer(name codec.Name) rtp.Depacketizer {
	switch name {
	case codec.H264:
		return &codecs.H264Packet{}
	case codec.H265:
		return &codecs.H265Depacketizer{}
	case codec.VP8:
		return &codecs.VP8Packet{}
	case codec.VP9:
		return &codecs.VP9Packet{}
	case codec.AV1:
		return &codecs.AV1Depacketizer{}
	}
	return &codecs.OpusPacket{} // the payload is the frame
}
