package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// ListStreams answers GET of the streams.
func (h *Handler) ListStreams(c echo.Context, params wire.ListStreamsParams) error {
	p, err := pageOf(params.Limit, params.After)
	if err != nil {
		return err
	}
	out := wire.StreamPage{Items: []wire.StreamStatus{}}
	names, next := p.cut(h.cfg.Streams.Names())
	out.Next = next
	now, publishers := time.Now(), h.publishers()
	for _, name := range names {
		if info, ok := h.cfg.Streams.Lookup(name); ok {
			out.Items = append(out.Items, streamStatus(now, info, publishers[name]))
		}
	}
	return answer(c, http.StatusOK, out)
}

// publishers returns the ids of the publishers' sessions by stream.
func (h *Handler) publishers() map[string]string {
	all := map[string]string{}
	for _, s := range h.cfg.Service.All() {
		if i := s.Info(); i.Kind == signaling.WHIP {
			all[i.Stream] = i.ID
		}
	}
	return all
}

// lookup finds a stream by the name in a path, or returns a 404.
func (h *Handler) lookup(name string) (stream.Info, error) {
	if err := streamOf(name); err != nil {
		return stream.Info{}, err
	}
	info, ok := h.cfg.Streams.Lookup(name)
	if !ok {
		return stream.Info{}, unknownStream()
	}
	return info, nil
}

func unknownStream() *signaling.Problem {
	return signaling.NewProblem(http.StatusNotFound, "unknown-stream", "Nobody publishes this stream and nobody waits for it.")
}

// GetStream answers GET of a stream.
func (h *Handler) GetStream(c echo.Context, name wire.Stream) error {
	info, err := h.lookup(name)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, streamStatus(time.Now(), info, h.publishers()[name]))
}

// DiagnoseStream answers GET of what is wrong with a stream.
func (h *Handler) DiagnoseStream(c echo.Context, name wire.Stream) error {
	info, err := h.lookup(name)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, wire.Diagnosis{Live: info.Live(), Findings: findings(info.Diagnosis)})
}

// EndStream answers DELETE of a stream: its sessions end.
func (h *Handler) EndStream(c echo.Context, name wire.Stream, params wire.EndStreamParams) error {
	which := wire.EndStreamParamsSessionsAll
	if params.Sessions != nil {
		which = *params.Sessions
	}
	if !which.Valid() {
		return badParameter("sessions is all or publisher.")
	}
	if _, err := h.lookup(name); err != nil {
		return err
	}
	var ids []string
	for _, s := range h.cfg.Service.All() {
		i := s.Info()
		if i.Stream == name && (i.Kind == signaling.WHIP || which == wire.EndStreamParamsSessionsAll) {
			ids = append(ids, i.ID)
		}
	}
	return answer(c, http.StatusOK, wire.Ended{Sessions: h.cfg.Service.KickAll(ids)})
}

func streamStatus(now time.Time, i stream.Info, publisher string) wire.StreamStatus {
	out := wire.StreamStatus{
		Name: i.Name, Live: i.Live(), PublishedSince: when(i.Since), Publisher: known(publisher), Subscribers: i.Subscribers,
		Encodings: []wire.Encoding{}, Diagnosis: findings(i.Diagnosis),
	}
	sum := int64(0)
	for _, e := range i.Encodings {
		out.Encodings = append(out.Encodings, encoding(now, e))
		sum += bitrate(now, e)
	}
	if i.Audio != nil {
		out.Audio = &wire.AudioStatus{Codec: wire.AudioStatusCodec(i.Audio.Format().Name.String()), Bitrate: bitrate(now, i.Audio)}
		sum += out.Audio.Bitrate
	}
	if i.Live() {
		out.Bitrate = &sum
	}
	return out
}

func findings(all []forwarder.Finding) []wire.Finding {
	out := []wire.Finding{} // an empty list, never null
	for _, f := range all {
		out = append(out, wire.Finding(f))
	}
	return out
}
