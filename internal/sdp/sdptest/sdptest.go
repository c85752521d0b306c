// Package sdptest builds the offers and ICE fragments that tests of WHIP and
// WHEP post: synthetic ones, small and easy to bend, and bodies recorded from
// real clients. It is for tests only and refuses nothing: a fixture that cannot
// be built panics.
//
// Synthetic fixtures take modifiers, applied in order:
//
//	sdptest.Base(sdptest.Direction("recvonly"), sdptest.Without("a=group:BUNDLE"))
package sdptest

import (
	"fmt"
	"strings"
)

// ICE and DTLS values of the synthetic fixtures.
const (
	Ufrag       = "EsAw"
	Pwd         = "P2uYro0UCOQ4zxjKXaWCBui1"
	Fingerprint = "sha-256 DD:BF:5D:6F:0C:01:5F:93:A7:CA:86:1D:39:2C:8B:17:21:AB:40:5C:6B:9E:60:FE:26:1A:0D:5A:6C:24:49:D7"
)

// transport is what every section of a browser-like offer carries.
const transport = `c=IN IP4 0.0.0.0
a=ice-ufrag:` + Ufrag + `
a=ice-pwd:` + Pwd + `
a=fingerprint:` + Fingerprint + `
a=setup:actpass
`

const head = `v=0
o=- 4962303333179871722 1 IN IP4 127.0.0.1
s=-
t=0 0
`

const baseAudio = `m=audio 9 UDP/TLS/RTP/SAVPF 111
` + transport + `a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:d46fb922-d52a-4e9c-aa87-444eadc1521b ce326ecf-a081-453a-8f9f-0605d5ef4128
a=rtcp-mux
a=rtcp-mux-only
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
`

const baseVideo = `m=video 9 UDP/TLS/RTP/SAVPF 96 97 102
` + transport + `a=mid:1
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=sendonly
a=msid:d46fb922-d52a-4e9c-aa87-444eadc1521b 3956b460-40f4-4d05-acef-03abcdd8c6fd
a=rtcp-mux
a=rtcp-mux-only
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 goog-remb
a=rtcp-fb:102 transport-cc
a=rtcp-fb:102 ccm fir
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
`

const dataChannel = `m=application 9 UDP/DTLS/SCTP webrtc-datachannel
` + transport + `a=mid:2
a=sctp-port:5000
a=max-message-size:262144
`

// build joins parts and applies modifiers; parts are written with LF.
func build(mods []Mod, parts ...string) string {
	s := strings.ReplaceAll(strings.Join(parts, ""), "\n", "\r\n")
	for _, m := range mods {
		s = m(s)
	}
	return s
}

// Base is F-BASE: audio mid 0 (Opus 111), video mid 1 (VP8 96 with RTX 97, H264
// 102), bundled, actpass, sendonly, no candidates.
func Base(mods ...Mod) string {
	return build(mods, head, "a=group:BUNDLE 0 1\n", baseAudio, baseVideo)
}

// AudioOnly is F-AONLY: the audio section of Base.
func AudioOnly(mods ...Mod) string {
	return build(mods, head, "a=group:BUNDLE 0\n", baseAudio)
}

// VideoOnly is F-VONLY: the video section of Base.
func VideoOnly(mods ...Mod) string {
	return build(mods, head, "a=group:BUNDLE 1\n", baseVideo)
}

// WithData is Base with a data-channel section, mid 2.
func WithData(mods ...Mod) string {
	return build(mods, head, "a=group:BUNDLE 0 1 2\n", baseAudio, baseVideo, dataChannel)
}

// DataOnly is an offer of nothing but a data channel.
func DataOnly(mods ...Mod) string {
	return build(mods, head, "a=group:BUNDLE 2\n", dataChannel)
}

// Sim3 is F-SIM3: Base with three encodings, rids 0, 1, 2.
func Sim3(mods ...Mod) string { return Base(append([]Mod{Simulcast("0", "1", "2")}, mods...)...) }

// BroadcastBox is F-BB: a msid without stream, rids WebHigh, WebMid, WebLow.
func BroadcastBox(mods ...Mod) string {
	return Base(append([]Mod{
		Replace("d46fb922-d52a-4e9c-aa87-444eadc1521b ", "- "),
		Simulcast("WebHigh", "WebMid", "WebLow"),
	}, mods...)...)
}

// View is V-BASE: Base as a subscriber's offer, recvonly and without msid.
func View(mods ...Mod) string {
	return Base(append([]Mod{Direction("recvonly"), Without("a=msid:")}, mods...)...)
}

// ViewWithData is V-DC: View with a data-channel section, mid 2.
func ViewWithData(mods ...Mod) string {
	return WithData(append([]Mod{Direction("recvonly"), Without("a=msid:")}, mods...)...)
}

const obsHead = `v=0
o=rtc 2216431172 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=setup:actpass
a=ice-ufrag:` + Ufrag + `
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBu
a=ice-options:ice2,trickle
a=fingerprint:` + Fingerprint + `
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=ssrc:3990895150 cname:iLaaeN6eh1UARmJX
a=ssrc:3990895150 msid:uU6NEuTEU8PJdpeH uU6NEuTEU8PJdpeH-audio
a=msid:uU6NEuTEU8PJdpeH uU6NEuTEU8PJdpeH-audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=sendonly
`

const obsVideo = `a=msid:uU6NEuTEU8PJdpeH uU6NEuTEU8PJdpeH-video
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
`

// OBS is F-OBS: transport attributes at session level, no candidates.
func OBS(mods ...Mod) string {
	ssrc := "a=ssrc:3990895151 cname:iLaaeN6eh1UARmJX\n"
	return build(mods, obsHead, ssrc, obsVideo)
}

// OBSSim is F-OBS-SIM(n): OBS with n encodings, rids from 0, no ssrc in video.
func OBSSim(n int, mods ...Mod) string {
	rids, list := "", make([]string, n)
	for i := range n {
		rids += fmt.Sprintf("a=rid:%d send\n", i)
		list[i] = fmt.Sprint(i)
	}
	return build(mods, obsHead, rids, "a=simulcast:send ", strings.Join(list, ";"), "\n", obsVideo)
}

const ffHead = `v=0
o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
s=FFmpegPublishSession
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
`

const ffTransport = `c=IN IP4 0.0.0.0
a=ice-ufrag:4ae6ac59
a=ice-pwd:de1ce0f4f6cd7705cd6f59777e04047c
a=fingerprint:` + Fingerprint + `
a=setup:passive
`

const ffAudio = `m=audio 9 UDP/TLS/RTP/SAVPF 111
` + ffTransport + `a=mid:0
a=sendonly
a=msid:FFmpeg audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=ssrc:2941328065 cname:FFmpeg
a=ssrc:2941328065 msid:FFmpeg audio
`

const ffVideo = `m=video 9 UDP/TLS/RTP/SAVPF 106 105
` + ffTransport + `a=mid:1
a=sendonly
a=msid:FFmpeg video
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:106 H264/90000
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtcp-fb:106 nack
a=rtpmap:105 rtx/90000
a=fmtp:105 apt=106
a=ssrc-group:FID 2941328066 2941328067
a=ssrc:2941328066 cname:FFmpeg
a=ssrc:2941328066 msid:FFmpeg video
`

// FFmpeg is F-FF: setup passive, no extensions, an RTX ssrc declared in the
// FID group alone.
func FFmpeg(mods ...Mod) string { return build(mods, ffHead, ffAudio, ffVideo) }

// FFmpegAudioOnly is F-FF-AONLY: mid 0 alone in "BUNDLE 0 1".
func FFmpegAudioOnly(mods ...Mod) string { return build(mods, ffHead, ffAudio) }

// FFmpegVideoOnly is F-FF-VONLY: mid 1 alone in "BUNDLE 0 1".
func FFmpegVideoOnly(mods ...Mod) string { return build(mods, ffHead, ffVideo) }

// GStreamer is F-GST: named mids, redundancy payload types, msid at ssrc level.
func GStreamer(mods ...Mod) string {
	return build(mods, head, "a=ice-options:trickle\na=group:BUNDLE video0 audio1\n", gstVideo, gstAudio)
}

const gstVideo = `m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99
` + transport + `a=rtcp-mux
a=rtcp-rsize
a=sendonly
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 transport-cc
a=framerate:30
a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAH9oBQBbsBagICAoAAAMAAgAAAwB5HjBlQA==,aM48gA==;profile-level-id=42c01f;level-asymmetry-allowed=1
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 red/90000
a=rtpmap:99 ulpfec/90000
a=extmap:1 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=ssrc-group:FID 699724996 549923881
a=ssrc:699724996 msid:user1058664463@host webrtctransceiver0
a=ssrc:699724996 cname:user1058664463@host
a=ssrc:549923881 cname:user1058664463@host
a=mid:video0
a=rtcp-mux-only
a=candidate:2 1 TCP 1015021823 192.0.2.7 9 typ host tcptype active
a=candidate:1 1 UDP 2015363327 192.0.2.7 37623 typ host
`

const gstAudio = `m=audio 9 UDP/TLS/RTP/SAVPF 111
` + transport + `a=rtcp-mux
a=rtcp-rsize
a=sendonly
a=rtpmap:111 OPUS/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 sprop-stereo=1;sprop-maxcapturerate=48000
a=extmap:1 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=ssrc:549923880 msid:user1058664463@host webrtctransceiver1
a=ssrc:549923880 cname:user1058664463@host
a=mid:audio1
a=rtcp-mux-only
`
