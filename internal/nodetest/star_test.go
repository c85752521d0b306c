package nodetest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// iceLines returns the credentials of a description as a fragment's lines.
func iceLines(description string) string {
	var b strings.Builder
	for _, name := range []string{"a=ice-ufrag:", "a=ice-pwd:"} {
		_, rest, _ := strings.Cut(description, name)
		value, _, _ := strings.Cut(rest, "\r\n")
		b.WriteString(name + value + "\r\n")
	}
	return b.String()
}

// trickling sends the same candidates with If-Match: * all the while, as MediaMTX's pages
// do. The channel is closed after its end.
func trickling(t *testing.T, s *client.Session, during time.Duration) <-chan struct{} {
	const candidate = "a=candidate:1 1 udp 2113937151 10.99.0.7 50000 typ host\r\n"
	fragment := iceLines(s.Offer()) + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" + candidate
	done := make(chan struct{})
	go func() {
		defer close(done)
		for start := time.Now(); time.Since(start) < during; time.Sleep(100 * time.Millisecond) {
			status, header, body, err := s.Patch(t.Context(), "*", fragment)
			if err != nil || status != 204 || header.Get("ETag") != "" || body != "" {
				t.Errorf("%d, ETag %q, %q, %v", status, header.Get("ETag"), body, err)
			}
		}
		status, _, body, err := s.Patch(t.Context(), s.ETag(), fragment) // that of the 201
		if err != nil || status != 204 {
			t.Errorf("the first tag is answered by %d, %q, %v", status, body, err)
		}
	}()
	return done
}

// TestW89_StarWithTheCredentialsInForceInterruptsNothing: neither a publisher's media nor
// a subscriber's.
func TestW89_StarWithTheCredentialsInForceInterruptsNothing(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub := w.Publish("studio")
		w.Run(time.Second)
		sub := w.Subscribe("studio")
		sub.WantMedia(time.Second)
		const during = 5 * time.Second
		ends := []<-chan struct{}{trickling(t, pub.Session, during), trickling(t, sub.Session, during)}
		sub.WantMedia(during + time.Second)
		for kind, most := range map[codec.Kind]time.Duration{codec.Audio: 50 * time.Millisecond, codec.Video: 80 * time.Millisecond} {
			if p := sub.Pause(kind); p > most {
				t.Errorf("%v paused for %v", kind, p)
			}
			sub.WantMissing(kind, 0)
		}
		for _, end := range ends {
			<-end
		}
	})
}
