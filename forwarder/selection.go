package forwarder

import "github.com/whippet-media/whippet/forwarder/codec"

// A Selection is what a subscriber wants of a video track beside the automatic choice:
// one layer, or bounds within which the server goes on choosing by bandwidth. The zero
// Selection is the automatic choice without bounds. What does not exist any more is
// passed over: the track never stays without a picture for it.
type Selection struct {
	RID      string // one encoding; "": any
	Exact    bool   // stay on Spatial and Temporal even where the estimate is too low
	Spatial  *uint8 // one spatial layer; nil: any
	Temporal *uint8

	MaxSpatial, MaxTemporal *uint8 // the highest; nil: any
	MaxWidth, MaxHeight     int    // in pixels; 0: any
}

// A LayerStatus is one layer of an encoding as it is received.
type LayerStatus struct {
	Spatial, Temporal uint8
	Bitrate           int64 // bits per second of what a receiver of the layer gets; 0: it pauses
	TargetBitrate     int64 // what the publisher says it is (Video Layers Allocation); 0: unknown
	Width, Height     int   // 0: unknown
}

// Layers returns the layers of the encoding, the lowest first. It is safe for
// concurrent use.
func (e *Encoding) Layers() []LayerStatus {
	w, h := e.Size()
	return []LayerStatus{{Bitrate: e.Bitrate(), Width: w, Height: h}}
}

// A Choice is what a down track sends now, for those who look on.
type Choice struct {
	Encoding          *Encoding // nil: nothing
	Spatial, Temporal uint8
	Paused            bool // video is held back, because the network carries sound only
	Automatic         bool // by bandwidth, within the Selection's bounds
}

// Select says what a subscriber wants of its video from now on.
func (s *Subscriber) Select(sel Selection) {
	if d := s.Track(codec.Video); d != nil {
		d.selection = sel
	}
}

// Choice returns what the video track sends now; the zero Choice if there is none.
func (s *Subscriber) Choice() Choice {
	d := s.Track(codec.Video)
	if d == nil {
		return Choice{}
	}
	return Choice{Encoding: d.enc, Automatic: d.selection.RID == ""}
}

// Estimate returns what the subscriber's network carries, in bits per second; 0: not
// known, or not limited.
func (s *Subscriber) Estimate() int64 { return s.counts.REMB }
