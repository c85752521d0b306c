package relay

import "time"

// The bounds tests count with.
const (
	LeaseLife  = leaseLife
	RenewEvery = renewEvery
	NodeLife   = nodeLife
	OpTimeout  = opTimeout
)

// SetClock makes the scripts go by a clock of the test. Set it before use.
func (r *Redis) SetClock(now func() time.Time) {
	r.at = func() int64 { return now().UnixMicro() }
}

