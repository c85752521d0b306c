package forwarder

const (
	startBitrate = 300_000
	leastBitrate = 30_000
	mostBitrate  = 50_000_000
)

type rateControl struct {
	estimate  float64 // bits per second
	known     bool
	limit     Limit
	acked     float64 // what arrived of what was sent in about the last second
	capacity  float64 // when it was last seen busy; 0: not yet
	decreased int64   // µs
	increased int64
	before    float64 // the estimate before a decrease
}
