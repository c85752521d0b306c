package whep

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// A layerRequest is the body of a POST to the layer resource. What is absent or null is
// not asked for; members it does not know are passed over.
type layerRequest struct {
	MediaID     mediaID `json:"mediaId"`
	RID         *string `json:"rid"`
	EncodingID  *string `json:"encodingId"` // the RID, as older players name it
	Spatial     *int64  `json:"spatialLayerId"`
	Temporal    *int64  `json:"temporalLayerId"`
	MaxSpatial  *int64  `json:"maxSpatialLayerId"`
	MaxTemporal *int64  `json:"maxTemporalLayerId"`
	MaxWidth    *int64  `json:"maxWidth"`
	MaxHeight   *int64  `json:"maxHeight"`
}

// A mediaID names a section of the offer: a string, or a number as some players have it.
// "" is none.
type mediaID string

// UnmarshalJSON takes a string, a number or null.
func (m *mediaID) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(m))
	}
	var n *json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	if n != nil {
		*m = mediaID(n.String())
	}
	return nil
}

func parseLayerRequest(body []byte) (*layerRequest, error) {
	var q layerRequest
	if err := json.Unmarshal(body, &q); err != nil || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return nil, signaling.NewProblem(http.StatusBadRequest, "malformed-json",
			`Send a JSON object such as {"rid":"h"} or {"maxHeight":360}; {} lets the node choose.`)
	}
	return &q, nil
}

// selection checks the values. One layer that is asked for is sent even where the
// estimate is too low: the user has chosen. Bounds alone leave the choice to the node.
func (q *layerRequest) selection() (forwarder.Selection, error) {
	var s forwarder.Selection
	if q.RID != nil && q.EncodingID != nil && *q.RID != *q.EncodingID {
		return s, badSelection("rid and encodingId name two encodings. Send one of them.")
	}
	for _, rid := range []*string{q.RID, q.EncodingID} {
		if rid != nil {
			s.RID = *rid
		}
	}
	for _, id := range []struct {
		name  string
		value *int64
		limit int64
		to    **uint8
	}{
		{"spatialLayerId", q.Spatial, codec.MaxSpatial, &s.Spatial},
		{"temporalLayerId", q.Temporal, codec.MaxTemporal, &s.Temporal},
		{"maxSpatialLayerId", q.MaxSpatial, codec.MaxSpatial, &s.MaxSpatial},
		{"maxTemporalLayerId", q.MaxTemporal, codec.MaxTemporal, &s.MaxTemporal},
	} {
		if id.value == nil {
			continue
		}
		if *id.value < 0 || *id.value >= id.limit {
			return s, badSelection(id.name + " is 0 to " + strconv.FormatInt(id.limit-1, 10) + ".")
		}
		v := uint8(*id.value)
		*id.to = &v
	}
	for _, size := range []struct {
		name  string
		value *int64
		to    *int
	}{{"maxWidth", q.MaxWidth, &s.MaxWidth}, {"maxHeight", q.MaxHeight, &s.MaxHeight}} {
		if size.value == nil {
			continue
		}
		if *size.value < 1 || *size.value > maxPixels {
			return s, badSelection(size.name + " is 1 to " + strconv.Itoa(maxPixels) + " pixels.")
		}
		*size.to = int(*size.value)
	}
	s.Exact = s.RID != "" || s.Spatial != nil || s.Temporal != nil
	return s, nil
}

func badSelection(detail string) *signaling.Problem {
	return signaling.NewProblem(http.StatusUnprocessableEntity, "bad-selection", detail)
}

// canSelect tells whether a layer that is asked for is sent now, of those the subscriber can
// have. Bounds alone can always be kept: where nothing is within them, the smallest is.
func canSelect(s forwarder.Selection, all []stream.Layer) error {
	if !s.Exact {
		return nil
	}
	named := slices.DeleteFunc(slices.Clone(all), func(l stream.Layer) bool {
		return s.RID != "" && l.RID != s.RID || s.Spatial != nil && l.Spatial != *s.Spatial ||
			s.Temporal != nil && l.Temporal != *s.Temporal
	})
	fits := slices.DeleteFunc(slices.Clone(named), func(l stream.Layer) bool { return beyond(s, l) })
	switch {
	case len(all) == 0:
		return noSuchLayer("Nobody publishes video in this stream now.")
	case len(named) == 0:
		return noSuchLayer("There is no such layer for this player. " + layerHint(all))
	case len(fits) == 0:
		return badSelection("The layer that is chosen is beyond the bounds that are sent with it. Send one of the two.")
	case !slices.ContainsFunc(fits, func(l stream.Layer) bool { return l.Bitrate > 0 }):
		return signaling.NewProblem(http.StatusUnprocessableEntity, "layer-paused",
			"The publisher does not send this layer at the moment. Choose another, or try again later.")
	}
	return nil
}

// beyond tells whether a layer is above one of the bounds.
func beyond(s forwarder.Selection, l stream.Layer) bool {
	over := func(id uint8, most *uint8) bool { return most != nil && id > *most }
	larger := func(pixels, most int) bool { return most > 0 && pixels > most }
	return over(l.Spatial, s.MaxSpatial) || over(l.Temporal, s.MaxTemporal) ||
		larger(l.Width, s.MaxWidth) || larger(l.Height, s.MaxHeight)
}

func noSuchLayer(detail string) *signaling.Problem {
	return signaling.NewProblem(http.StatusUnprocessableEntity, "no-such-layer", detail)
}

// layerHint says what there is to choose from.
func layerHint(all []stream.Layer) string {
	var rids []string
	var spatial, temporal uint8
	for _, l := range all {
		if l.RID != "" && !slices.Contains(rids, l.RID) {
			rids = append(rids, l.RID)
		}
		spatial, temporal = max(spatial, l.Spatial), max(temporal, l.Temporal)
	}
	hint := "There are spatial layers up to " + strconv.Itoa(int(spatial)) + " and temporal layers up to " + strconv.Itoa(int(temporal))
	if len(rids) > 0 {
		hint += " of the encodings " + strings.Join(rids, ", ")
	}
	return hint + "."
}

// A selectionItem is a selection as the layer resource shows it, with the names of the
// request.
type selectionItem struct {
	RID         string `json:"rid,omitempty"`
	Spatial     *uint8 `json:"spatialLayerId,omitempty"`
	Temporal    *uint8 `json:"temporalLayerId,omitempty"`
	MaxSpatial  *uint8 `json:"maxSpatialLayerId,omitempty"`
	MaxTemporal *uint8 `json:"maxTemporalLayerId,omitempty"`
	MaxWidth    int    `json:"maxWidth,omitempty"`
	MaxHeight   int    `json:"maxHeight,omitempty"`
}

func selectionItemOf(s forwarder.Selection) selectionItem {
	return selectionItem{s.RID, s.Spatial, s.Temporal, s.MaxSpatial, s.MaxTemporal, s.MaxWidth, s.MaxHeight}
}
