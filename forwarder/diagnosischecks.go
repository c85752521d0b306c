package forwarder

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// silent tells for how long nothing of a kind came that was offered; 0: it was not
// offered, or it comes.
func (p *Publisher) silent(now time.Time, kind codec.Kind) time.Duration {
	d := &p.diagnosis
	last := d.seen[kind]
	if last.IsZero() {
		last = d.begun
	}
	if d.begun.IsZero() {
		return 0
	}
	offered := slices.ContainsFunc(p.tracks, func(t *upTrack) bool { return t.Kind == kind })
	if !offered || now.Sub(last) < silentTrack {
		return 0
	}
	return now.Sub(last)
}

// allSilent tells for how long nothing at all came; 0: something does, or the session may
// still be connecting.
func (p *Publisher) allSilent(now time.Time) time.Duration {
	d := &p.diagnosis
	last, patience := d.begun, silentTrack
	if last.IsZero() {
		last, patience = d.asked, silentStart
	}
	for _, at := range d.seen {
		if at.After(last) {
			last = at
		}
	}
	if now.Sub(last) < patience {
		return 0
	}
	return now.Sub(last)
}

func (p *Publisher) checkMedia(now time.Time) string {
	d := p.allSilent(now)
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("Nothing came from the publisher for %s: see whether its encoder still runs and its network is up.", seconds(d))
}

func (p *Publisher) checkVideo(now time.Time) string {
	d := p.silent(now, codec.Video)
	if d == 0 || p.allSilent(now) > 0 {
		return ""
	}
	return fmt.Sprintf("Video was offered, but no picture came for %s: see whether the camera or screen is on. "+
		"A publisher without picture should offer sound only.", seconds(d))
}

func (p *Publisher) checkAudio(now time.Time) string {
	d := p.silent(now, codec.Audio)
	if d == 0 || p.allSilent(now) > 0 {
		return ""
	}
	return fmt.Sprintf("Audio was offered, but no sound came for %s: see whether a microphone or other source is on. "+
		"A publisher without sound should offer video only.", seconds(d))
}

func (p *Publisher) checkFirstKeyframe(now time.Time) string {
	var worst time.Duration
	bad := p.those(now, func(e *Encoding) bool {
		age := now.Sub(e.since)
		fault := e.keyframe.Load() == nil && age >= silentTrack
		if fault {
			worst = max(worst, age)
		}
		return fault
	})
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("No keyframe of %s came in %s, though asked for: nobody can see it. Set a keyframe interval of 2 s (%s).",
		of(bad), seconds(worst), intervalSettings(bad[0]))
}

func (p *Publisher) checkParameters(now time.Time) string {
	bad := p.those(now, func(e *Encoding) bool { return e.facts.bare })
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("The keyframes of %s come without parameter sets (SPS, PPS), and the offer has none: nobody can decode it. "+
		"Let the encoder repeat them (FFmpeg: -bsf:v dump_extra=freq=keyframe; GStreamer: h264parse or h265parse config-interval=-1; "+
		"x264: repeat-headers=1).", of(bad))
}

func (p *Publisher) checkProfile(now time.Time) string {
	name := ""
	bad := p.those(now, func(e *Encoding) bool {
		profile, known := e.sets.Profile(e.format)
		if !known || playable(e.format.Name, profile) {
			return false
		}
		name = profileName(e.format.Name, profile)
		return true
	})
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("The pictures of %s are %s, which browsers do not decode. Send 4:2:0 pictures of 8 bits "+
		"(OBS: Settings → Advanced → Color Format NV12; FFmpeg: -pix_fmt yuv420p; GStreamer: video/x-raw,format=I420 before the encoder).",
		of(bad), name)
}

// playable tells whether browsers decode a profile: Baseline, Main and High of H.264
// (table A-1); Main, Main 10 and Main Still Picture of H.265 (annex A).
func playable(name codec.Name, profile uint8) bool {
	switch name {
	case codec.H264:
		return profile == 66 || profile == 77 || profile == 100
	case codec.H265:
		return profile <= 3
	}
	return true
}

func profileName(name codec.Name, profile uint8) string {
	names := map[uint8]string{44: "CAVLC 4:4:4 Intra", 88: "Extended", 110: "High 10", 122: "High 4:2:2", 244: "High 4:4:4 Predictive"}
	if s := names[profile]; name == codec.H264 && s != "" {
		return "H.264 in profile " + s
	}
	return fmt.Sprintf("%s in profile %d", name, profile)
}

func (p *Publisher) checkBFrames(now time.Time) string {
	share := ""
	bad := p.those(now, func(e *Encoding) bool {
		f := &e.facts
		if f.bFrames < leastReordered || now.Sub(f.lastB) > findingHold {
			return false
		}
		if f.pictures >= f.bFrames {
			share = fmt.Sprintf(" (%d %% of the pictures)", (f.bFrames*100+f.pictures/2)/f.pictures)
		}
		return true
	})
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("There are B-frames in %s%s: browsers show them in the wrong order or not at all. Set them to 0 "+
		"(OBS: Settings → Output → Max B-frames; FFmpeg: -bf 0; GStreamer: x264enc bframes=0).", of(bad), share)
}

func (p *Publisher) checkStray(time.Time) string {
	s := p.diagnosis.counts.share
	if s.stray < shareStray {
		return ""
	}
	return fmt.Sprintf("%s of the packets belong to no track that was offered, and are dropped: the publisher must send the payload types "+
		"of the answer, and tell encodings apart by RID header extensions or SSRC lines in its offer.", percent(s.stray))
}

func (p *Publisher) checkLoss(time.Time) string {
	s := p.diagnosis.counts.share
	if s.lost < shareLost && (s.left < shareLeft || s.leftPackets < packetsLeft) {
		return ""
	}
	return fmt.Sprintf("%s of the packets are lost on the way from the publisher, and %s stay lost to the picture: use a cable instead of radio, or a "+
		"lower bitrate (OBS: Settings → Output → Video Bitrate; FFmpeg: -b:v).", percent(s.lost), percent(s.left))
}

func (p *Publisher) checkNack(now time.Time) string {
	var bad []*Encoding
	for _, s := range p.order {
		if s.enc != nil && !s.repair && s.nack.dead() && s.enc.Active(now) {
			bad = append(bad, s.enc)
		}
	}
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("Lost packets of %s are not sent again, though asked for: each spoils the picture until the next keyframe. OBS "+
		"sends again for its best encoding only: publish without simulcast where packets are lost, or set a keyframe interval of 1 s.", of(bad))
}

func (p *Publisher) checkInterval(now time.Time) string {
	var worst time.Duration
	bad := p.those(now, func(e *Encoding) bool {
		ignores := e.IgnoresRequests()
		d := e.facts.stretch(now, ignores)
		if d > longInterval {
			p.RequestKeyframe(e) // to be sure; the gate sees to it that this is rare
		}
		worst = max(worst, d)
		return d > longInterval && ignores
	})
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("Keyframes of %s are %s apart, and do not come when asked for: after a loss or before a change of quality subscribers "+
		"wait for the next. Set the keyframe interval to 2 s (%s).", of(bad), seconds(worst), intervalSettings(bad[0]))
}

// intervalSettings names where to set an interval of 2 s.
func intervalSettings(e *Encoding) string {
	frames := 60
	if d := e.FrameInterval(); d > 0 {
		frames = max(1, int((2*time.Second+d/2)/d))
	}
	return fmt.Sprintf("OBS: Settings → Output → Keyframe Interval; FFmpeg: -g %d; GStreamer: x264enc key-int-max=%d", frames, frames)
}

func (p *Publisher) checkSilent(now time.Time) string {
	var bad []string
	d := &p.diagnosis
	if now.Sub(d.begun) < silentEncoding {
		return ""
	}
	for _, t := range p.tracks {
		some := slices.ContainsFunc(t.encodings, func(s *upStream) bool { return s.enc != nil && s.enc.Active(now) })
		for _, rid := range t.RIDs {
			if some && !t.sends(now, rid) {
				bad = append(bad, rid)
			}
		}
	}
	if len(bad) == 0 {
		return ""
	}
	return fmt.Sprintf("Nothing comes of %s, though offered: the publisher's network or processor does not carry all encodings, or its "+
		"picture is too small for them. Offer fewer, or lower the bitrate of the others.", ofRIDs(bad))
}

// sends tells whether packets of an encoding came lately.
func (t *upTrack) sends(now time.Time, rid string) bool {
	return slices.ContainsFunc(t.encodings, func(s *upStream) bool {
		if s.rid != rid || s.enc == nil {
			return false
		}
		edge := s.enc.edge.Load()
		return edge != nil && now.Sub(edge.At) < silentEncoding
	})
}

func (p *Publisher) checkBitrate(now time.Time) string {
	var smallest *Encoding
	var least int64
	for _, e := range p.Encodings(codec.Video) {
		if rate := e.lowestBitrate(); e.Active(now) && rate > 0 && (smallest == nil || rate < least) {
			smallest, least = e, rate
		}
	}
	if least < highBitrate {
		return ""
	}
	return fmt.Sprintf("The least a subscriber can take of the picture is %s Mbit/s: slower networks get sound only. Send smaller "+
		"encodings too (OBS: Settings → Stream → Simulcast; browsers: simulcast or a scalabilityMode), or lower the bitrate "+
		"(OBS: Settings → Output → Video Bitrate; FFmpeg: -b:v).", tenths(int(least/100_000)))
}

// lowestBitrate is the mean bitrate of the encoding's lowest layer.
func (e *Encoding) lowestBitrate() int64 {
	rate := e.facts.bitrate
	if l := e.Layers(); len(l) > 1 && l[0].Bitrate > 0 && e.Bitrate() > 0 {
		rate = rate * l[0].Bitrate / e.Bitrate()
	}
	return rate
}

func (p *Publisher) checkDrift(time.Time) string {
	d := p.diagnosis.drift.drift()
	if d == 0 {
		return ""
	}
	way := "falls behind"
	if d < 0 {
		way = "runs ahead of"
	}
	return fmt.Sprintf("The sound %s the picture by %d ms a minute: their clocks run apart. Let one clock time both (OBS: the same sample "+
		"rate in Settings → Audio and in the devices; FFmpeg: -af aresample=async=1; GStreamer: audiorate).", way, d.Abs().Round(time.Millisecond).Milliseconds())
}

func (p *Publisher) checkOffset(time.Time) string {
	d := p.diagnosis.drift.offset()
	if d.Abs() < longOffset {
		return ""
	}
	early, late := "picture", "sound"
	if d < 0 {
		early, late = late, early
	}
	return fmt.Sprintf("The %s is sent %s later than the %s that belongs to it, and players hold the %s back for as long: take the delay out "+
		"(OBS: Sync Offset in Advanced Audio Properties; x264: tune zerolatency; NVENC: no look-ahead).", late, seconds(d.Abs()), early, early)
}

// those returns the active encodings of video that have a fault.
func (p *Publisher) those(now time.Time, fault func(*Encoding) bool) []*Encoding {
	var bad []*Encoding
	for _, e := range p.Encodings(codec.Video) {
		if e.Active(now) && fault(e) {
			bad = append(bad, e)
		}
	}
	return bad
}

// of names encodings: "the video" where it is the only one.
func of(list []*Encoding) string {
	var rids []string
	for _, e := range list {
		if e.rid == "" {
			return "the " + e.format.Name.Kind().String()
		}
		rids = append(rids, e.rid)
	}
	return ofRIDs(rids)
}

func ofRIDs(rids []string) string {
	for i, rid := range rids {
		rids[i] = fmt.Sprintf("%q", rid)
	}
	if len(rids) == 1 {
		return "encoding " + rids[0]
	}
	last := len(rids) - 1
	return "encodings " + strings.Join(rids[:last], ", ") + " and " + rids[last]
}

func seconds(d time.Duration) string { return tenths(int((d+time.Second/20)/(time.Second/10))) + " s" }

func percent(thousandths int) string { return tenths(thousandths) + " %" }

// tenths writes a number that counts tenths.
func tenths(n int) string { return fmt.Sprintf("%d.%d", n/10, n%10) }
