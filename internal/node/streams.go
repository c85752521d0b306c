package node

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// streamsPath is where the list of live streams is, listMethods how it can be asked.
const (
	streamsPath = "/streams.json"
	listMethods = "OPTIONS, GET, HEAD"
)

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
		h.Set("Allow", listMethods)
		h.Set("Content-Length", "0")
		c.Response().WriteHeader(http.StatusOK)
		return nil
	case http.MethodGet, http.MethodHead:
	default:
		return signaling.MethodNotAllowed(listMethods)
	}
	grant, err := n.sessions.Grant(c.Request())
	if err != nil {
		return err
	}
	if !slices.Contains(grant.Actions, auth.Subscribe) {
		return signaling.Forbidden(auth.Subscribe)
	}
	body, err := json.Marshal(list(n.streams.List(), grant))
	if err != nil {
		return err
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	return c.JSONBlob(http.StatusOK, body)
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
