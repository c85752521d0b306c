package api

import (
	"math"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/api/wire"
)

// bitrate is what an encoding carries; 0 if it is not active, whatever was measured last.
func bitrate(now time.Time, e *forwarder.Encoding) int64 {
	if !e.Active(now) {
		return 0
	}
	return e.Bitrate()
}

func encoding(now time.Time, e *forwarder.Encoding) wire.Encoding {
	out := wire.Encoding{
		Rid: known(e.RID()), Codec: wire.EncodingCodec(e.Format().Name.String()), Bitrate: int(bitrate(now, e)),
		KeyframeInterval: known(tenths(e.KeyframeInterval().Seconds())),
		Active:           e.Active(now), IgnoresRequests: e.IgnoresRequests(), Layers: []wire.EncodingLayer{},
	}
	width, height := e.Size()
	out.Width, out.Height = known(width), known(height)
	if d := e.FrameInterval(); d > 0 {
		out.FrameRate = known(tenths(float64(time.Second) / float64(d)))
	}
	for _, l := range e.Layers() {
		layer := wire.EncodingLayer{
			Spatial: int(l.Spatial), Temporal: int(l.Temporal), Width: known(l.Width), Height: known(l.Height),
			TargetBitrate: known(int(l.TargetBitrate)),
		}
		if out.Active {
			layer.Bitrate = int(l.Bitrate)
		}
		out.Layers = append(out.Layers, layer)
	}
	return out
}

func tenths(f float64) float64 { return math.Round(f*10) / 10 }
