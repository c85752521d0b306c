package config

// Bounds holds the settings about what one client may take.
type Bounds struct {
	MaxUnconnected     int `name:"max-unconnected" default:"1000" placeholder:"N" help:"Most sessions whose client has not connected yet. At the bound the address with the most of them loses its oldest to others."`
	MaxTokenSessions   int `name:"max-token-sessions" default:"0" placeholder:"N" help:"Most sessions of one token at a time; 0: no limit but the token's own."`
	MaxSubjectSessions int `name:"max-subject-sessions" default:"0" placeholder:"N" help:"Most sessions of one subject (sub) at a time; 0: no limit."`
	MaxAddressSessions int `name:"max-address-sessions" default:"0" placeholder:"N" help:"Most sessions from one address at a time (IPv6: one /64); 0: no limit. Behind a proxy set --trusted-proxies, or all clients are one."`

	MaxRequestRate int `name:"max-request-rate" default:"100" placeholder:"N" help:"Most POST, PATCH and DELETE requests a second from one address, ten times as many after a pause; 0: no limit."`
	MaxFailureRate int `name:"max-failure-rate" default:"10" placeholder:"N" help:"The same for tokens that are not good. An address that tries more is not listened to for a while."`

	MaxPublishBitrate string `name:"max-publish-bitrate" placeholder:"BITRATE" help:"Most bits per second of one publisher, e.g. 12M. Browsers are told and keep to it; a publisher that sends more for ten seconds is ended. Default: no limit."`
}

// ClientLimits are the checked Bounds: 0 is no limit, but of MaxUnconnected.
type ClientLimits struct {
	MaxUnconnected int // at least 1

	MaxTokenSessions, MaxSubjectSessions, MaxAddressSessions int

	MaxRequestRate, MaxFailureRate int   // a second and address
	MaxPublishBitrate              int64 // bits per second
}

func (e *problems) bounds(b Bounds) ClientLimits {
	return ClientLimits{
		MaxUnconnected:     e.between("max-unconnected", b.MaxUnconnected, 1, maxSessions),
		MaxTokenSessions:   e.between("max-token-sessions", b.MaxTokenSessions, 0, maxSessions),
		MaxSubjectSessions: e.between("max-subject-sessions", b.MaxSubjectSessions, 0, maxSessions),
		MaxAddressSessions: e.between("max-address-sessions", b.MaxAddressSessions, 0, maxSessions),
		MaxRequestRate:     e.between("max-request-rate", b.MaxRequestRate, 0, maxRate),
		MaxFailureRate:     e.between("max-failure-rate", b.MaxFailureRate, 0, maxRate),
		MaxPublishBitrate:  e.bitrate("max-publish-bitrate", b.MaxPublishBitrate),
	}
}
