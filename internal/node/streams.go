package node

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

const streamsPath = "/streams.json"

// listed is a live stream as /streams.json shows it.
type listed struct {
	Name           string       `json:"name"`
	PublishedSince time.Time    `json:"publishedSince"`
	Subscribers    int          `json:"subscribers"`
	Video          *listedVideo `json:"video,omitempty"`
	Audio          *listedAudio `json:"audio,omitempty"`
}

type listedVideo struct {
	Codec   string `json:"codec"`
	Width   int    `json:"width,omitempty"`  // pixels; left out if unknown
	Height  int    `json:"height,omitempty"` // pixels
	Bitrate int64  `json:"bitrate"`          // bits per second
}

type listedAudio struct {
	Codec string `json:"codec"`
}

// listStreams serves the live streams, by name, to those who may play them: on an
// open node to everyone, else to the bearer of a token with play, as far as its
// streams go.
func (n *Node) listStreams(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	switch c.Request().Method {
	case http.MethodOptions:
		h.Set("Allow", "OPTIONS, GET, HEAD")
		return c.NoContent(http.StatusOK)
	case http.MethodGet, http.MethodHead:
	default:
		h.Set("Allow", "OPTIONS, GET, HEAD")
		return signaling.NewProblem(http.StatusMethodNotAllowed, "method-not-allowed", "Use one of the methods in the Allow header.")
	}
	grant, err := n.listGrant(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, list(n.streams.List(), grant))
}

// list describes the live streams the grant may play.
func list(streams []stream.Info, grant auth.Grant) []listed {
	all := []listed{} // an empty list, never null
	for _, s := range streams {
		if s.Live() && grant.Allows(auth.Subscribe, s.Name) {
			all = append(all, describe(s))
		}
	}
	slices.SortFunc(all, func(a, b listed) int { return cmp.Compare(a.Name, b.Name) })
	return all[:min(len(all), maxListed)]
}

func describe(s stream.Info) listed {
	l := listed{Name: s.Name, PublishedSince: s.Since.UTC().Truncate(time.Millisecond), Subscribers: s.Subscribers}
	if s.Video != nil {
		l.Video = describeVideo(s.Video)
	}
	if s.Audio != nil {
		l.Audio = &listedAudio{Codec: s.Audio.Format().Name.String()}
	}
	return l
}

func describeVideo(e *forwarder.Encoding) *listedVideo {
	width, height := e.Size()
	return &listedVideo{Codec: e.Format().Name.String(), Width: width, Height: height, Bitrate: e.Bitrate()}
}

// listGrant decides who asks. Listing needs the right to play something.
func (n *Node) listGrant(c echo.Context) (auth.Grant, error) {
	if n.deps.Verifier == nil {
		return auth.Anyone(), nil
	}
	const challenge = `Bearer realm="whippet"`
	h := c.Response().Header()
	token := bearer(c.Request().Header.Get("Authorization"))
	if token == "" {
		h.Set("WWW-Authenticate", challenge)
		return auth.Grant{}, signaling.NewProblem(http.StatusUnauthorized, "token-required",
			"Send a token with the action play in the Authorization header: Bearer <token>.")
	}
	grant, err := n.deps.Verifier.Verify(token, time.Now())
	if err != nil {
		h.Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
		return auth.Grant{}, signaling.NewProblem(http.StatusUnauthorized, "token-invalid", "The token cannot be used: "+err.Error()+".")
	}
	if !slices.Contains(grant.Actions, auth.Subscribe) {
		h.Set("WWW-Authenticate", challenge+`, error="insufficient_scope", scope="play"`)
		return auth.Grant{}, signaling.NewProblem(http.StatusForbidden, "not-allowed", "The token does not allow play.")
	}
	return grant, nil
}

// bearer returns the token of an Authorization header, "" if it is another scheme.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
