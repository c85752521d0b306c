package whep

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/signaling"
)

const layerMethods = "OPTIONS, GET, HEAD, POST, DELETE"

// layer is the layer selection extension.
func (h *Handler) layer() signaling.Extension {
	return signaling.Extension{
		Name: "layer",
		Link: `rel="urn:ietf:params:whep:ext:core:layer"`,
		Allow: func(below string) string {
			if below != "" {
				return ""
			}
			return layerMethods
		},
		Serve: h.serveLayer,
	}
}

func (h *Handler) serveLayer(c echo.Context, session *signaling.Session, _ string) error {
	s := h.subscriber(session)
	if s == nil {
		return signaling.NoSession()
	}
	switch c.Request().Method {
	case http.MethodPost:
		return s.selectLayer(c)
	case http.MethodDelete:
		s.subscription.Select(forwarder.Selection{})
		return signaling.Empty(c, http.StatusOK)
	}
	return s.showLayers(c)
}

// selectLayer answers a POST: the whole selection is what the body says, so that an empty
// one is the automatic choice.
func (s *subscriber) selectLayer(c echo.Context) error {
	if !signaling.HasType(c.Request(), typeJSON) {
		return notJSON()
	}
	body, err := s.handler.cfg.Service.ReadBody(c)
	if err != nil {
		return err
	}
	if err := s.choose(body); err != nil {
		return err
	}
	return signaling.Empty(c, http.StatusOK)
}

// SelectLayer does for a session what a POST of the body to its layer resource does. An
// error is a *signaling.Problem.
func (h *Handler) SelectLayer(session *signaling.Session, body []byte) error {
	s := h.subscriber(session)
	if s == nil {
		return signaling.NoSession()
	}
	return s.choose(body)
}

// Layers returns what a GET of a session's layer resource shows. An error is a
// *signaling.Problem.
func (h *Handler) Layers(session *signaling.Session) ([]byte, error) {
	s := h.subscriber(session)
	if s == nil {
		return nil, signaling.NoSession()
	}
	return s.layers(), nil
}

// choose selects what a request says.
func (s *subscriber) choose(body []byte) error {
	q, err := parseLayerRequest(body)
	if err != nil {
		return err
	}
	if err := s.checkMedia(q.MediaID); err != nil {
		return err
	}
	sel, err := q.selection()
	if err != nil {
		return err
	}
	if err := canSelect(sel, s.subscription.Layers()); err != nil {
		return err
	}
	s.subscription.Select(sel)
	return nil
}

// checkMedia finds out whether the section named carries video. Its index comes first, as
// the extension has it; what is no index may be a mid, as some players have it.
func (s *subscriber) checkMedia(id mediaID) error {
	index, err := strconv.ParseUint(string(id), 10, 31)
	switch {
	case id == "" && s.video >= 0:
		return nil
	case id == "":
		return unknownMedia("This session receives no video.")
	case err == nil && int(index) < len(s.sections):
		if int(index) == s.video {
			return nil
		}
		return unknownMedia("Section " + strconv.FormatUint(index, 10) + " carries no video." + s.videoHint())
	}
	for i := range s.sections {
		if i == s.video && s.sections[i].MID == string(id) {
			return nil
		}
	}
	return unknownMedia("There is no video section " + strconv.Quote(shortened(string(id))) + "." + s.videoHint())
}

func (s *subscriber) videoHint() string {
	if s.video < 0 {
		return " This session receives no video."
	}
	return ` The video is "` + s.videoKey() + `".`
}

func unknownMedia(detail string) *signaling.Problem {
	return signaling.NewProblem(http.StatusUnprocessableEntity, "unknown-media", detail)
}

// layersItem is what a GET of the layer resource shows.
type layersItem struct {
	MediaID   string        `json:"mediaId,omitempty"` // the video section; left out if there is none
	Layers    []layerItem   `json:"layers"`
	Selection selectionItem `json:"selection"`
	Current   choiceItem    `json:"current"`
}

// layers makes the answer to a GET.
func (s *subscriber) layers() []byte {
	item := layersItem{Layers: []layerItem{}}
	if s.video >= 0 {
		item.MediaID = s.videoKey()
		item.Layers = layerItems(s.subscription.Layers())
		item.Selection = selectionItemOf(s.subscription.Selection())
	}
	item.Current = s.choice(s.subscription.Counts().Choice)
	return marshal(item)
}

// showLayers answers a GET.
func (s *subscriber) showLayers(c echo.Context) error {
	body := s.layers()
	header := c.Response().Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if c.Request().Method == http.MethodHead {
		header.Set("Content-Type", typeJSON)
		c.Response().WriteHeader(http.StatusOK)
		return nil
	}
	return c.Blob(http.StatusOK, typeJSON, body)
}
