package nodetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// run runs a test in virtual time.
func run(t *testing.T, f func(t *testing.T, w *nodetest.World), options ...nodetest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, nodetest.New(t, options...)) })
}

// share returns how many of n repetitions are made.
func share(n int) int { return max(1, n*percent/100) }

func TestPublishJoinLeave(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub := w.Publish("studio")
		w.Run(time.Second)
		sub := w.Subscribe("studio")
		sub.WantMedia(time.Minute)
		sub.WantLive(100 * time.Millisecond)
		sub.WantSync(5 * time.Millisecond)
		sub.WantMissing(codec.Video, 0)
		sub.WantMissing(codec.Audio, 0)
		sub.Leave()
		pub.Leave()
		w.WantEmpty()
	})
}
