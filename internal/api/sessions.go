package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
)

// ListSessions answers GET of a stream's sessions.
func (h *Handler) ListSessions(c echo.Context, name wire.Stream, params wire.ListSessionsParams) error {
	p, err := pageOf(params.Limit, params.After)
	if err != nil {
		return err
	}
	if params.Kind != nil && !params.Kind.Valid() {
		return badParameter("kind is publisher or subscriber.")
	}
	if _, err := h.lookup(name); err != nil {
		return err
	}
	all := map[string]*signaling.Session{}
	var ids []string
	for _, s := range h.cfg.Service.All() {
		if i := s.Info(); i.Stream == name && (params.Kind == nil || *params.Kind == kindOf(i.Kind)) {
			all[i.ID] = s
			ids = append(ids, i.ID)
		}
	}
	out := wire.SessionPage{Items: []wire.Session{}}
	ids, out.Next = p.cut(ids)
	for _, id := range ids {
		out.Items = append(out.Items, session(all[id]))
	}
	return answer(c, http.StatusOK, out)
}

// find finds a session by the names in a path, or returns a 404. Its id alone is not
// enough: it must be one of the stream's.
func (h *Handler) find(name, id string) (*signaling.Session, error) {
	if err := streamOf(name); err != nil {
		return nil, err
	}
	s := h.cfg.Service.Session(id)
	if s == nil || s.Stream() != name {
		return nil, signaling.NewProblem(http.StatusNotFound, "no-such-session", "The session has ended or never was, or is another stream's.")
	}
	return s, nil
}

// GetSession answers GET of a session.
func (h *Handler) GetSession(c echo.Context, name wire.Stream, id wire.ID) error {
	s, err := h.find(name, id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, session(s))
}

// KickSession answers DELETE of a session.
func (h *Handler) KickSession(c echo.Context, name wire.Stream, id wire.ID) error {
	s, err := h.find(name, id)
	if err != nil {
		return err
	}
	h.cfg.Service.Kick(s.ID(), signaling.Kicked) // if it ended by itself just now, all the better
	return c.NoContent(http.StatusNoContent)
}

func kindOf(k signaling.Kind) wire.SessionKind {
	if k == signaling.WHIP {
		return wire.SessionKindPublisher
	}
	return wire.SessionKindSubscriber
}

func session(s *signaling.Session) wire.Session {
	i := s.Info()
	out := wire.Session{
		ID: i.ID, Stream: i.Stream, Kind: kindOf(i.Kind), State: stateOf(s.State()),
		CreatedAt: stamp(i.Created), EndsAt: when(i.Ends), UserAgent: known(i.Agent),
		Issuer: known(i.Issuer), Subject: known(i.Subject), TokenID: known(i.Token),
		Timeline: timeline(s),
	}
	if i.Address.IsValid() {
		out.Address = new(i.Address.String())
	}
	return out
}

// stateOf shows the state of a connection. One that is about to end is disconnected.
func stateOf(s rtc.State) wire.SessionState {
	switch s {
	case rtc.Connecting:
		return wire.SessionStateConnecting
	case rtc.Connected:
		return wire.SessionStateConnected
	}
	return wire.SessionStateDisconnected
}

// timeline says how long after its POST a session got where.
func timeline(s *signaling.Session) wire.Timeline {
	t := s.Timeline()
	since := func(at time.Time) *float64 {
		if at.IsZero() {
			return nil
		}
		return new(milliseconds(max(at.Sub(t.Posted), 0)))
	}
	return wire.Timeline{
		Answered: since(t.Answered), Ice: since(t.ICE), Dtls: since(t.DTLS),
		FirstPacket: since(t.Packet), FirstKeyframe: since(t.Keyframe),
	}
}
