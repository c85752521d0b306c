package stream

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestReceivedNeverShrinks: what publishers sent counts while they send and after.
func TestReceivedNeverShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{Shards: 1})
		defer r.Close()
		first, p, _ := publish(t, r, "a")
		play(t, p, 0, 20)
		_, q, _ := publish(t, r, "b")
		play(t, q, 0, 5)
		arrive(q, []byte{1})
		live := r.Counts().Received
		if live.Packets != 25 || live.Bytes == 0 || live.Malformed+live.Unknown != 1 {
			t.Errorf("live: %+v", live)
		}
		first.Release()
		arrive(p, frame(t, 96, 20)) // too late to count
		if got := r.Counts().Received; got != live {
			t.Errorf("after one left: %+v, before %+v", got, live)
		}
		play(t, q, 5, 10)
		if got := r.Counts().Received; got.Packets != 30 || !got.LastPacket.Equal(time.Time{}) {
			t.Errorf("at the end: %+v", got)
		}
	})
}
