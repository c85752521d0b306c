package forwardertest

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// wantSaid runs a world of one subscriber and wants its oracles to say something.
func wantSaid(t *testing.T, o Options, want string) {
	t.Helper()
	o.Subscribers = 1
	w := New(3, o)
	w.Run(15 * time.Second)
	w.checkEnd(5 * time.Second)
	if err := w.Err(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the oracles did not say %q: %v", want, err)
	}
}

// hidden returns a fault that drops packets of video for good.
func hidden(match func(c *content) bool) Fault {
	return func(_ int, p *rtp.Packet, _ bool) bool {
		c, ok := parseContent(p.Payload)
		return p.SSRC != 2000 || !ok || !match(&c)
	}
}

// TestOraclesOfLivenessSeePlantedFaults: on perfect networks a subscriber that gets nothing,
// or not all, or is not live.
func TestOraclesOfLivenessSeePlantedFaults(t *testing.T) {
	perfect := Options{Interval: 2 * time.Second}
	for name, tt := range map[string]struct {
		fault Fault
		want  string
	}{
		"nothing is sent":              {hidden(func(*content) bool { return true }), "was not sent the keyframe it found"},
		"nothing but the beginning":    {hidden(func(c *content) bool { return c.picture > 60 }), "behind 2.5s after its join"},
		"nothing at the end":           {hidden(func(c *content) bool { return c.picture > 430 }), "behind at the end"},
		"keyframes and little more":    {hidden(func(c *content) bool { return c.picture%60 > 50 }), " saw "},
		"all but one picture in sixty": {hidden(func(c *content) bool { return c.picture%60 > 58 }), " saw "},
	} {
		t.Run(name, func(t *testing.T) {
			o := perfect
			o.Fault = tt.fault
			wantSaid(t, o, tt.want)
		})
	}
}

// TestOraclesOfParameterSetsSeePlantedFaults breaks the descriptors of parameter sets.
func TestOraclesOfParameterSetsSeePlantedFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(value []byte)
		want string
	}{
		"they end a frame":        {func(value []byte) { value[0] |= 0x40 }, "parameter sets end a frame"},
		"they are of another one": {func(value []byte) { value[2]++ }, "parameter sets are of frame"},
	} {
		t.Run(name, func(t *testing.T) {
			wantSaid(t, Options{
				Codec: codec.H264, Layers: Layers{Temporal: 3}, Descriptor: true, Interval: 2 * time.Second,
				Fault: func(_ int, p *rtp.Packet, _ bool) bool {
					if p.SSRC == 2000 && isSets(p.Payload) {
						tt.edit(p.GetExtension(subDescriptorID))
					}
					return true
				},
			}, tt.want)
		})
	}
}

// TestOraclesOfOutputSeePlantedFaults breaks what is no packet, or none that can be read.
func TestOraclesOfOutputSeePlantedFaults(t *testing.T) {
	long := make([]byte, 3000)
	for name, tt := range map[string]struct {
		garble garble
		want   string
	}{
		"a deadline that is over": {garble{output: func(now time.Time, out *forwarder.Output) { out.Deadline = now.Add(-1) }}, "is not in the future"},
		"a deadline that is now":  {garble{output: func(now time.Time, out *forwarder.Output) { out.Deadline = now }}, "is not in the future"},
		"a packet of 3000 bytes": {garble{output: func(_ time.Time, out *forwarder.Output) {
			for i := range out.Packets {
				p := *out.Packets[i].Packet
				p.Payload = long
				out.Packets[i].Packet = &p
			}
		}}, "the buffer is too short"},
		"reports that cannot be read": {garble{output: func(_ time.Time, out *forwarder.Output) {
			for i := range out.RTCP {
				out.RTCP[i] = 0xff
			}
		}}, "unreadable reports"},
		"packets that cannot be read":  {garble{wire: func(b []byte) []byte { return b[:min(len(b), 11)] }}, "header size insufficient"},
		"feedback that cannot be read": {garble{feedback: func(b []byte) []byte { return b[:1] }}, "unreadable feedback"},
	} {
		t.Run(name, func(t *testing.T) {
			wantSaid(t, Options{Interval: 2 * time.Second, TransportCC: true, garble: tt.garble}, tt.want)
		})
	}
}
