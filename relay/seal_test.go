package relay_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// TestSealed: what is sealed is read by nodes of the cluster alone, for the same purpose and
// texts, and for half a minute.
func TestSealed(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	sealer := func(letter, purpose string, later time.Duration) relay.Sealer {
		return relay.Sealer{
			Secret: relay.NewSecret([]byte(strings.Repeat(letter, 32))), Purpose: purpose,
			Now: func() time.Time { return now.Add(later) },
		}
	}
	own := sealer("a", "p", 0)
	text := own.Seal([]byte("content"), "x", "yz")
	if again := own.Seal([]byte("content"), "x", "yz"); again == text || strings.Contains(text, "content") {
		t.Errorf("%s, %s", text, again)
	}
	last := text[len(text)-1]
	other := text[:len(text)-1] + string(rune(last)^1)
	for name, c := range map[string]struct {
		by    relay.Sealer
		text  string
		bound []string
		good  bool
	}{
		"good":            {own, text, []string{"x", "yz"}, true},
		"29 s later":      {sealer("a", "p", 29*time.Second), text, []string{"x", "yz"}, true},
		"31 s later":      {sealer("a", "p", 31*time.Second), text, []string{"x", "yz"}, false},
		"31 s earlier":    {sealer("a", "p", -31*time.Second), text, []string{"x", "yz"}, false},
		"another cluster": {sealer("b", "p", 0), text, []string{"x", "yz"}, false},
		"another purpose": {sealer("a", "q", 0), text, []string{"x", "yz"}, false},
		"texts cut anew":  {own, text, []string{"xy", "z"}, false},
		"another text":    {own, other, []string{"x", "yz"}, false},
		"nothing":         {own, "", []string{"x", "yz"}, false},
		"no base64":       {own, "?", []string{"x", "yz"}, false},
	} {
		got, err := c.by.Open(c.text, c.bound...)
		if c.good != (err == nil) || c.good && string(got) != "content" || !c.good && !errors.Is(err, relay.ErrToken) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
