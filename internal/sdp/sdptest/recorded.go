package sdptest

import (
	"embed"
	"strings"
)

//go:embed testdata
var recorded embed.FS

// Recorded returns an offer as a real client posted it, by the name of its file
// in testdata without ".sdp": "chromium-whep", "obs-simulcast", "ffmpeg", …
func Recorded(name string) string { return read(name + ".sdp") }

// RecordedFragment returns a trickle fragment as a real client sent it, by the
// name of its file in testdata without ".frag": "medooze-whip-1", …
func RecordedFragment(name string) string { return read(name + ".frag") }

// RecordedNames returns the names Recorded knows; those of subscribers contain
// "whep".
func RecordedNames() []string { return names(".sdp") }

// RecordedFragmentNames returns the names RecordedFragment knows.
func RecordedFragmentNames() []string { return names(".frag") }

// Chrome is F-CHROME, ChromeSim F-CHROME-SIM: Chromium's sendonly offers.
func Chrome() string { return Recorded("chromium-whip") }

// ChromeSim is Chromium's offer of three encodings, rids q, h and f.
func ChromeSim() string { return Recorded("chromium-whip-simulcast") }

func read(name string) string {
	b, err := recorded.ReadFile("testdata/" + name)
	if err != nil {
		panic("sdptest: " + err.Error())
	}
	return string(b)
}

func names(suffix string) []string {
	entries, err := recorded.ReadDir("testdata")
	if err != nil {
		panic("sdptest: " + err.Error())
	}
	var all []string
	for _, e := range entries {
		if n, ok := strings.CutSuffix(e.Name(), suffix); ok {
			all = append(all, n)
		}
	}
	return all
}
