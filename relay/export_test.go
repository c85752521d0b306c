package relay

import "time"

// The bounds tests count with.
const (
	LeaseLife  = leaseLife
	RenewEvery = renewEvery
	NodeLife   = nodeLife
	OpTimeout  = opTimeout
	EpochStep  = epochStep

	MaxRevocations       = maxRevocations
	MaxRevocationPage    = maxRevocationPage
	MaxRevocationNumbers = maxRevocationNumbers
	RevokedEvery         = revokedEvery
)

// SetClock makes the scripts go by a clock of the test. Set it before use.
func (r *Redis) SetClock(now func() time.Time) {
	r.at = func() int64 { return now().UnixMicro() }
}

// Lease returns the lease of a hold.
func (k *Keeper) Lease(stream string) (Lease, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.holds[stream]
	if h == nil {
		return Lease{}, false
	}
	return h.lease, true
}
