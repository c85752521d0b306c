package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/outbound"
)

// ListFarStreams answers GET of the streams that go to other servers and come from them.
func (h *Handler) ListFarStreams(c echo.Context, params wire.ListFarStreamsParams) error {
	p, err := pageOf(params.Limit, params.After)
	if err != nil {
		return err
	}
	all := map[string]wire.FarStream{}
	for way, infos := range map[wire.FarStreamWay][]outbound.Info{wire.FarStreamWayPush: h.cfg.Pushes(), wire.FarStreamWayPull: h.cfg.Pulls()} {
		for _, i := range infos {
			all[fmt.Sprintf("%s %s %03d", i.Stream, way, i.Number)] = farStream(way, i)
		}
	}
	out := wire.FarStreamPage{Items: []wire.FarStream{}}
	keys, next := p.cut(slices.Collect(maps.Keys(all)))
	out.Next = next
	for _, k := range keys {
		out.Items = append(out.Items, all[k])
	}
	return answer(c, http.StatusOK, out)
}

func farStream(way wire.FarStreamWay, i outbound.Info) wire.FarStream {
	return wire.FarStream{
		Stream: i.Stream, Way: way, Number: i.Number, Far: i.Far, State: wire.FarStreamState(i.State), Since: stamp(i.Since),
		Reason: known(string(i.Reason)), Status: known(i.Status),
		Declined: known(wire.FarStreamDeclined(i.Declined)), Opened: int64(i.Opened), Failed: int64(i.Failed),
	}
}
