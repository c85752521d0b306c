package stream

import "testing"

// TestFloodedMailbox: a subscriber that floods its shard with feedback does not keep
// another's out, and is heard again after the pass.
func TestFloodedMailbox(t *testing.T) {
	s := &shard{wake: make(chan struct{}, 1)}
	m := &members{shard: s}
	hostile, fair := &Subscription{member: m}, &Subscription{member: m}
	for range 2 * maxFeedback {
		hostile.PushRTCP([]byte{0x80})
	}
	fair.PushRTCP([]byte{0x81})
	box, _ := s.takeWork()
	if n := len(box); n != maxWaiting+1 || box[n-1].sub != fair {
		t.Errorf("%d messages wait", n)
	}
	if n := s.dropped.Load(); n != 2*maxFeedback-maxWaiting {
		t.Errorf("%d counted as dropped", n)
	}
	hostile.PushRTCP([]byte{0x80})
	if box, _ := s.takeWork(); len(box) != 1 {
		t.Error("the flooder is not heard any more")
	}
}
