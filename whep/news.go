package whep

import (
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/stream"
)

// news is what an event stream was told last, so that it is told what changed.
type news struct {
	begun       bool // it was told something
	publication uint64
	layers      []stream.Layer
	layersAt    time.Time
	subscribers int
	countedAt   time.Time
	findings    []forwarder.Finding

	counts  stream.SubscriptionCounts // of the last statistics
	bitrate int64                     // in them
}

// tell queues what is new in s. What was measured is looked at once a second, and at the
// beginning.
func (e *eventStream) tell(s *stream.Snapshot) {
	e.tellPublication(s.Publication)
	if s.Regular || !e.news.begun {
		e.tellLayers(s)
		e.tellSubscribers(s)
		e.tellFindings(s.Findings)
	}
	if s.Regular && e.wants.has(statistics) {
		e.tellStatistics()
	}
	e.news.begun = true
}

func (e *eventStream) tellPublication(now uint64) {
	before := e.news.publication
	if now == before {
		return
	}
	e.news.publication = now
	if before != 0 {
		e.push(inactive, []byte("{}"))
	}
	if now != 0 {
		e.push(active, []byte("{}"))
	}
}

func (e *eventStream) tellLayers(s *stream.Snapshot) {
	n := &e.news
	if e.owner.video < 0 || s.At.Sub(n.layersAt) < eventSpacing {
		return
	}
	now := e.owner.subscription.Within(s.Layers)
	if sameLayers(n.layers, now) {
		return
	}
	n.layers, n.layersAt = now, s.At
	e.push(layers, marshal(map[string][]layerItem{e.owner.videoKey(): layerItems(now)}))
}

// sameLayers tells whether nobody needs to hear of the difference.
func sameLayers(a, b []stream.Layer) bool {
	return slices.EqualFunc(a, b, func(a, b stream.Layer) bool {
		same := near(a.Bitrate, b.Bitrate) && near(a.TargetBitrate, b.TargetBitrate)
		a.Bitrate, a.TargetBitrate = b.Bitrate, b.TargetBitrate
		return same && a == b
	})
}

// near tells whether two bitrates are the same for those who look on.
func near(a, b int64) bool {
	if a == 0 || b == 0 {
		return a == b
	}
	return max(a-b, b-a)*bitrateChange <= max(a, b)
}

func (e *eventStream) tellSubscribers(s *stream.Snapshot) {
	n := &e.news
	if n.begun && n.subscribers == s.Subscribers || s.At.Sub(n.countedAt) < eventSpacing {
		return
	}
	n.subscribers, n.countedAt = s.Subscribers, s.At
	e.push(viewercount, marshal(map[string]int{"viewercount": s.Subscribers}))
}

func (e *eventStream) tellFindings(findings []forwarder.Finding) {
	if slices.Equal(e.news.findings, findings) {
		return
	}
	e.news.findings = findings
	e.push(diagnosis, marshal(append([]forwarder.Finding{}, findings...))) // never null
}

// tellStatistics tells the counters that the last call asked for.
func (e *eventStream) tellStatistics() {
	n, c := &e.news, e.owner.subscription.Counts()
	e.owner.subscription.Refresh()
	if over := c.At.Sub(n.counts.At); over > 0 && !n.counts.At.IsZero() {
		bytes := c.Audio.Bytes + c.Video.Bytes - n.counts.Audio.Bytes - n.counts.Video.Bytes
		n.bitrate = int64(float64(bytes) * 8 / over.Seconds())
	}
	n.counts = c
	e.push(statistics, marshal(statisticsItem{c.Estimate, n.bitrate, e.owner.choice(c.Choice)}))
}

// tellReconnect queues that a new session should be begun: at url, or where this one was
// if that is "".
func (e *eventStream) tellReconnect(url string) {
	e.push(reconnect, marshal(struct {
		URL string `json:"url,omitempty"`
	}{url}))
}

// A layerItem is a layer as events and the layer resource show it. Older players know an
// encoding by encodingId.
type layerItem struct {
	RID           string `json:"rid,omitempty"`
	EncodingID    string `json:"encodingId,omitempty"`
	Spatial       uint8  `json:"spatialLayerId"`
	Temporal      uint8  `json:"temporalLayerId"`
	Bitrate       int64  `json:"bitrate"` // bits per second; 0: it pauses
	TargetBitrate int64  `json:"targetBitrate,omitempty"`
	Width         int    `json:"width,omitempty"`
	Height        int    `json:"height,omitempty"`
}

func layerItems(all []stream.Layer) []layerItem {
	items := make([]layerItem, len(all)) // never null
	for i, l := range all {
		items[i] = layerItem{
			l.RID, l.RID, l.Spatial, l.Temporal, l.Bitrate, l.TargetBitrate, l.Width, l.Height,
		}
	}
	return items
}

// A choiceItem is what a subscriber gets now. All but the last two are left out while it
// gets no video.
type choiceItem struct {
	RID       string `json:"rid,omitempty"`
	Spatial   *uint8 `json:"spatialLayerId,omitempty"`
	Temporal  *uint8 `json:"temporalLayerId,omitempty"`
	Width     int    `json:"width,omitempty"`
	Height    int    `json:"height,omitempty"`
	Paused    bool   `json:"paused"`
	Automatic bool   `json:"automatic"`
}

// choice shows what the subscriber gets. Whether the node chooses is known before it does.
func (s *subscriber) choice(c forwarder.Choice) choiceItem {
	item := choiceItem{Paused: c.Paused, Automatic: !s.subscription.Selection().Exact}
	if c.Encoding == nil {
		return item
	}
	item.RID, item.Spatial, item.Temporal = c.Encoding.RID(), &c.Spatial, &c.Temporal
	item.Width, item.Height = c.Encoding.Size()
	for _, l := range c.Encoding.Layers() {
		if l.Spatial == c.Spatial && l.Temporal == c.Temporal && l.Width > 0 {
			item.Width, item.Height = l.Width, l.Height
		}
	}
	return item
}

// A statisticsItem is the data of a statistics event.
type statisticsItem struct {
	Estimate int64 `json:"estimate"` // bits per second; 0: not known
	Bitrate  int64 `json:"bitrate"`  // sent, in bits of payload per second
	choiceItem
}
