//go:build e2e

package codec_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/test/harness"
)

// A browserClip is how one fixture is made: Chromium sends a canvas with a moving box
// to a receiver that negotiated the Dependency Descriptor.
type browserClip struct {
	name, codec, mode string
	width, height     int
	bitrate           int // of the encoding that is kept, bits per second
	packets           int // that are kept, from a keyframe on
	simulcast         bool
	plain             bool // without the descriptor, with the extensions that the browser offers by itself
	lower, higher     int  // packets after which the bitrate falls to a tenth, and rises again
}

func browserClips() []browserClip {
	return []browserClip{
		{name: "vp8-chromium-simulcast", codec: "VP8", mode: "L1T3", width: 640, height: 360, bitrate: 400_000, packets: 48, simulcast: true},
		{name: "vp9-chromium-l1t3", codec: "VP9", mode: "L1T3", width: 160, height: 90, bitrate: 200_000, packets: 40},
		{name: "vp9-chromium-l3t3", codec: "VP9", mode: "L3T3", width: 1280, height: 720, bitrate: 1_500_000, packets: 64},
		{name: "vp9-chromium-l3t3-fewer", codec: "VP9", mode: "L3T3", width: 1280, height: 720, bitrate: 1_500_000, packets: 260, lower: 30, higher: 80},
		{name: "vp9-chromium-l3t3key-fewer", codec: "VP9", mode: "L3T3_KEY", width: 1280, height: 720, bitrate: 1_500_000, packets: 260, lower: 30, higher: 80},
		{name: "av1-chromium-l3t3", codec: "AV1", mode: "L3T3", width: 1280, height: 720, bitrate: 1_500_000, packets: 64},
		{name: "av1-chromium-l3t3key", codec: "AV1", mode: "L3T3_KEY", width: 1280, height: 720, bitrate: 1_500_000, packets: 64},
		{name: "vp8-chromium-l1t3-plain", codec: "VP8", mode: "L1T3", width: 160, height: 90, bitrate: 200_000, packets: 40, plain: true},
		{name: "h264-chromium-l1t3", codec: "H264", mode: "L1T3", width: 160, height: 90, bitrate: 200_000, packets: 40},
	}
}

// browserSettle is what Chromium gets to find the bitrate at which it sends all layers.
const browserSettle = 8 * time.Second

// keptExtensions are the extensions of the fixtures, by their ids there.
func keptExtensions() map[uint8]string {
	return map[uint8]string{
		12: codec.VideoLayers.URI(), 13: codec.AbsCaptureTime.URI(), dependencyID: codec.DependencyDescriptor.URI(),
	}
}

const offerScript = `async arg => {
	const canvas = document.createElement('canvas');
	canvas.width = arg.width; canvas.height = arg.height;
	const context = canvas.getContext('2d');
	let n = 0;
	setInterval(() => {
		context.fillStyle = '#205080'; context.fillRect(0, 0, arg.width, arg.height);
		context.fillStyle = '#e0c040'; context.fillRect((n++ * 4) % arg.width, arg.height / 3, 24, 24);
	}, 33);
	const pc = window.pc = new RTCPeerConnection();
	const track = canvas.captureStream(30).getVideoTracks()[0];
	const transceiver = pc.addTransceiver(track, {direction: 'sendonly', sendEncodings: arg.encodings});
	const codecs = RTCRtpSender.getCapabilities('video').codecs.filter(c =>
		c.mimeType === 'video/' + arg.codec && !/profile-id=[123]|packetization-mode=0|profile-level-id=(?!42)/.test(c.sdpFmtpLine));
	transceiver.setCodecPreferences(codecs);
	const extensions = transceiver.getHeaderExtensionsToNegotiate();
	if (!arg.plain) extensions.forEach(e => { e.direction = 'sendrecv'; });
	transceiver.setHeaderExtensionsToNegotiate(extensions);
	const parameters = transceiver.sender.getParameters();
	parameters.degradationPreference = 'maintain-resolution';
	await transceiver.sender.setParameters(parameters);
	await pc.setLocalDescription();
	while (pc.iceGatheringState !== 'complete') await new Promise(done => setTimeout(done, 50));
	return pc.localDescription.sdp;
}`

const answerScript = `async sdp => { await window.pc.setRemoteDescription({type: 'answer', sdp}); }`

const bitrateScript = `async bitrate => {
	const sender = window.pc.getSenders()[0];
	const parameters = sender.getParameters();
	parameters.encodings[0].maxBitrate = bitrate;
	await sender.setParameters(parameters);
}`

// TestCaptureChromium writes the fixtures of a browser. Like TestCapture it proves
// nothing.
func TestCaptureChromium(t *testing.T) {
	if !*capture {
		t.Skip("writes fixtures; run with -capture")
	}
	browser := harness.NewBrowser(t)
	t.Logf("Chromium %s", browser.Version())
	url := harness.ServePages(t)
	for _, c := range browserClips() {
		t.Run(c.name, func(t *testing.T) {
			page := browser.Open(t, url, harness.View{})
			defer page.Close()
			writeFixture(t, c.name, c.record(t, page))
		})
	}
}

// encodings returns what the page sends; the middle one of three is kept.
func (c browserClip) encodings() []map[string]any {
	one := func(rid string, bitrate int, scale float64) map[string]any {
		e := map[string]any{"scalabilityMode": c.mode, "maxBitrate": bitrate, "scaleResolutionDownBy": scale}
		if rid != "" {
			e["rid"] = rid
		}
		return e
	}
	if c.simulcast {
		return []map[string]any{one("q", c.bitrate/3, 4), one("h", c.bitrate, 2), one("f", 3*c.bitrate, 1)}
	}
	return []map[string]any{one("", c.bitrate, 1)}
}

// record lets the page send to a receiver and returns the packets to keep.
func (c browserClip) record(t *testing.T, page *harness.Page) [][]byte {
	t.Helper()
	pc := newReceiver(t, c)
	arrived := make(chan *rtp.Packet, 4096)
	ids := map[string]uint8{}
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		for _, e := range receiver.GetParameters().HeaderExtensions {
			ids[e.URI] = uint8(e.ID)
		}
		kept := track.RID() == "" || track.RID() == "h"
		go func() { // so that feedback is sent
			for buf := make([]byte, 1500); ; {
				read := receiver.Read
				if rid := track.RID(); rid != "" {
					read = func(b []byte) (int, interceptor.Attributes, error) { return receiver.ReadSimulcast(b, rid) }
				}
				if _, _, err := read(buf); err != nil {
					return
				}
			}
		}()
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if kept {
				arrived <- p
			}
		}
	})
	c.connect(t, pc, page)
	return c.keep(t, pc, page, arrived, ids)
}

func newReceiver(t *testing.T, c browserClip) *webrtc.PeerConnection {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var m webrtc.MediaEngine
	fmtp := map[string]string{"H264": "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", "VP9": "profile-id=0"}[c.codec]
	check(m.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "video/" + c.codec, ClockRate: 90000, SDPFmtpLine: fmtp},
		PayloadType:        96,
	}, webrtc.RTPCodecTypeVideo))
	extensions := []codec.Extension{codec.MID, codec.RID, codec.RepairedRID, codec.VideoLayers, codec.AbsCaptureTime}
	if !c.plain {
		extensions = append(extensions, codec.DependencyDescriptor)
	}
	for _, e := range extensions {
		check(m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: e.URI()}, webrtc.RTPCodecTypeVideo))
	}
	var registry interceptor.Registry
	check(webrtc.ConfigureTWCCSender(&m, &registry))
	check(webrtc.ConfigureRTCPReports(&registry))
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithInterceptorRegistry(&registry), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	check(err)
	t.Cleanup(func() { _ = pc.Close() })
	return pc
}

func (c browserClip) connect(t *testing.T, pc *webrtc.PeerConnection, page *harness.Page) {
	t.Helper()
	var offer string
	page.Call(t, offerScript, map[string]any{
		"codec": c.codec, "width": c.width, "height": c.height, "encodings": c.encodings(), "plain": c.plain,
	}, &offer)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatal(err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	page.Call(t, answerScript, pc.LocalDescription().SDP, nil)
}

// keep waits until all layers are sent, asks for a keyframe and keeps packets from
// there on; of the padding packets only the first two.
func (c browserClip) keep(t *testing.T, pc *webrtc.PeerConnection, page *harness.Page, arrived <-chan *rtp.Packet, ids map[string]uint8) [][]byte {
	t.Helper()
	name, _ := codec.ParseName(c.codec)
	var kept [][]byte
	padding, asked := 0, false
	settled, over := time.After(browserSettle), time.After(browserSettle+60*time.Second)
	for len(kept) < c.packets {
		var p *rtp.Packet
		select {
		case p = <-arrived:
		case <-settled:
			asked = true
			continue
		case <-over:
			t.Fatalf("%d packets", len(kept))
		}
		if asked && len(kept) == 0 {
			if !codec.Inspect(codec.Format{Name: name}, p.Payload).Keyframe {
				askKeyframe(t, pc, p.SSRC)
				continue
			}
		}
		if !asked || len(p.Payload) == 0 && padding == 2 {
			continue
		}
		if len(p.Payload) == 0 {
			padding++
		}
		kept = append(kept, reduced(t, p, ids))
		switch len(kept) {
		case c.lower:
			page.Call(t, bitrateScript, c.bitrate/10, nil)
		case c.higher:
			page.Call(t, bitrateScript, c.bitrate, nil)
		}
	}
	return kept
}

// askKeyframe asks now and then: Chromium answers one request in 300 ms.
func askKeyframe(t *testing.T, pc *webrtc.PeerConnection, ssrc uint32) {
	t.Helper()
	if err := pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
		t.Fatal(err)
	}
}

// reduced returns a packet with only the extensions of the fixtures, by their ids there.
func reduced(t *testing.T, p *rtp.Packet, ids map[string]uint8) []byte {
	t.Helper()
	out := *p
	out.Extension, out.Extensions, out.ExtensionProfile = false, nil, 0
	kept := keptExtensions()
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		value := p.GetExtension(ids[kept[id]])
		if value == nil {
			continue
		}
		out.Extension = true
		out.ExtensionProfile = 0x1000 // two-byte headers: values may be long
		if err := out.SetExtension(id, value); err != nil {
			t.Fatal(err)
		}
	}
	b, err := out.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
