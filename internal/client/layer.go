package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// layerRelation is the Link relation of WHEP's layer selection extension.
const layerRelation = "urn:ietf:params:whep:ext:core:layer"

// ErrNoLayers is returned where the server lets its subscribers choose no layers.
var ErrNoLayers = errors.New("the server offers no choice of layers")

// SelectLayer asks the server for one encoding by its RID, or, with "", to choose by
// itself again. A *ProblemError of status 422 says that there is no such encoding now; the
// picture changes with the next keyframe.
func (p *Player) SelectLayer(ctx context.Context, rid string) error {
	target := ""
	for _, l := range p.links {
		if l.Rel == layerRelation {
			target = l.URL
		}
	}
	if target == "" {
		return ErrNoLayers
	}
	wish := struct {
		RID string `json:"rid,omitempty"`
	}{rid}
	body, err := json.Marshal(wish)
	if err != nil {
		return err
	}
	r, err := p.request.do(ctx, http.MethodPost, target, body, map[string]string{"Content-Type": "application/json"})
	if err != nil {
		return err
	}
	if r.StatusCode/100 != 2 {
		return r.problem()
	}
	return nil
}
