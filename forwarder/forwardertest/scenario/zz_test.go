package scenario

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	for _, s := range All() {
		if s.Name != os.Getenv("NAME") {
			continue
		}
		r := Play(s)
		for _, x := range r.Samples {
			if x.At < 3*time.Second {
				h := 0
				if x.Choice.Encoding != nil {
					_, h = x.Choice.Encoding.Size()
				}
				fmt.Printf("%5.2f est %5d cap %5d q %4d h %d t%d\n", x.At.Seconds(), x.Estimate/1000, x.Capacity/1000, x.Queued.Milliseconds(), h, x.Choice.Temporal)
			}
		}
	}
}
