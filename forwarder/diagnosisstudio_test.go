package forwarder_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A studio is a publisher whose faults can be switched on and off, the core's end of it,
// and somebody who asks for a diagnosis each second.
type studio struct {
	t      testing.TB
	core   *forwarder.Publisher
	format codec.Format
	rnd    *rand.Rand
	now    time.Time
	way    []onTheWay

	counted time.Duration // by the sound's clock
	audio   *strip
	cameras []*strip

	// what can go wrong
	deaf      bool          // keyframe requests and NACKs are not answered
	keyEvery  time.Duration // a keyframe by itself; 0: only when asked
	keyless   bool          // not even then
	nagging   bool          // somebody asks each second
	sps       []byte        // nil: no parameter sets
	pattern   string        // of slice types in H.264, "" is P
	shuffled  bool          // each three pictures are sent as 2, 0, 1, with the times they are shown at
	loss      float64       // share
	jitter    time.Duration
	stray     bool          // each picture is followed by a packet of nobody's
	packets   int           // of a picture
	slow      int           // the sound's clock, in parts of a million
	honest    bool          // sender reports know that
	stands    bool          // it stands still while there is no sound
	late      time.Duration // sound
	noReports bool

	heard   []forwarder.Finding // at the last diagnosis
	changes int                 // of what was heard
}

type onTheWay struct {
	at     time.Time
	packet []byte
}

// A strip is one RTP stream of a studio.
type strip struct {
	ssrc  uint32
	rid   string
	off   bool
	gone  bool // what was lost is not sent again
	seq   uint16
	rtx   uint16
	next  time.Time // picture or sound
	key   time.Time // the last keyframe; zero: none
	asked bool      // for one
	count int
	kept  map[uint16]rtp.Packet
}

const studioRID, studioRTX, pictureBytes = 3, 97, 1000

// studioSPS is of 128×96 pictures, Baseline, without VUI; studioPPS goes with it.
func studioSPS(profile byte) []byte { return []byte{0x67, profile, 0x00, 0x0a, 0xf8, 0x41, 0xa2} }

var studioPPS = []byte{0x68, 0xce, 0x38, 0x80}

// newStudio returns a healthy publisher of format, with an encoding for each RID; none:
// one without.
func newStudio(t testing.TB, format codec.Format, rids ...string) *studio {
	s := &studio{
		t: t, format: format, rnd: rand.New(rand.NewPCG(1, 2)), now: start, packets: 1, sps: studioSPS(66),
		audio: &strip{ssrc: 10, next: start},
	}
	audio := forwarder.PublisherTrack{Kind: codec.Audio, MID: "0", Formats: map[uint8]codec.Format{upAudio: opus}}
	video := forwarder.PublisherTrack{
		Kind: codec.Video, MID: "1", Formats: map[uint8]codec.Format{upVideo: format}, RIDs: rids, NACK: true, PLI: true,
		Repair: map[uint8]uint8{studioRTX: upVideo}, RepairSSRCs: map[uint32]uint32{},
		Extensions: map[uint8]codec.Extension{studioRID: codec.RID},
	}
	for i := range max(1, len(rids)) {
		c := &strip{ssrc: uint32(20 + i), next: start, kept: map[uint16]rtp.Packet{}}
		if len(rids) > 0 {
			c.rid = rids[i]
		}
		s.cameras = append(s.cameras, c)
		video.RepairSSRCs[c.ssrc+100] = c.ssrc
	}
	s.core = forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{audio, video}})
	return s
}

// run lets d pass.
func (s *studio) run(d time.Duration) {
	const step = 5 * time.Millisecond
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(step) {
		s.sound()
		for _, c := range s.cameras {
			s.picture(c)
		}
		s.deliver()
		if !s.now.Before(s.core.Deadline()) {
			s.feedback(s.core.Tick(s.now, 0, nil))
		}
		if s.now.Sub(start)%time.Second == 0 {
			s.diagnose()
		}
	}
}

func (s *studio) diagnose() {
	if s.nagging {
		for _, e := range s.core.Encodings(codec.Video) {
			s.core.RequestKeyframe(e)
		}
	}
	found := s.core.Diagnose(s.now)
	if !slices.Equal(found, s.heard) {
		s.changes++
	}
	s.heard = found
}

// codes are what was heard last.
func (s *studio) codes() []string {
	var all []string
	for _, f := range s.heard {
		all = append(all, f.Code)
	}
	return all
}

// due tells whether a strip is to send now, each so often.
func (c *strip) due(now time.Time, each time.Duration) bool {
	if now.Before(c.next) {
		return false
	}
	c.next = c.next.Add(each)
	c.count++
	return !c.off
}

func (s *studio) sound() {
	const interval = 20 * time.Millisecond
	if !s.now.Before(s.audio.next) && (!s.audio.off || !s.stands) {
		s.counted += interval - interval*time.Duration(s.slow)/1_000_000
	}
	if !s.audio.due(s.now, interval) {
		return
	}
	captured := s.counted - s.late
	timestamp := uint32(captured * 48 / time.Millisecond)
	s.send(s.audio, rtp.Header{PayloadType: upAudio, Timestamp: timestamp, Marker: true}, make([]byte, 60))
	if s.audio.count%250 == 1 {
		if s.honest {
			captured = s.now.Sub(start)
		}
		s.report(s.audio, start.Add(captured), timestamp)
	}
}

func (s *studio) picture(c *strip) {
	const interval = time.Second / 30
	if !c.due(s.now, interval) {
		return
	}
	n := c.count - 1
	if s.shuffled {
		n += []int{2, -1, -1}[n%3]
	}
	timestamp := uint32(n * 3000)
	key := !s.keyless && (c.key.IsZero() || c.asked || s.keyEvery > 0 && s.now.Sub(c.key) >= s.keyEvery)
	if key {
		c.key, c.asked = s.now, false
	}
	payload := s.vp8(c, key)
	if s.format.Name == codec.H264 {
		payload = s.h264(c, key, timestamp)
	}
	for i := range s.packets {
		s.send(c, rtp.Header{PayloadType: upVideo, Timestamp: timestamp, Marker: i == s.packets-1}, payload)
		payload = make([]byte, pictureBytes) // the inside of a VP8 picture
	}
	if s.stray {
		s.send(&strip{ssrc: 999, seq: uint16(c.count)}, rtp.Header{PayloadType: 50, Timestamp: timestamp}, payload[:10])
	}
	if c.count%150 == 1 {
		s.report(c, start.Add(time.Duration(c.count-1)*interval), timestamp)
	}
}

func (s *studio) vp8(c *strip, key bool) []byte {
	b := make([]byte, pictureBytes)
	copy(b, []byte{0x10, 0x01, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01})
	b[7] = byte(0x80 - 0x10*(c.ssrc-20)) // smaller ones have higher SSRCs
	if key {
		b[1] = 0
	}
	return b
}

// h264 sends a keyframe's parameter sets and returns one slice.
func (s *studio) h264(c *strip, key bool, timestamp uint32) []byte {
	b := make([]byte, pictureBytes)
	copy(b, []byte{0x41, 0xe0}) // P
	if len(s.pattern) > 0 && s.pattern[c.count%len(s.pattern)] == 'B' {
		b[0], b[1] = 0x01, 0xa8
	}
	if key {
		b[0], b[1] = 0x65, 0x88
		for _, nal := range [][]byte{s.sps, studioPPS} {
			if s.sps != nil {
				s.send(c, rtp.Header{PayloadType: upVideo, Timestamp: timestamp}, nal)
			}
		}
	}
	return b
}

// send puts a packet on its way, and keeps it if it can be asked for.
func (s *studio) send(c *strip, h rtp.Header, payload []byte) {
	h.Version, h.SSRC, h.SequenceNumber = 2, c.ssrc, c.seq
	c.seq++
	if c.rid != "" {
		if err := h.SetExtension(studioRID, []byte(c.rid)); err != nil {
			s.t.Fatal(err)
		}
	}
	p := rtp.Packet{Header: h, Payload: payload}
	if c.kept != nil {
		c.kept[h.SequenceNumber] = p
		delete(c.kept, h.SequenceNumber-1000)
	}
	s.carry(&p)
}

func (s *studio) carry(p *rtp.Packet) {
	if s.loss > 0 && s.rnd.Float64() < s.loss {
		return
	}
	b, err := p.Marshal()
	if err != nil {
		s.t.Fatal(err)
	}
	at := s.now
	if s.jitter > 0 {
		at = at.Add(time.Duration(s.rnd.Int64N(int64(s.jitter))))
	}
	s.way = append(s.way, onTheWay{at, b})
}

func (s *studio) deliver() {
	rest := s.way[:0]
	for _, w := range s.way {
		if w.at.After(s.now) {
			rest = append(rest, w)
			continue
		}
		s.core.HandleRTP(s.now, w.packet)
	}
	s.way = rest
}

// report sends a sender report: at the given time of the publisher's clock, which is
// ours and an hour, the timestamp was due.
func (s *studio) report(c *strip, at time.Time, timestamp uint32) {
	if s.noReports {
		return
	}
	b, err := (&rtcp.SenderReport{SSRC: c.ssrc, NTPTime: forwarder.ToNTP(at.Add(time.Hour)), RTPTime: timestamp}).Marshal()
	if err != nil {
		s.t.Fatal(err)
	}
	s.core.HandleRTCP(s.now, b)
}

// feedback answers what the core asks for.
func (s *studio) feedback(compound []byte) {
	if len(compound) == 0 || s.deaf {
		return
	}
	packets, err := rtcp.Unmarshal(compound)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication:
			s.camera(p.MediaSSRC).asked = true
		case *rtcp.TransportLayerNack:
			for _, pair := range p.Nacks {
				for _, seq := range pair.PacketList() {
					s.resend(s.camera(p.MediaSSRC), seq)
				}
			}
		}
	}
}

func (s *studio) camera(ssrc uint32) *strip { return s.cameras[ssrc-20] }

func (s *studio) resend(c *strip, seq uint16) {
	p, ok := c.kept[seq]
	if !ok || c.gone {
		return
	}
	p.Payload = append(binary.BigEndian.AppendUint16(nil, seq), p.Payload...)
	p.PayloadType, p.SSRC, p.SequenceNumber = studioRTX, c.ssrc+100, c.rtx
	c.rtx++
	s.carry(&p)
}
