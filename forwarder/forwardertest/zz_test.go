package forwardertest
import ("testing";"time")
func TestZZ(t *testing.T) {
	o := smooth(layered()["av1 mixed"])
	o.Select, o.Calm = time.Second, 10*time.Second
	o.Linked, o.Link = true, Network{Delay: 5 * time.Millisecond, Loss: 0.02}
	for _, s := range []uint64{13,19} {
	w := New(s, o)
	w.Run(30 * time.Second)
	t.Error(w.Err())
	}
}
