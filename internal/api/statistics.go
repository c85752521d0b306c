package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/stream"
)

// GetSessionStatistics answers GET of what was measured of a session.
func (h *Handler) GetSessionStatistics(c echo.Context, name wire.Stream, id wire.ID) error {
	s, err := h.find(name, id)
	if err != nil {
		return err
	}
	m := s.Parts()
	out := wire.SessionStatistics{At: stamp(time.Now()), Timeline: timeline(s)}
	if m.Peer != nil {
		out.Transport = transport(m.Peer.Stats())
	}
	if m.Publication != nil {
		out.Publisher = publisher(time.Now(), m.Publication)
	}
	if m.Subscription != nil {
		out.Subscriber = subscriber(m.Subscription.Counts())
		m.Subscription.Refresh() // for whoever asks again
	}
	return answer(c, http.StatusOK, out)
}

func transport(s rtc.Stats) wire.TransportStatistics {
	out := wire.TransportStatistics{
		RoundTripTime: known(milliseconds(s.RTT)),
		BytesSent:     int64(s.BytesSent), BytesReceived: int64(s.BytesReceived),
		PacketsSent: int64(s.PacketsSent), PacketsReceived: int64(s.PacketsReceived),
		PacketsRejected: int64(s.PacketsRejected), PacketsNotSent: int64(s.PacketsNotSent),
	}
	if s.Remote.IsValid() {
		out.CandidatePair = &wire.CandidatePair{Remote: s.Remote.String(), Protocol: wire.CandidatePairProtocol(s.Protocol)}
	}
	return out
}

func publisher(now time.Time, p *stream.Publication) *wire.PublisherStatistics {
	c := p.Counts()
	out := &wire.PublisherStatistics{
		Packets: int64(c.Packets), Bytes: int64(c.Bytes), Repaired: int64(c.Repaired), Lost: int64(c.Lost),
		Duplicates: int64(c.Duplicates), Unknown: int64(c.Unknown), Malformed: int64(c.Malformed), Late: int64(c.Late),
		Reordered: int64(c.Reordered), Nacks: int64(c.Nacks), KeyframeRequests: int64(c.Requests),
		LastPacket: when(c.LastPacket),
	}
	for _, kind := range []codec.Kind{codec.Audio, codec.Video} {
		for _, e := range p.Publisher().Encodings(kind) {
			out.Bitrate += bitrate(now, e)
		}
	}
	return out
}

// rtpClock is what the jitter of a report on video counts in (RFC 3550 §6.4.1); one on
// sound alone counts in that of Opus.
func rtpClock(c *stream.SubscriptionCounts) float64 {
	if c.Video.Packets > 0 {
		return 90_000
	}
	return 48_000
}

func subscriber(c stream.SubscriptionCounts) *wire.SubscriberStatistics {
	out := &wire.SubscriberStatistics{
		Bitrate: c.Bitrate, Estimate: c.Estimate, Remb: known(c.Session.REMB),
		RoundTripTime: known(milliseconds(c.RTT)), Loss: float64(c.Session.FractionLost) / 256,
		Nacks: int64(c.Session.Nacks), Malformed: int64(c.Session.Malformed),
		Layer: sent(c.Choice), Picture: picture(c.Measures), Switches: switches(c.Video.Switches), Audio: downTrack(&c.Audio), Video: downTrack(&c.Video),
	}
	if c.RTT > 0 { // there was a report
		out.Jitter = new(float64(c.Session.Jitter) * 1000 / rtpClock(&c))
	}
	return out
}

func picture(m forwarder.Measures) wire.PictureStatistics {
	return wire.PictureStatistics{
		Watched: milliseconds(m.Watched), Frozen: milliseconds(m.Frozen),
		BestLayer: milliseconds(m.Best), LowerLayer: milliseconds(m.Lower),
	}
}

func switches(s forwarder.Switches) wire.SwitchStatistics {
	return wire.SwitchStatistics{Up: int64(s.Up), Down: int64(s.Down), Selected: int64(s.Selected), Published: int64(s.Published)}
}

func sent(c forwarder.Choice) wire.Sent {
	out := wire.Sent{Paused: c.Paused, Automatic: c.Automatic}
	if c.Encoding == nil {
		return out
	}
	out.Rid = known(c.Encoding.RID())
	out.SpatialLayerID, out.TemporalLayerID = new(int(c.Spatial)), new(int(c.Temporal))
	for _, l := range c.Encoding.Layers() {
		if l.Spatial == c.Spatial && l.Temporal == c.Temporal {
			out.Width, out.Height = known(l.Width), known(l.Height)
		}
	}
	return out
}

// downTrack shows a track; nil for one that never was.
func downTrack(d *forwarder.DownCounts) *wire.DownTrackStatistics {
	if *d == (forwarder.DownCounts{}) {
		return nil
	}
	return &wire.DownTrackStatistics{
		Packets: int64(d.Packets), Bytes: int64(d.Bytes), Resent: int64(d.Resent),
		ResendRefused: int64(d.ResendRefused), ResendForgotten: int64(d.ResendForgotten), Probes: int64(d.Probes),
		Dropped: int64(d.Dropped), Late: int64(d.Late), Keyframes: int64(d.Keyframes), KeyframeRequests: int64(d.KeyframeRequests),
		Skips: int64(d.Skips), Restarts: int64(d.Restarts), Freezes: int64(d.Pauses),
	}
}
