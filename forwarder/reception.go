package forwarder

import "time"

// reception is what a receiver report says of one SSRC (RFC 3550 §6.4.1, A.3, A.8).
type reception struct {
	base, highest  uint64
	received       uint64
	lastExpected   uint64
	lastReceived   uint64
	jitter         int64  // RTP units, times 16
	transit        uint32 // RTP units
	epoch          time.Time
	started        bool
	lastReport     uint32 // middle 32 bits of the last sender report's NTP time
	lastReportTime time.Time
}

// packet counts one packet that came in by itself, not by retransmission.
func (r *reception) packet(seq uint64, timestamp, clock uint32, now time.Time) {
	if !r.started {
		r.started, r.base, r.highest, r.epoch = true, seq, seq, now
	}
	r.highest = max(r.highest, seq)
	r.received++
	transit := ticks(now.Sub(r.epoch), clock) - timestamp
	if d := int64(int32(transit - r.transit)); r.received > 1 {
		r.jitter += max(d, -d) - (r.jitter+8)>>4
	}
	r.transit = transit
}

func (r *reception) senderReport(ntp uint64, now time.Time) {
	r.lastReport, r.lastReportTime = middle(ntp), now
}

// lost returns how many packets did not come by themselves so far.
func (r *reception) lost() uint64 {
	if expected := r.highest - r.base + 1; r.started && expected > r.received {
		return expected - r.received
	}
	return 0
}

// report makes the report block of ssrc and starts the next interval.
func (r *reception) report(ssrc uint32, now time.Time) reportBlock {
	expected := r.highest - r.base + 1
	lost := int64(expected) - int64(r.received)
	gapExpected, gapReceived := expected-r.lastExpected, r.received-r.lastReceived
	r.lastExpected, r.lastReceived = expected, r.received
	var fraction uint8
	if gapReceived < gapExpected {
		fraction = uint8(min((gapExpected-gapReceived)*256/gapExpected, 255))
	}
	block := reportBlock{
		ssrc: ssrc, fractionLost: fraction, lost: int32(min(max(lost, 0), 0x7fffff)),
		highest: uint32(r.highest - 1<<16), jitter: uint32(r.jitter >> 4), lastReport: r.lastReport,
	}
	if r.lastReport != 0 {
		block.delay = uint32(now.Sub(r.lastReportTime).Seconds() * (1 << 16))
	}
	return block
}
