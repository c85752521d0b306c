package forwardertest
import ("testing";"time")
func TestZZ(t *testing.T) {
	for seed := range uint64(60) {
	o := linked(layered()["h264"], 2, 0.02)
	o.Select, o.Calm = time.Second, 10*time.Second
	w := New(seed, o)
	w.Run(30 * time.Second)
	if w.Err()!= nil { t.Error(seed, w.Err()) }
	}
}
