package stream

import (
	"slices"

	"github.com/whippet-media/whippet/forwarder"
)

// Diagnosis returns what is wrong with the publisher's media, the gravest first, as of
// the last second or two; nil: nothing. It is safe for concurrent use; what it returns
// must not be changed.
func (p *Publication) Diagnosis() []forwarder.Finding {
	if found := p.found.Load(); found != nil {
		return *found
	}
	return nil
}

// tell publishes what was found, and logs each kind of finding once. Only the feedback
// goroutine calls it.
func (p *Publication) tell(found []forwarder.Finding) {
	if slices.Equal(found, p.Diagnosis()) {
		return
	}
	p.found.Store(&found)
	for _, f := range found {
		if !slices.Contains(p.told, f.Code) {
			p.told = append(p.told, f.Code)
			p.stream.reg.log.Warn("diagnosis", "event", "found", "stream", p.stream.name, "code", f.Code, "text", f.Text)
		}
	}
}
