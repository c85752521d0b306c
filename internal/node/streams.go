package node

import (
	"cmp"
	"encoding/json"
	"math"
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

	Encodings []listedEncoding    `json:"encodings"` // of video, in order of appearance
	Diagnosis []forwarder.Finding `json:"diagnosis"` // empty: nothing is wrong
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

// listedEncoding is one encoding of the video. What is unknown is left out.
type listedEncoding struct {
	RID              string        `json:"rid,omitempty"` // left out without simulcast
	Codec            string        `json:"codec"`
	Width            int           `json:"width,omitempty"`
	Height           int           `json:"height,omitempty"`
	FrameRate        float64       `json:"frameRate,omitempty"` // frames a second
	Bitrate          int64         `json:"bitrate"`             // 0 if it is not active
	KeyframeInterval float64       `json:"keyframeInterval,omitempty"`
	Active           bool          `json:"active"` // packets came lately
	IgnoresRequests  bool          `json:"ignoresRequests"`
	Layers           []listedLayer `json:"layers"` // the lowest first
}

// listedLayer is one layer of an encoding.
type listedLayer struct {
	Spatial       uint8 `json:"spatial"`
	Temporal      uint8 `json:"temporal"`
	Width         int   `json:"width,omitempty"`
	Height        int   `json:"height,omitempty"`
	Bitrate       int64 `json:"bitrate"`
	TargetBitrate int64 `json:"targetBitrate,omitempty"`
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
	body, err := json.Marshal(list(time.Now(), n.streams.List(), grant))
	if err != nil {
		return err
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	return c.JSONBlob(http.StatusOK, body)
}

// list describes the live streams the grant may play.
func list(now time.Time, streams []stream.Info, grant auth.Grant) []listed {
	all := []listed{} // an empty list, never null
	for _, s := range streams {
		if s.Live() && grant.Allows(auth.Subscribe, s.Name) {
			all = append(all, describe(now, s))
		}
	}
	slices.SortFunc(all, func(a, b listed) int { return cmp.Compare(a.Name, b.Name) })
	return all[:min(len(all), maxListed)]
}

func describe(now time.Time, s stream.Info) listed {
	l := listed{
		Name: s.Name, PublishedSince: s.Since.UTC().Truncate(time.Millisecond), Subscribers: s.Subscribers,
		Encodings: []listedEncoding{}, Diagnosis: []forwarder.Finding{}, // empty lists, never null
	}
	l.Diagnosis = append(l.Diagnosis, s.Diagnosis...)
	for _, e := range s.Encodings {
		l.Encodings = append(l.Encodings, describeEncoding(now, e))
	}
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

func describeEncoding(now time.Time, e *forwarder.Encoding) listedEncoding {
	l := listedEncoding{
		RID: e.RID(), Codec: e.Format().Name.String(), Active: e.Active(now), IgnoresRequests: e.IgnoresRequests(),
		KeyframeInterval: tenths(e.KeyframeInterval().Seconds()), Layers: []listedLayer{},
	}
	l.Width, l.Height = e.Size()
	if d := e.FrameInterval(); d > 0 {
		l.FrameRate = tenths(float64(time.Second) / float64(d))
	}
	for _, layer := range e.Layers() {
		l.Layers = append(l.Layers, describeLayer(layer, l.Active))
	}
	if l.Active {
		l.Bitrate = e.Bitrate()
	}
	return l
}

// describeLayer describes a layer. What an encoding that sends nothing measured last is
// no bitrate.
func describeLayer(s forwarder.LayerStatus, active bool) listedLayer {
	l := listedLayer{Spatial: s.Spatial, Temporal: s.Temporal, Width: s.Width, Height: s.Height, TargetBitrate: s.TargetBitrate}
	if active {
		l.Bitrate = s.Bitrate
	}
	return l
}

func tenths(f float64) float64 { return math.Round(f*10) / 10 }
