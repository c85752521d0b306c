package scenario

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	for _, s := range All() {
		if s.Name != os.Getenv("S") {
			continue
		}
		r := Play(s)
		last := ""
		for _, x := range r.Samples {
			h := 0
			if x.Choice.Encoding != nil {
				_, h = x.Choice.Encoding.Size()
			}
			line := fmt.Sprintf("%d t%d p%v", h, x.Choice.Temporal, x.Choice.Paused)
			if line != last || x.At%time.Second == 0 {
				fmt.Println(x.At, line, "est", x.Estimate/1000, "cap", x.Capacity/1000, "q", x.Queued.Milliseconds())
			}
			last = line
		}
		var prev time.Duration
		for _, f := range r.recv.shown {
			if f.at-prev > 300*time.Millisecond {
				fmt.Println("freeze", prev, f.at-prev)
			}
			prev = f.at
		}
		fmt.Printf("%+v\n", r.Score())
		fmt.Printf("%+v\n", r.sub.Track(2).Counts())
	}
}
