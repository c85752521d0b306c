package client

import (
	"net"
	"net/url"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/quiet"
)

// A peerPlan is what differs between a publisher's and a subscriber's peer.
type peerPlan struct {
	formats    []Format
	extensions map[codec.Extension][]codec.Kind
	send       bool
	tap        *tap
}

// newPeer makes a peer connection with pion's ordinary feedback.
func newPeer(opts *Options, endpoint *url.URL, plan peerPlan) (*webrtc.PeerConnection, *mutableNet, error) {
	engine := &webrtc.MediaEngine{}
	if err := register(engine, plan.formats, !opts.NoRepair); err != nil {
		return nil, nil, err
	}
	if err := registerExtensions(engine, plan.extensions); err != nil {
		return nil, nil, err
	}
	interceptors, err := newInterceptors(engine, plan, !opts.NoRepair)
	if err != nil {
		return nil, nil, err
	}
	setting, network, err := newSetting(opts, endpoint)
	if err != nil {
		return nil, nil, err
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine),
		webrtc.WithInterceptorRegistry(interceptors), webrtc.WithSettingEngine(*setting))
	config := webrtc.Configuration{
		ICEServers: opts.ICEServers, BundlePolicy: webrtc.BundlePolicyMaxBundle,
		ICETransportPolicy: transportPolicy(opts),
	}
	pc, err := api.NewPeerConnection(config)
	return pc, network, err
}

func transportPolicy(opts *Options) webrtc.ICETransportPolicy {
	if opts.RelayOnly {
		return webrtc.ICETransportPolicyRelay
	}
	return webrtc.ICETransportPolicyAll
}

func newSetting(opts *Options, endpoint *url.URL) (*webrtc.SettingEngine, *mutableNet, error) {
	network := &mutableNet{Net: opts.Net}
	if network.Net == nil {
		host, err := stdnet.NewNet()
		if err != nil {
			return nil, nil, err
		}
		network.Net = host
	}
	setting := &webrtc.SettingEngine{LoggerFactory: quiet.Logger{}}
	setting.SetNet(network)
	setting.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	setting.SetSRTPReplayProtectionWindow(replayWindow)
	// A server's checks may arrive before its answer, or from an address that is not in it. Such
	// a way may be the best there is, and waiting for a better one costs a second.
	setting.SetPrflxAcceptanceMinWait(0)
	setting.SetICEMaxBindingRequests(maxChecks)
	setting.SetDTLSRetransmissionInterval(flightInterval)
	setting.SetIncludeLoopbackCandidate(loopback(endpoint.Hostname()))
	if opts.TCPOnly {
		setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	}
	if opts.Setting != nil {
		opts.Setting(setting)
	}
	return setting, network, nil
}

// loopback tells whether the server is on this machine, which may have no other
// address in common with it.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func registerExtensions(engine *webrtc.MediaEngine, extensions map[codec.Extension][]codec.Kind) error {
	for _, e := range extensionOrder() {
		for _, kind := range extensions[e] {
			typ := webrtc.RTPCodecTypeVideo
			if kind == codec.Audio {
				typ = webrtc.RTPCodecTypeAudio
			}
			capability := webrtc.RTPHeaderExtensionCapability{URI: e.URI()}
			if err := engine.RegisterHeaderExtension(capability, typ); err != nil {
				return err
			}
		}
	}
	return nil
}

// extensionOrder fixes the ids: maps have no order.
func extensionOrder() []codec.Extension {
	return []codec.Extension{
		codec.MID, codec.RID, codec.RepairedRID, codec.TransportCC, codec.AbsSendTime, codec.AbsCaptureTime,
		codec.PlayoutDelay, codec.AudioLevel, codec.VideoOrientation, codec.DependencyDescriptor,
	}
}

// newInterceptors makes the ordinary chain: repair, reports, transport-cc. The tap
// comes first, which is nearest to the network, to see what the others send.
func newInterceptors(engine *webrtc.MediaEngine, plan peerPlan, repair bool) (*interceptor.Registry, error) {
	registry := &interceptor.Registry{}
	registry.Add(plan.tap)
	factories, err := feedbackFactories(repair)
	if err != nil {
		return nil, err
	}
	for _, f := range factories {
		registry.Add(f)
	}
	if err := addTransportCC(engine, registry, plan); err != nil {
		return nil, err
	}
	return registry, nil
}

func feedbackFactories(repair bool) ([]interceptor.Factory, error) {
	var factories []interceptor.Factory
	if repair {
		generator, err := nack.NewGeneratorInterceptor(nack.WithGeneratorLoggerFactory(quiet.Logger{}))
		if err != nil {
			return nil, err
		}
		responder, err := nack.NewResponderInterceptor(nack.WithResponderLoggerFactory(quiet.Logger{}))
		if err != nil {
			return nil, err
		}
		factories = append(factories, generator, responder)
	}
	receiver, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(quiet.Logger{}))
	if err != nil {
		return nil, err
	}
	sender, err := report.NewSenderInterceptor(report.WithSenderLoggerFactory(quiet.Logger{}))
	if err != nil {
		return nil, err
	}
	return append(factories, receiver, sender), nil
}

// addTransportCC numbers what a publisher sends, or acknowledges what a
// subscriber gets.
func addTransportCC(engine *webrtc.MediaEngine, registry *interceptor.Registry, plan peerPlan) error {
	if _, ok := plan.extensions[codec.TransportCC]; !ok {
		return nil
	}
	feedback := webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}
	engine.RegisterFeedback(feedback, webrtc.RTPCodecTypeVideo)
	engine.RegisterFeedback(feedback, webrtc.RTPCodecTypeAudio)
	var factory interceptor.Factory
	var err error
	if plan.send {
		factory, err = twcc.NewHeaderExtensionInterceptor()
	} else {
		factory, err = twcc.NewSenderInterceptor(twcc.WithLoggerFactory(quiet.Logger{}))
	}
	if err == nil {
		registry.Add(factory)
	}
	return err
}
