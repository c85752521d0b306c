package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pion/webrtc/v4"
)

// ErrNoRestart says that the server's 201 had no ETag: it takes no PATCH.
var ErrNoRestart = errors.New("the server supports neither trickle ICE nor ICE restarts")

// Patch sends an ICE fragment (RFC 8840) to the session and returns status,
// header and body as they came. ifMatch is the If-Match header, "" for none.
func (s *Session) Patch(ctx context.Context, ifMatch, fragment string) (status int, header http.Header, body string, err error) {
	r, err := s.sendPatch(ctx, ifMatch, fragment)
	if err != nil {
		return 0, nil, "", err
	}
	return r.StatusCode, r.Header, string(r.body), nil
}

func (s *Session) sendPatch(ctx context.Context, ifMatch, fragment string) (*reply, error) {
	header := map[string]string{"Content-Type": typeFragment}
	if ifMatch != "" {
		header["If-Match"] = ifMatch
	}
	return s.request.do(ctx, http.MethodPatch, s.location.String(), []byte(fragment), header)
}

// Trickle sends candidates ("candidate:…") of the current generation by PATCH;
// end adds end-of-candidates.
func (s *Session) Trickle(ctx context.Context, candidates []string, end bool) error {
	s.patch.Lock()
	defer s.patch.Unlock()
	etag := s.ETag()
	if etag == "" {
		return ErrNoRestart
	}
	r, err := s.sendPatch(ctx, etag, fragment(s.pc.LocalDescription().SDP, candidates, end))
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusNoContent && r.StatusCode != http.StatusOK {
		return r.problem()
	}
	return nil
}

// trickleGathered returns a handler that sends gathered candidates as they come,
// once the session has a URL. It keeps order: one goroutine sends them all.
func (s *Session) trickleGathered() func(*webrtc.ICECandidate) {
	found := make(chan string, 256) // more candidates than any machine has addresses
	s.spawn(func() { s.trickleLoop(found) })
	return func(c *webrtc.ICECandidate) {
		line := "" // the end
		if c != nil {
			line = c.ToJSON().Candidate
		}
		select {
		case found <- line:
		default: // full: the server will find this one as peer-reflexive
		}
	}
}

// trickleLoop begins when the answer is there: before, there is nothing to PATCH.
func (s *Session) trickleLoop(found <-chan string) {
	select {
	case <-s.answered:
	case <-s.life.Done():
		return
	}
	for {
		var batch []string
		end := false
		select {
		case line := <-found:
			end = line == ""
			if !end {
				batch = append(batch, line)
			}
		case <-s.life.Done():
			return
		}
		if s.Trickle(s.life, batch, end) != nil || end {
			return // candidates are a help, not a need
		}
	}
}

// Restart runs one ICE restart (RFC 9725 §4.3.3): new credentials, a new gathering,
// PATCH with If-Match: *. When it fails the session has lost its old path and
// should be closed.
func (s *Session) Restart(ctx context.Context) error {
	s.patch.Lock()
	defer s.patch.Unlock()
	if s.ETag() == "" {
		return ErrNoRestart
	}
	local, err := s.restartOffer(ctx)
	if err != nil {
		return fmt.Errorf("restarting ICE: %w", err)
	}
	r, err := s.sendPatch(ctx, "*", fragment(local, candidatesOf(local), true))
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return r.problem()
	}
	return s.takeRestart(r)
}

func (s *Session) restartOffer(ctx context.Context) (string, error) {
	offer, err := s.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(offer); err != nil {
		return "", err
	}
	if err := wait(ctx, gathered, gatherTimeout); err != nil {
		return "", err
	}
	return s.pc.LocalDescription().SDP, nil
}

// takeRestart puts the server's new credentials and candidates into its answer.
func (s *Session) takeRestart(r *reply) error {
	answer := restartedAnswer(s.answer, string(r.body))
	if answer == "" {
		return errors.New("the server's restart answer holds no ice-ufrag and ice-pwd")
	}
	if tag := r.Header.Get("ETag"); tag != "" {
		s.mu.Lock()
		s.etag = tag
		s.mu.Unlock()
	}
	return s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// attribute returns the value of the first a=name:value line of text.
func attribute(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "a="+name+":"); ok {
			return strings.TrimRight(value, "\r\n")
		}
	}
	return ""
}

// candidatesOf lists the candidates of a description's first section that has
// any, without "a=".
func candidatesOf(sdp string) []string {
	var found []string
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "m=") && len(found) > 0 {
			break
		}
		if strings.HasPrefix(line, "a=candidate:") {
			found = append(found, strings.TrimRight(line[2:], "\r\n"))
		}
	}
	return found
}

// fragment writes an ICE fragment in the shape of RFC 9725's figures, for the
// first section of the local description.
func fragment(local string, candidates []string, end bool) string {
	var b strings.Builder
	if group := attribute(local, "group"); group != "" {
		fmt.Fprintf(&b, "a=group:%s\r\n", group)
	}
	fmt.Fprintf(&b, "m=%s 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%s\r\n", firstMedia(local), attribute(local, "mid"))
	fmt.Fprintf(&b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", attribute(local, "ice-ufrag"), attribute(local, "ice-pwd"))
	for _, c := range candidates {
		fmt.Fprintf(&b, "a=%s\r\n", c)
	}
	if end {
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.String()
}

func firstMedia(sdp string) string {
	for line := range strings.Lines(sdp) {
		if media, ok := strings.CutPrefix(line, "m="); ok {
			media, _, _ = strings.Cut(media, " ")
			return media
		}
	}
	return "audio"
}

// restartedAnswer replaces credentials and candidates of the answer by those of
// the fragment; "" if the fragment has no credentials.
func restartedAnswer(answer, fragment string) string {
	ufrag, pwd := attribute(fragment, "ice-ufrag"), attribute(fragment, "ice-pwd")
	if ufrag == "" || pwd == "" {
		return ""
	}
	var b strings.Builder
	given := false // candidates belong into the first section only
	for line := range strings.Lines(withoutCandidates(answer)) {
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			line = "a=ice-ufrag:" + ufrag + "\r\n"
		case strings.HasPrefix(line, "a=ice-pwd:"):
			line = "a=ice-pwd:" + pwd + "\r\n"
		}
		b.WriteString(line)
		if strings.HasPrefix(line, "a=mid:") && !given {
			given = true
			for _, c := range candidatesOf(fragment) {
				b.WriteString("a=" + c + "\r\n")
			}
		}
	}
	return b.String()
}
