package forwarder

import "testing"

// Loss that rises little by little is not all taken for inherent.
func TestInherentLossIsBounded(t *testing.T) {
	e := NewEstimator(EstimatorConfig{})
	m := &e.loss
	for range 1000 {
		m.now = lossTally{packets: 1000}
		m.recent = m.inherent + lossLeast/2
		e.judge(0)
	}
	if m.inherent < 0.2 || m.inherent > inherentFull {
		t.Errorf("a loss that rose to %.2f is taken for inherent up to %.2f", m.recent, m.inherent)
	}
}
