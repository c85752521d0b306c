package node

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/udp"
)

// What the socket suffers is said when it is new, with the reason.
func TestSocketWatch(t *testing.T) {
	var log strings.Builder
	w := socketWatch{log: slog.New(slog.NewTextHandler(&log, nil))}
	said := func() string {
		defer log.Reset()
		return log.String()
	}
	var s udp.Stats
	w.look(s)
	if got := said(); got != "" {
		t.Errorf("said of nothing: %s", got)
	}
	s.KernelDrops, s.WriteErrors, s.SendErrors[udp.SendRefused] = 7, 8, 9
	s.Fallbacks[udp.SegmentationRefused], s.Sending = 1, udp.Multiple
	w.look(s)
	got := said()
	for _, want := range []string{"packets=7", "packets=8", "refused:9", "segmentation-refused", "sending=multiple"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	w.look(s)
	if got := said(); got != "" {
		t.Errorf("said twice: %s", got)
	}
}
