package forwarder_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestExplorePion(t *testing.T) {
	for _, kind := range []string{"layered", "elastic"} {
		for _, s := range scenarios() {
			synctest.Test(t, func(t *testing.T) {
				est, err := newPionEstimator()
				if err != nil {
					t.Fatal(err)
				}
				defer est.bwe.Close()
				s.cfg.Seed = 1
				p := newPath(est, s.cfg)
				var src source = newLayered()
				if kind == "elastic" {
					src = &elastic{most: 3_500_000, rate: 300_000}
				}
				p.run(src, s.d, func() { time.Sleep(time.Millisecond); synctest.Wait() })
				t.Logf("%-8s %-22s %v", kind, s.name, p)
			})
		}
	}
}
