package bench

import (
	"math"
	"math/bits"
	"time"
)

// A histogram counts durations in steps of 3 %, from a microsecond to minutes; longer
// ones count as the longest. The zero histogram is empty.
type histogram struct {
	buckets [27 * histogramSteps]uint32
	count   uint64
	max     time.Duration
}

// histogramSteps are the steps of a doubling.
const histogramSteps = 32

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(d)]++
	h.count++
	h.max = max(h.max, d)
}

func bucketOf(d time.Duration) int {
	us := uint64(d.Microseconds()) //nolint:gosec // not negative
	if us < histogramSteps {
		return int(us)
	}
	shift := bits.Len64(us) - 6 // keeps six digits, the first of which is 1
	i := (shift+1)*histogramSteps + int(us>>shift) - histogramSteps
	return min(i, 27*histogramSteps-1)
}

// valueOf is the middle of a bucket.
func valueOf(bucket int) time.Duration {
	if bucket < histogramSteps {
		return time.Duration(bucket) * time.Microsecond
	}
	shift := bucket/histogramSteps - 1
	us := float64(bucket%histogramSteps+histogramSteps) + 0.5
	return time.Duration(math.Ldexp(us, shift) * float64(time.Microsecond))
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
	h.max = max(h.max, o.max)
}

// quantile returns the duration that a share q of all do not exceed, 0 of none.
func (h *histogram) quantile(q float64) time.Duration {
	need := uint64(math.Ceil(q * float64(h.count)))
	seen := uint64(0)
	for i, n := range h.buckets {
		if seen += uint64(n); seen >= need && n > 0 {
			return min(valueOf(i), h.max)
		}
	}
	return h.max
}
