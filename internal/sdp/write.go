package sdp

import (
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// What we want to be sent, and what we send, of Opus (RFC 7587 §6.1). Browsers
// send one channel unless the answer asks for stereo, and play one channel
// unless it promises stereo.
const (
	opusPublisher  = "minptime=10;stereo=1;useinbandfec=1"
	opusSubscriber = "minptime=10;sprop-stereo=1;stereo=1;useinbandfec=1"
	opusMono       = "minptime=10;useinbandfec=1"
)

// answerBytes is room enough for most answers.
const answerBytes = 4096

// A writer writes one answer or fragment.
type writer struct {
	o *Offer
	a Answer
	b []byte
}

func (w *writer) line(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
	w.b = append(w.b, '\r', '\n')
}

// session writes everything before the first m= line.
func (w *writer) session() {
	w.line("v=0")
	w.line("o=- ", strconv.FormatUint(w.a.SessionID&(1<<63-1), 10), " 1 IN IP4 127.0.0.1")
	w.line("s=-")
	w.line("t=0 0")
	w.group()
	if w.o.mixed {
		w.line("a=extmap-allow-mixed")
	}
	if w.o.Role == Subscriber {
		w.line("a=msid-semantic:WMS *")
	}
	w.iceOptions()
}

func (w *writer) group() {
	if w.o.bundle != nil {
		w.line("a=group:BUNDLE ", strings.Join(w.o.bundle, " "))
	}
}

func (w *writer) iceOptions() {
	if w.a.Lite {
		w.line("a=ice-lite")
	}
	w.line("a=ice-options:trickle")
}

func (w *writer) credentials() {
	w.line("a=ice-ufrag:", w.a.Ufrag)
	w.line("a=ice-pwd:", w.a.Pwd)
}

func (w *writer) candidates() {
	for _, c := range w.a.Candidates {
		w.line("a=", c)
	}
	w.line("a=end-of-candidates")
}

func (w *writer) mid(s *Section) {
	if !s.midless {
		w.line("a=mid:", s.MID)
	}
}

// declined writes a section with port 0 in the shape browsers take: with a real
// payload type, c=, mid, direction and rtcp-mux.
func (w *writer) declined(s *Section) {
	w.mediaLine(s, "0", nil)
	w.line("c=IN IP4 0.0.0.0")
	w.mid(s)
	w.silent(s)
}

// idle writes a section that shares its transport but carries no media.
func (w *writer) idle(i int) {
	s := &w.o.Sections[i]
	w.mediaLine(s, "9", nil)
	w.transport(i)
	w.mid(s)
	if isDataOverDTLS(s.Proto) {
		w.line("a=sctp-port:5000")
		return
	}
	w.silent(s)
	w.line("a=rtcp-mux-only")
}

func (w *writer) silent(s *Section) {
	w.line("a=inactive")
	if s.Kind == 0 {
		return
	}
	w.line("a=rtcp-mux")
	if s.rtpmap != "" {
		w.line("a=rtpmap:", s.rejected, " ", s.rtpmap)
	}
}

// transport writes what every live section says of ICE and DTLS; candidates
// stand in the tagged one alone.
func (w *writer) transport(i int) {
	w.line("c=IN IP4 0.0.0.0")
	w.bandwidth(i)
	if i == w.o.tagged() {
		w.candidates()
	}
	w.credentials()
	w.line("a=fingerprint:", w.a.Fingerprint)
	w.line("a=setup:", w.a.Setup.String())
}

// bandwidth tells a publisher how much video it may send (RFC 8866 §5.8, RFC 3890 §6.2).
// Browsers keep to it; some know the one line, some the other.
func (w *writer) bandwidth(i int) {
	s := &w.o.Sections[i]
	if bitrate := w.a.VideoBitrate; bitrate > 0 && w.o.Role == Publisher && s.Accepted && s.Kind == codec.Video {
		w.line("b=AS:", strconv.FormatInt(max(bitrate/1000, 1), 10))
		w.line("b=TIAS:", strconv.FormatInt(bitrate, 10))
	}
}

func (w *writer) accepted(i int) {
	s := &w.o.Sections[i]
	track := w.track(i)
	codecs := s.Preferring(track.Source)
	w.mediaLine(s, "9", codecs)
	w.transport(i)
	w.mid(s)
	w.extensions(s)
	w.direction(track)
	w.line("a=rtcp-mux")
	w.line("a=rtcp-mux-only") // RFC 9725 §4.4.1, against RFC 8858 §4: some clients insist
	if s.rsize {
		w.line("a=rtcp-rsize")
	}
	for _, c := range codecs {
		w.codec(c, track)
	}
	if w.o.Role == Publisher && !w.a.NoSimulcast {
		w.encodings(s)
	}
	if !slices.ContainsFunc(codecs, func(c Codec) bool { return c.RTX != 0 }) {
		track.RTXSSRC = 0
	}
	w.sources(track)
}

func (w *writer) extensions(s *Section) {
	if s.Mixed && !w.o.mixed {
		w.line("a=extmap-allow-mixed")
	}
	for _, e := range s.Extensions {
		w.line("a=extmap:", strconv.Itoa(int(e.ID)), " ", e.Extension.URI())
	}
}

// track returns what we send in section i; the zero track to publishers.
func (w *writer) track(i int) AnswerTrack {
	if w.o.Role == Publisher || i >= len(w.a.Tracks) {
		return AnswerTrack{}
	}
	return w.a.Tracks[i]
}

// mediaLine writes the m= line; without codecs it repeats the first format
// offered.
func (w *writer) mediaLine(s *Section, port string, codecs []Codec) {
	w.b = append(w.b, "m="+s.Media+" "+port+" "+s.Proto...)
	if len(codecs) == 0 {
		w.line(" ", s.rejected)
		return
	}
	for _, c := range codecs {
		w.b = strconv.AppendUint(append(w.b, ' '), uint64(c.PT), 10)
		if c.RTX != 0 {
			w.b = strconv.AppendUint(append(w.b, ' '), uint64(c.RTX), 10)
		}
	}
	w.line()
}

func (w *writer) direction(t AnswerTrack) {
	if w.o.Role == Publisher {
		w.line("a=recvonly")
		return
	}
	w.line("a=sendonly")
	if t.SSRC != 0 {
		w.line("a=msid:", t.StreamID, " ", t.TrackID)
	}
}

func (w *writer) codec(c Codec, t AnswerTrack) {
	pt := strconv.Itoa(int(c.PT))
	name := c.Format.Name
	w.b = append(w.b, "a=rtpmap:"+pt+" "+name.String()+"/"...)
	w.b = strconv.AppendUint(w.b, uint64(name.ClockRate()), 10)
	if c.Channels != 0 {
		w.b = strconv.AppendInt(append(w.b, '/'), int64(c.Channels), 10)
	}
	w.line()
	for i, feedback := range feedbackNames {
		if c.feedback&(1<<i) != 0 {
			w.line("a=rtcp-fb:", pt, " ", feedback)
		}
	}
	if fmtp := w.fmtp(c, t); fmtp != "" {
		w.line("a=fmtp:", pt, " ", fmtp)
	}
	if c.RTX != 0 {
		rtx := strconv.Itoa(int(c.RTX))
		w.line("a=rtpmap:", rtx, " rtx/", strconv.FormatUint(uint64(name.ClockRate()), 10))
		w.line("a=fmtp:", rtx, " apt=", pt)
	}
}

// fmtp returns the offered parameters, but for Opus, whose parameters state what
// we want and send ourselves.
func (w *writer) fmtp(c Codec, t AnswerTrack) string {
	switch {
	case c.Format.Name != codec.Opus:
		return c.Fmtp
	case w.o.Role == Publisher:
		return opusPublisher
	case t.Mono:
		return opusMono
	}
	return opusSubscriber
}

// encodings mirrors the offered encodings (RFC 8853 §5.3.2).
func (w *writer) encodings(s *Section) {
	for _, r := range s.RIDs {
		if restrictions := r.restrictionsFor(s); restrictions != "" {
			w.line("a=rid:", r.ID, " recv ", restrictions)
		} else {
			w.line("a=rid:", r.ID, " recv")
		}
	}
	if s.Simulcast != "" {
		w.line("a=simulcast:recv ", s.Simulcast)
	}
}

// sources declares the streams we send (RFC 5576).
func (w *writer) sources(t AnswerTrack) {
	if t.SSRC == 0 {
		return
	}
	if t.RTXSSRC != 0 {
		w.line("a=ssrc-group:FID ", strconv.FormatUint(uint64(t.SSRC), 10), " ", strconv.FormatUint(uint64(t.RTXSSRC), 10))
	}
	for _, ssrc := range [...]uint32{t.SSRC, t.RTXSSRC} {
		if ssrc == 0 {
			continue
		}
		n := strconv.FormatUint(uint64(ssrc), 10)
		w.line("a=ssrc:", n, " cname:", t.CNAME)
		w.line("a=ssrc:", n, " msid:", t.StreamID, " ", t.TrackID)
	}
}
