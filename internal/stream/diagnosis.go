package stream

import (
	"slices"

	"github.com/whippet-media/whippet/forwarder"
)

// Diagnosis returns what is wrong with the publisher's media, the gravest first, as of
// the last second or two; nil: nothing. It is safe for concurrent use; what it returns
// must not be changed.
func (p *Publication) Diagnosis() []forwarder.Finding { return p.up.Findings() }

// tell logs each kind of finding once, on the node that the publisher is on. Only the feedback
// goroutine calls it.
func (p *Publication) tell(found []forwarder.Finding) {
	if p.relayed {
		return
	}
	for _, f := range found {
		if !slices.Contains(p.told, f.Code) {
			p.told = append(p.told, f.Code)
			p.stream.reg.log.Warn("diagnosis", "event", "found", "stream", p.stream.name, "code", f.Code, "text", f.Text)
		}
	}
}
