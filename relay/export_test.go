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

// SetPatience bounds exchanges by a time of the test, for those that are not about that bound: a
// machine may be busy. Set it before use.
func (r *Redis) SetPatience(d time.Duration) {
	o := r.client.Options()
	r.within, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = d, d, d, d, d
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
