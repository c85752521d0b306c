package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

// open runs the exchange: offer, POST, answer. On error the session is closed,
// also on the server.
func (s *Session) open(ctx context.Context) error {
	err := s.exchange(ctx)
	if err == nil {
		return nil
	}
	s.end()
	if s.location != nil {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		s.delete(bye) //nolint:errcheck // the first error counts
	}
	s.closePeer()
	return err
}

func (s *Session) exchange(ctx context.Context) error {
	if err := s.makeOffer(ctx); err != nil {
		return fmt.Errorf("making the offer: %w", err)
	}
	answer, err := s.post(ctx)
	if err != nil {
		return err
	}
	if err := s.takeAnswer(answer); err != nil {
		return err
	}
	close(s.answered)
	s.useLinkedServers()
	return nil
}

// makeOffer sets the local description and writes the text to POST.
func (s *Session) makeOffer(ctx context.Context) error {
	offer, err := s.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if s.opts.Trickle {
		s.pc.OnICECandidate(s.trickleGathered())
	}
	if err := s.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	if !s.opts.Trickle && !s.opts.NoCandidates {
		if err := wait(ctx, gathered, gatherTimeout); err != nil {
			return err
		}
	}
	s.offer = s.editOffer(s.pc.LocalDescription().SDP)
	return nil
}

// wait returns nil when ready is closed or the time is over.
func wait(ctx context.Context, ready <-chan struct{}, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ready:
		return nil
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// editOffer makes pion's text the client it is asked to be.
func (s *Session) editOffer(sdp string) string {
	if s.opts.Setup != "" {
		sdp = strings.ReplaceAll(sdp, "a=setup:actpass\r\n", "a=setup:"+string(s.opts.Setup)+"\r\n")
	}
	if s.opts.NoCandidates || s.opts.Trickle {
		sdp = withoutCandidates(sdp)
	}
	if s.opts.EditOffer != nil {
		sdp = s.opts.EditOffer(sdp)
	}
	return sdp
}

func withoutCandidates(sdp string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		if !strings.HasPrefix(line, "a=candidate:") && !strings.HasPrefix(line, "a=end-of-candidates") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// post sends the offer and reads the 201.
func (s *Session) post(ctx context.Context) (*reply, error) {
	s.posted = time.Now()
	r, err := s.request.do(ctx, http.MethodPost, s.endpoint.String(), []byte(s.offer),
		map[string]string{"Content-Type": typeSDP, "Accept": typeSDP})
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusCreated {
		return nil, r.problem()
	}
	if r.Header.Get("Location") == "" {
		return nil, errors.New("the server's 201 has no Location: the session could never be ended")
	}
	if s.location, err = r.Request.URL.Parse(r.Header.Get("Location")); err != nil {
		return nil, fmt.Errorf("the server's Location: %w", err)
	}
	if !r.is(typeSDP) || !strings.HasPrefix(string(r.body), "v=0") {
		return nil, fmt.Errorf("the server's 201 holds no SDP answer but %q", printable(r.Header.Get("Content-Type")))
	}
	return r, nil
}

// takeAnswer hands the answer to the peer.
func (s *Session) takeAnswer(r *reply) error {
	s.answer, s.header = string(r.body), r.Header
	s.links = parseLinks(r.Header.Values("Link"), r.Request.URL)
	s.mu.Lock()
	s.etag = r.Header.Get("ETag")
	s.mu.Unlock()
	err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: s.answer})
	if err != nil {
		return fmt.Errorf("the server's answer cannot be used: %w", err)
	}
	return nil
}

// useLinkedServers prepares for the case that only a TURN server helps: ICE
// begins without those of the answer, and starts anew with them if that fails.
func (s *Session) useLinkedServers() {
	servers := iceServers(s.links)
	if len(servers) == 0 {
		return
	}
	select { // an agent that still gathers reads its servers meanwhile
	case <-webrtc.GatheringCompletePromise(s.pc):
	case <-time.After(time.Second):
	}
	config := s.pc.GetConfiguration()
	config.ICEServers = append(servers, s.opts.ICEServers...)
	if s.pc.SetConfiguration(config) != nil {
		return // the server named something unusable; the session may live without
	}
	delay := relayDelay
	if s.opts.RelayOnly {
		delay = 0
	}
	s.spawn(func() { s.restartUnlessConnected(delay) })
}

func (s *Session) restartUnlessConnected(delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.Restart(s.life) //nolint:errcheck // the state tells how it went
	case <-s.connected:
	case <-s.life.Done():
	}
}

// delete ends the session on the server. A session that is gone is what we want.
func (s *Session) delete(ctx context.Context) error {
	r, err := s.request.do(ctx, http.MethodDelete, s.location.String(), nil, nil)
	if err != nil {
		return err
	}
	switch {
	case r.StatusCode/100 == 2, r.StatusCode == http.StatusNotFound, r.StatusCode == http.StatusGone:
		return nil
	}
	return r.problem()
}
