package forwardertest

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// TestOraclesSeePlantedFaults breaks what leaves the core, one way at a time: an
// oracle that never failed proves nothing.
func TestOraclesSeePlantedFaults(t *testing.T) {
	shift := uint16(0)
	var count, dropped int
	early := uint32(0)
	video := func(p *rtp.Packet, first bool) bool { return p.SSRC == 2000 && first }
	for name, tt := range map[string]struct {
		fault Fault
		want  string
	}{
		"a number used twice": {func(_ int, p *rtp.Packet, first bool) bool {
			if video(p, first) {
				if count++; count == 500 {
					p.SequenceNumber--
				}
			}
			return true
		}, "carries two packets"},
		"a resend that differs": {func(_ int, p *rtp.Packet, first bool) bool {
			if !first {
				p.Timestamp++
			}
			return true
		}, "carries two packets"},
		"a packet left out without a gap": {func(_ int, p *rtp.Packet, first bool) bool {
			if !video(p, first) {
				return true
			}
			if count++; count == 500 {
				shift++
				return false
			}
			p.SequenceNumber -= shift
			return true
		}, "wire: "},
		"a frame left out without a gap": {func(_ int, p *rtp.Packet, first bool) bool {
			if !video(p, first) {
				return true
			}
			c, ok := parseContent(p.Payload)
			if ok && c.picture == 150 {
				dropped++
				shift++
				return false
			}
			p.SequenceNumber -= shift
			return true
		}, "decoder: "},
		"a timestamp that steps back": {func(_ int, p *rtp.Packet, first bool) bool {
			if video(p, first) {
				if c, ok := parseContent(p.Payload); ok && c.picture == 160 {
					p.Timestamp -= 20000
				}
			}
			return true
		}, "steps back"},
		"a timestamp for two frames": {func(_ int, p *rtp.Packet, first bool) bool {
			if video(p, first) {
				if c, ok := parseContent(p.Payload); ok && c.picture == 160 {
					p.Timestamp = early
				}
				early = p.Timestamp
			}
			return true
		}, "do not tell pictures apart"},
		"lips out of sync": {func(_ int, p *rtp.Packet, _ bool) bool {
			if p.SSRC == 1000 {
				p.Timestamp += 48 * 100
			}
			return true
		}, "apart by their reports"},
		"a wrong SSRC": {func(_ int, p *rtp.Packet, _ bool) bool {
			p.SSRC = 77
			return true
		}, "was not negotiated"},
	} {
		t.Run(name, func(t *testing.T) {
			shift, count, dropped = 0, 0, 0
			w := New(3, Options{
				Subscribers: 1, Interval: 2 * time.Second, Fault: tt.fault,
				Down: Network{Loss: 0.01, Delay: 10 * time.Millisecond},
			})
			w.Run(15 * time.Second)
			if err := w.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the oracles did not say %q: %v", tt.want, err)
			}
		})
	}
}
