package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeWithStreamKeys: each key does the one thing on the one stream, beside tokens,
// in the URL only where that is allowed, and is not logged.
func TestServeWithStreamKeys(t *testing.T) {
	const publish, play, other = "publish-0123456789", "play-0123456789ab", "other-0123456789a"
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("# players\n\nlive:play = "+play+"\nother:publish="+other+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, lenient := range []bool{false, true} {
		args := []string{"--stream-key=live:publish=" + publish, "--stream-key-file=" + file}
		inURL := 401
		if lenient {
			args, inURL = append(args, "--lenient=query,bearer"), 415
		}
		s := startServe(t, args...)
		base := s.find(t, `Streams\s+(http://localhost:\d+)/#token=`)
		token := s.find(t, `Streams\s+\S+#token=(\S+)`)
		for name, c := range map[string]struct {
			path, key string
			want      int // 415: let in; an offer is missing
		}{
			"publish":             {"/whip/live", publish, 415},
			"play":                {"/whep/live", play, 415},
			"publish to play":     {"/whep/live", publish, 403},
			"play to publish":     {"/whip/live", play, 403},
			"another stream":      {"/whip/other", publish, 403},
			"of another stream":   {"/whip/live", other, 403},
			"no key":              {"/whip/live", publish + "x", 401},
			"a token":             {"/whip/live", token, 415},
			"the name":            {"/whip/live", "live:publish=" + publish, 401},
			"in the URL":          {"/whip/live?token=" + publish, "", inURL},
			"in the URL, longer":  {"/whep/live?access_token=" + play, "", inURL},
			"a wrong one":         {"/whip/live?token=" + play + "x", "", 401},
			"of the other action": {"/whip/live?token=" + play, "", map[bool]int{false: 401, true: 403}[lenient]},
		} {
			if got := status(t, "POST", base+c.path, c.key); got != c.want {
				t.Errorf("lenient=%t, %s: %d, want %d", lenient, name, got, c.want)
			}
		}
		s.stop()
		for _, key := range []string{publish, play, other} {
			if strings.Contains(s.logs.String(), key) || strings.Contains(s.out, key) {
				t.Error("a key is shown")
			}
		}
	}
}
