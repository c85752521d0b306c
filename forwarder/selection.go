package forwarder

import (
	"cmp"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Selection is what a subscriber wants of a video track beside the automatic choice:
// one layer, or bounds within which the server goes on choosing by bandwidth. The zero
// Selection is the automatic choice without bounds. The track never stays without a picture
// for it: a layer that does not exist any more, or not within the bounds, is passed over, and
// where nothing is within the bounds, the smallest picture is sent.
type Selection struct {
	RID      string // one encoding; "": any
	Exact    bool   // stay on Spatial and Temporal even where the estimate is too low
	Spatial  *uint8 // one spatial layer; nil: any
	Temporal *uint8

	MaxSpatial, MaxTemporal *uint8 // the highest; nil: any
	MaxWidth, MaxHeight     int    // in pixels; 0: any

	// LimitWidth and LimitHeight are not the subscriber's wish but what it may have: where
	// nothing is so small, the least there is. In pixels; 0: any.
	LimitWidth, LimitHeight int
}

// A LayerStatus is one layer of an encoding as it is received.
type LayerStatus struct {
	Spatial, Temporal uint8
	Bitrate           int64 // bits per second of what a receiver of the layer gets; 0: it pauses
	TargetBitrate     int64 // what the publisher says it is (Video Layers Allocation); 0: unknown
	Width, Height     int   // 0: unknown
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
		s.alloc.next, s.alloc.pixels = time.Time{}, 0
	}
}

// SetCap bounds what the session is sent, in bits per second; 0: no bound of ours.
func (s *Subscriber) SetCap(bitrate int64) {
	if s.cap != bitrate {
		s.cap, s.alloc.next = bitrate, time.Time{}
	}
}

// Described tells whether the subscriber has negotiated the Dependency Descriptor for its
// video, see [Plays]. It never changes.
func (s *Subscriber) Described() bool {
	d := s.Track(codec.Video)
	return d != nil && d.ids[codec.DependencyDescriptor] != 0
}

// Choice returns what the video track sends now; the zero Choice if there is none.
func (s *Subscriber) Choice() Choice {
	d := s.Track(codec.Video)
	if d == nil || d.enc == nil {
		return Choice{}
	}
	layer := d.enc.clamp(d.seg.id)
	return Choice{
		Encoding: d.enc, Spatial: layer.spatial(), Temporal: layer.temporal(),
		Paused: d.goal.paused, Automatic: d.selection.RID == "" && !d.selection.fixed(),
	}
}

// Estimate returns what the subscriber's network carries, in bits per second; 0: not
// known.
func (s *Subscriber) Estimate() int64 {
	if s.wide.est == nil {
		return 0
	}
	return s.wide.est.Estimate()
}

// allocate sets the target of the video track.
func (s *Subscriber) allocate(now time.Time) {
	if now.Before(s.alloc.next) {
		return
	}
	d := s.Track(codec.Video)
	if d == nil || s.pub == nil {
		return
	}
	best, described := s.pub.Best(codec.Video), d.ids[codec.DependencyDescriptor] != 0
	choice := best != nil && best.format.Name == codec.AV1 && !described
	if s.wide.est == nil && s.cap == 0 && d.selection == (Selection{}) && !choice {
		d.aim(target{enc: best, layer: topLayer}, s.pub)
		return
	}
	l, fixed := s.within(s.pub.ladders.Load(), d, described)
	if len(l) == 0 {
		d.aim(target{enc: best, layer: topLayer, paused: s.alloc.paused}, s.pub)
		return
	}
	s.alloc.next = now.Add(allocateInterval)
	b := s.budget(d)
	i, want := s.alloc.choose(now, l, fixed, b)
	s.want(want)
	if i < 0 {
		s.pace(now, d, nil)
		d.goal.paused = true
		return
	}
	s.pace(now, d, l[i].enc)
	t := target{enc: l[i].enc, layer: l[i].layer}
	full := s.full(now)
	t.squeezed = s.alloc.squeeze(now, l[i].cost(), b) || full > 0 && d.above(t)
	t.thin = now.Sub(s.alloc.down) < thinFor
	if t.squeezed {
		d.rest = now.Add(full / 2) // there is room for some of it before, and it leaves evenly
	}
	d.aim(t, s.pub)
}

// above tells whether the track is on a higher spatial layer of its target's encoding.
func (d *DownTrack) above(t target) bool {
	return d.enc != nil && d.enc == t.enc && d.enc.clamp(d.seg.id).spatial() > d.enc.clamp(t.layer).spatial()
}

// full is how long the queue that lowered the estimate takes to be half as long.
func (s *Subscriber) full(now time.Time) time.Duration {
	if s.wide.est == nil {
		return 0
	}
	return s.wide.est.Wait(now)
}

// sends is what the track's current layer takes, 0 if it is held or unknown.
func (d *DownTrack) sends() int64 {
	if d.enc == nil || d.state != running && !d.goal.squeezed {
		return 0
	}
	layer := d.enc.clamp(d.seg.id)
	for _, s := range d.enc.Layers() {
		if layerOf(s.Spatial, s.Temporal) == layer {
			r := rung{bitrate: s.Bitrate}
			return r.cost()
		}
	}
	return 0
}

// waits tells whether the track has begun and waits for a keyframe to go on with.
func (d *DownTrack) waits() bool { return d.enc != nil && (d.state == showing || d.state == waiting) }

func (d *DownTrack) aim(t target, pub *Publisher) {
	d.countSwitch(t, pub)
	d.goal, d.goalOf = t, pub
}

// budget is what there is for video.
func (s *Subscriber) budget(d *DownTrack) budget {
	limit, sound := s.limit(d), s.estimatedSound()
	b := budget{
		limit: limit, keeps: limit, spare: limit - (limit+sound)/stepUpMargin,
		sends: d.sends(), blind: d.cfg.RTXSSRC == 0,
	}
	if s.wide.est == nil {
		return b
	}
	if s.wide.est.Awaits() {
		b.spare = min(b.spare, firstEstimate)
	}
	b.waits = d.waits() && s.wide.est.Limit() == LimitApplication && s.cap == 0
	if limit >= noBound {
		return b
	}
	b.keeps = max(limit, s.wide.est.Lasting()-sound)
	if s.cap > 0 {
		b.keeps = min(b.keeps, max(s.cap-s.sound(), limit))
	}
	return b
}

// limit is what the network carries beside sound. An estimate that only says how little
// was sent so far does not bound what is sent now.
func (s *Subscriber) limit(d *DownTrack) int64 {
	limit := s.carries()
	if s.wide.est != nil && limit < noLimit && !s.bounded() {
		limit = max(limit, d.sends())
	}
	if s.cap > 0 {
		limit = min(limit, max(s.cap-s.sound(), 0))
	}
	return limit
}

// bounded tells whether the estimate is low because the network is full, or silent.
func (s *Subscriber) bounded() bool {
	switch s.wide.est.Limit() {
	case LimitDelay, LimitLoss, LimitReceiver, LimitSilence:
		return true
	}
	return false
}

// sound is what the session's sound takes.
func (s *Subscriber) sound() int64 {
	if a := s.Track(codec.Audio); a != nil && a.enc != nil && a.enc.Active(s.wide.now) {
		return a.enc.Bitrate() + audioOverhead
	}
	return 0
}

// estimatedSound is sound's part of the estimate: none where only video has transport-wide
// numbers.
func (s *Subscriber) estimatedSound() int64 {
	if a := s.Track(codec.Audio); a != nil && !s.wide.numbers(a) {
		return 0
	}
	return s.sound()
}

// carries is the estimate without sound's part; noLimit: it is not known, noBound: it is the
// greatest there is, which more than that may fit.
func (s *Subscriber) carries() int64 {
	e := s.Estimate()
	switch {
	case e == 0:
		return noLimit
	case s.wide.est.Limit() == LimitNone:
		return noBound
	}
	return max(e-s.estimatedSound(), 0)
}

// want tells the estimator what the next step up would take, all of it.
func (s *Subscriber) want(video int64) {
	if s.wide.est == nil {
		return
	}
	if video > 0 {
		video += video/stepUpMargin*2 + s.estimatedSound()
	}
	s.wide.est.Want(video)
	s.wide.est.Starved(s.alloc.paused)
}

// keyframeBytes is the payload of its last whole keyframe, 0 if unknown. What is around it leaves at
// once: the pacer lets some do so.
func (e *Encoding) keyframeBytes() int {
	if e == nil {
		return 0
	}
	if still := e.still.Load(); still != nil {
		return still.bytes
	}
	return 0
}

// pace sets how fast video may leave that goes, or comes, to an encoding; nil: it stays where it is.
func (s *Subscriber) pace(now time.Time, d *DownTrack, to *Encoding) {
	if s.wide.est == nil {
		return
	}
	keyframe := cmp.Or(to.keyframeBytes(), d.enc.keyframeBytes())
	if s.wide.est.Estimate() == 0 {
		s.wide.pacer.Set(now, max(firstPace, int64(float64(keyframe)*8/keyframeTime.Seconds())))
		return
	}
	pace := s.wide.est.Pace(keyframe)
	if now.Sub(s.alloc.down) < congestedFor && s.full(now) > 0 {
		s.wide.pacer.SetEven(now, min(pace, s.wide.est.Estimate()*fullPace/10))
		return
	}
	s.wide.pacer.Set(now, pace)
}

// estimator returns the session's, made if need be.
func (s *Subscriber) estimator() *Estimator {
	if s.wide.est == nil {
		s.wide.est = NewEstimator(EstimatorConfig{})
	}
	return s.wide.est
}

// estimated lets the allocator look at once if the estimate fell.
func (s *Subscriber) estimated(before int64) {
	if s.wide.est.Estimate() < before {
		s.alloc.next = time.Time{}
	}
}

// congested tells whether the network lately turned out to carry less than was sent. Loss
// alone does not tell: radio loses packets too, and those must be sent again.
func (s *Subscriber) congested() bool {
	if s.wide.est == nil || s.wide.now.Sub(s.alloc.down) > congestedFor {
		return false
	}
	limit := s.wide.est.Limit()
	return limit == LimitDelay || limit == LimitLoss
}
