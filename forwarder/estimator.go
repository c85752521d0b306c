package forwarder

import "time"

// EstimatorConfig bounds an [Estimator]. All bitrates are bits per second on the wire;
// a zero field has its default.
type EstimatorConfig struct {
	Start int64 // what is assumed at first
	Min   int64 // the least estimate
	Max   int64 // the greatest
}

// A Limit says what bounds an estimate.
type Limit uint8

// What may bound an estimate.
const (
	LimitUnknown     Limit = iota // nothing was measured yet
	LimitNone                     // the greatest estimate the configuration allows
	LimitApplication              // more was never sent, so that more is not known to fit
	LimitDelay                    // a queue grew where more was sent
	LimitLoss                     // packets were lost where more was sent
	LimitReceiver                 // the subscriber asked for no more (REMB)
)

// An Estimator says what a subscriber's network carries, from what was sent to it and
// what it reports. It is pure: the time is an argument, in order, and of what steps
// back the latest seen is taken. It is not safe for concurrent use.
type Estimator struct {
	cfg      EstimatorConfig
	estimate int64
}

// NewEstimator returns an estimator that knows nothing yet.
func NewEstimator(cfg EstimatorConfig) *Estimator { return &Estimator{cfg: cfg} }

// Sent says that a packet was given to the network under a transport-wide number, in
// order of numbers; one that was left out was not sent. A number that is not above the
// last is ignored: the packet was sent again. size is its bytes on the wire, IP and UDP
// headers included; probe says that it was sent because [Estimator.Probe] asked for
// it. It does not allocate but while the memory of sent packets grows to its bound.
func (e *Estimator) Sent(now time.Time, number uint16, size int, probe bool) {}

// Feedback takes the body of transport-wide feedback, which it does not keep: what is
// behind its RTCP header. It is false if it was malformed; then it was ignored.
// Packets it does not know of are passed over.
func (e *Estimator) Feedback(now time.Time, body []byte) bool {
	_, ok := parseTransportFeedback(body)
	return ok
}

// REMB takes the bitrate a receiver estimates, in bits per second: all there is where
// it sends no transport-wide feedback, else an upper bound
// (draft-alvestrand-rmcat-remb-03).
func (e *Estimator) REMB(now time.Time, bitrate int64) {}

// Reception takes what a receiver report says: the fraction lost since the one before,
// in 1/256, and the round trip, 0 if unknown (RFC 3550 §6.4.1). It counts only where
// there is no transport-wide feedback.
func (e *Estimator) Reception(now time.Time, fractionLost uint8, rtt time.Duration) {}

// Estimate returns what the network carries, in bits per second on the wire, within
// the configuration's bounds; 0 while it is unknown.
func (e *Estimator) Estimate() int64 { return e.estimate }

// Limit says what bounds the estimate.
func (e *Estimator) Limit() Limit { return LimitUnknown }

// Want says what would be sent next if the network carried it, all of the session, in
// bits per second on the wire; 0: nothing more than now. While it is above the
// estimate, probes are made for it.
func (e *Estimator) Want(bitrate int64) {}

// Probe returns how many bytes to send now beside all else, as padding or in packets
// that are sent again, to find out whether the network carries more; false if none. It
// is to be called at Deadline, and each packet sent for it goes to Sent.
func (e *Estimator) Probe(now time.Time) (bytes int, ok bool) { return 0, false }

// Deadline returns when Probe is to be called next; zero: not before something else
// happens. Every other call may change it.
func (e *Estimator) Deadline() time.Time { return time.Time{} }

// Pace returns the bitrate at which packets should leave, in bits per second, so that
// a keyframe of the given bytes does not flood the network; 0: there is nothing to
// wait for. It is for [Pacer.Set].
func (e *Estimator) Pace(keyframe int) int64 { return 0 }
