package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// eventsRelation is the Link relation of WHEP's server-sent events extension.
const eventsRelation = "urn:ietf:params:whep:ext:core:server-sent-events"

const typeEvents = "text/event-stream"

// hearReconnects tells of the server's reconnect events until the session ends, or the
// server has none to tell.
func (p *Player) hearReconnects() {
	link := ""
	for _, l := range p.links {
		if l.Rel == eventsRelation {
			link = l.URL
		}
	}
	for failures := 0; link != "" && failures < maxEventFailures; failures++ {
		begun := time.Now()
		err := p.hear(link)
		var problem *ProblemError
		if p.life.Err() != nil || errors.As(err, &problem) && !problem.Temporary() {
			return
		}
		if time.Since(begun) > eventsHealthy {
			failures = 0
		}
		timer := time.NewTimer(eventsPause)
		select {
		case <-timer.C:
		case <-p.life.Done():
			timer.Stop()
			return
		}
	}
}

// hear makes an event stream and reads it to its end.
func (p *Player) hear(link string) error {
	r, err := p.request.do(p.life, http.MethodPost, link, []byte(`["reconnect"]`), map[string]string{"Content-Type": "application/json"})
	if err != nil {
		return err
	}
	at := link
	switch {
	case r.StatusCode == http.StatusMethodNotAllowed: // some send all events at the link itself
	case r.StatusCode/100 != 2:
		return r.problem()
	default:
		u, err := r.Request.URL.Parse(r.Header.Get("Location"))
		if err != nil {
			return fmt.Errorf("the Location of events: %w", err)
		}
		at = u.String()
	}
	body, err := p.request.open(p.life, at, typeEvents)
	if err != nil {
		return err
	}
	defer body.Close()
	return readEvents(body, func(name, data string) {
		if target, ok := reconnectTarget(p.location, data); ok && name == "reconnect" {
			p.opts.OnReconnect(target)
		}
	})
}

// reconnectTarget reads the data of a reconnect event: an absolute URL, or "" if it names
// none.
func reconnectTarget(base *url.URL, data string) (target string, ok bool) {
	var said struct{ URL string }
	if json.Unmarshal([]byte(data), &said) != nil {
		return "", false
	}
	if said.URL == "" {
		return "", true
	}
	u, err := base.Parse(said.URL)
	if err != nil || CheckURL(u.String()) != nil {
		return "", false
	}
	return u.String(), true
}

// readEvents reads an event stream (HTML Living Standard §9.2.6) and tells each event.
// Lines longer than maxEventLine end it.
func readEvents(r io.Reader, tell func(name, data string)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEventLine)
	var name string
	var data []string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case field == "event":
			name = value
		case field == "data" && len(data) < maxEventLines:
			data = append(data, value)
		case lines.Text() == "":
			if len(data) > 0 {
				tell(name, strings.Join(data, "\n"))
			}
			name, data = "", nil
		}
	}
	return lines.Err()
}

// open GETs what has no end. The caller closes it.
func (r *requester) open(ctx context.Context, target, mediaType string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	req.Header.Set("Accept", mediaType)
	endless := r.http
	endless.Timeout = 0
	resp, err := endless.Do(req)
	if err != nil {
		return nil, err
	}
	answer := &reply{Response: resp}
	if resp.StatusCode == http.StatusOK && answer.is(mediaType) {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	answer.body, _ = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return nil, answer.problem()
}
