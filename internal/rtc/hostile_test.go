package rtc

import (
	"testing"
	"testing/synctest"
	"time"
)

// Early media of too many streams closes the peer while it is delivered; what is left
// of it has no keys any more.
func TestEarlyMediaOfTooManySSRCs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		synctest.Wait() // the keys are in place
		p.inMu.Lock()
		in := p.in
		p.in = nil
		p.inMu.Unlock()
		for ssrc := range uint32(maxSSRCs + 10) {
			c.out.write(t, 1+ssrc, 96, 1)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		p.receive(in)
		r.waitState(t, Closed)
		if n := len(r.rtpHeard()); n != maxSSRCs {
			t.Errorf("%d packets delivered, want %d", n, maxSSRCs)
		}
		w.close(c)
	})
}
