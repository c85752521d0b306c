package forwarder

import "time"

// DiagnoseAgain diagnoses though it is not due, with the last packets looked at again.
func (p *Publisher) DiagnoseAgain(now time.Time) []Finding {
	p.diagnosis.next = time.Time{}
	for _, s := range p.order {
		if s.enc != nil {
			s.enc.facts.position, s.enc.facts.anySliced = 0, false
		}
	}
	return p.Diagnose(now)
}
