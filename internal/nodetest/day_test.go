package nodetest_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// A day is a stream whose publisher and subscriber have bad paths, move, leave and come
// back, all from one seed.
type day struct {
	*nodetest.World
	t        *testing.T
	rnd      *rand.Rand
	from, to *nodetest.Host
	pub      *nodetest.Publisher
	sub      *nodetest.Subscriber
}

// TestBadDays wants the wire oracle to find nothing, whatever happens, and everything to
// be well again soon after the paths are.
func TestBadDays(t *testing.T) {
	for seed := range uint64(share(12)) {
		run(t, func(t *testing.T, w *nodetest.World) {
			d := &day{World: w, t: t, rnd: rand.New(rand.NewPCG(seed, 77))}
			d.run()
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		}, nodetest.Seed(seed))
	}
}

func (d *day) run() {
	d.from, d.to = d.Host(d.path()), d.Host(d.path())
	d.publish()
	d.Run(d.upTo(9 * time.Second))
	edit := []func(string) string{nil, withoutRTX}[d.rnd.IntN(2)]
	d.sub = d.to.Subscribe("studio", func(o *client.PlayOptions) { o.EditOffer = edit })
	for range 3 {
		d.Run(d.upTo(8 * time.Second))
		d.event()
	}
	d.from.Set(nodetest.Link{})
	d.to.Set(nodetest.Link{})
	d.Run(12 * time.Second) // a keyframe, at the latest
	d.sub.WantMedia(3 * time.Second)
	d.sub.WantLive(100 * time.Millisecond)
	d.sub.WantSync(20 * time.Millisecond)
}

func (d *day) upTo(most time.Duration) time.Duration { return time.Duration(d.rnd.Int64N(int64(most))) }

func (d *day) path() nodetest.Link {
	return nodetest.Link{
		Loss: d.rnd.Float64() * 0.05, Delay: d.upTo(60 * time.Millisecond),
		Reorder: d.rnd.Float64() * 0.1, Late: time.Millisecond + d.upTo(40*time.Millisecond),
	}
}

func (d *day) publish() {
	kind := []func(*client.PublishOptions){plain, h264(d.t), likeOBS(d.t)}[d.rnd.IntN(3)]
	d.pub = d.from.Publish("studio", kind)
}

func (d *day) event() {
	switch d.rnd.IntN(5) {
	case 0:
		d.pub.Leave()
		d.publish()
	case 1:
		d.pub.Kill()
		d.Run(2500 * time.Millisecond)
		d.publish()
	case 2:
		d.pub.Host.Move()
		wantRestart(d.t, d.pub)
	case 3:
		d.sub.Host.Move()
		wantRestart(d.t, d.sub)
	case 4:
		d.Server().Cut()
		d.Run(d.upTo(8 * time.Second))
		d.Server().Heal()
	}
}
