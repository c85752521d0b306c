package signaling_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"

	"github.com/whippet-media/whippet/auth"
)

// BenchmarkBadToken is what one bad HS256 token costs, with and without the bound of bad
// tokens of one address. Ten thousand a second are to cost less than half a core.
func BenchmarkBadToken(b *testing.B) {
	good := signalingtest.Token(b, auth.Publish, "live")
	bad := good[:len(good)-4] + "AAAA"
	for name, limits := range map[string]signaling.Limits{"unbounded": {}, "bounded": {FailureRate: 10}, "both": {FailureRate: 10, RequestRate: 100}} {
		b.Run(name, func(b *testing.B) {
			s, err := signaling.New(signaling.Config{Verifier: signalingtest.Verifier(b), Limits: limits})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			e := echo.New()
			e.HTTPErrorHandler = s.HandleError
			e.Use(s.CORS)
			s.Register(e, signaling.WHIP, &fakeOpener{})
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("POST", "/whip/live", strings.NewReader("v=0"))
				r.Header.Set("Authorization", "Bearer "+bad)
				w := httptest.NewRecorder()
				e.ServeHTTP(w, r)
				if w.Code != 401 && w.Code != 429 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
