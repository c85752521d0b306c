package auth_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/whippet-media/whippet/auth"
)

// TestW123 is the pure part of W123 and E54: rights are separate, streams too.
func TestW123RightsAreSeparate(t *testing.T) {
	grant := func(streams []string, actions ...auth.Action) auth.Grant {
		return auth.Grant{Actions: actions, Streams: streams}
	}
	cam := []string{"cam-1", "stage-*"}
	for _, test := range []struct {
		name   string
		grant  auth.Grant
		action auth.Action
		stream string
		want   bool
	}{
		{"publish", grant(cam, auth.Publish), auth.Publish, "cam-1", true},
		{"publish token plays not", grant(cam, auth.Publish), auth.Subscribe, "cam-1", false},
		{"play token publishes not", grant(cam, auth.Subscribe), auth.Publish, "cam-1", false},
		{"both", grant(cam, auth.Publish, auth.Subscribe), auth.Subscribe, "stage-left", true},
		{"other stream", grant(cam, auth.Publish), auth.Publish, "cam-2", false},
		{"prefix is not enough", grant(cam, auth.Publish), auth.Publish, "cam-10", false},
		{"letter case counts", grant(cam, auth.Publish), auth.Publish, "CAM-1", false},
		{"no streams", grant(nil, auth.Publish), auth.Publish, "cam-1", false},
		{"no actions", grant(cam), auth.Publish, "cam-1", false},
		{"admin is not publish", grant([]string{"*"}, auth.Admin), auth.Publish, "cam-1", false},
		{"admin needs no stream", grant(nil, auth.Admin), auth.Admin, "", true},
		{"metrics", grant(nil, auth.Metrics), auth.Metrics, "", true},
		{"metrics is not admin", grant(nil, auth.Metrics), auth.Admin, "", false},
		{"unknown action", grant([]string{"*"}, "dance"), "dance", "cam-1", false},
		{"empty name", grant([]string{"*"}, auth.Publish), auth.Publish, "", false},
		{"zero grant", auth.Grant{}, auth.Subscribe, "cam-1", false},
		{"anyone publishes", auth.Anyone(), auth.Publish, "x", true},
		{"anyone is no admin", auth.Anyone(), auth.Admin, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.grant.Allows(test.action, test.stream); got != test.want {
				t.Errorf("Allows = %v", got)
			}
		})
	}
}

func TestGlobs(t *testing.T) {
	for _, test := range []struct {
		glob, name string
		want       bool
	}{
		{"*", "a", true},
		{"*", "a.b_c-d", true},
		{"*", "", false},
		{"*", "a/b", false},
		{"**", "a", true},
		{"a*", "a", true},
		{"a*", "ab", true},
		{"a*", "ba", false},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*b*c", "a1b2c", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "acb", false},
		{"a*ab", "aab", true},
		{"a*ab", "ab", false},
		{"a.b", "aXb", false},
		{"a?", "ab", false},
		{"[a]", "a", false},
		{"", "a", false},
		{"live/*", "live", false},
		{"a\x00*", "a\x00b", false},
		{"ä*", "äb", false},
		{strings.Repeat("a", 128), strings.Repeat("a", 128), true},
		{strings.Repeat("*", 129), "a", false},
		{strings.Repeat("*a", 64), strings.Repeat("a", 127) + "b", false}, // the worst case ends at once
	} {
		grant := auth.Grant{Actions: []auth.Action{auth.Publish}, Streams: []string{test.glob}}
		if got := grant.Allows(auth.Publish, test.name); got != test.want {
			t.Errorf("%q on %q: %v", test.glob, test.name, got)
		}
	}
}

// TestGlobsMatchLikeTheRegexp compares with an oracle that shares nothing with us.
func TestGlobsMatchLikeTheRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		glob := rapid.StringMatching(`[ab.*]{1,12}`).Draw(t, "glob")
		name := rapid.StringMatching(`[ab.]{1,12}`).Draw(t, "name")
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(glob), `\*`, ".*") + "$"
		want := regexp.MustCompile(pattern).MatchString(name)
		grant := auth.Grant{Actions: []auth.Action{auth.Publish}, Streams: []string{glob}}
		if got := grant.Allows(auth.Publish, name); got != want {
			t.Fatalf("%q on %q: %v, the regexp says %v", glob, name, got, want)
		}
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("cam-*", "cam-1")
	f.Add("*", "")
	f.Add("**a*", "aaaaaaaa")
	f.Fuzz(func(t *testing.T, glob, name string) {
		grant := auth.Grant{Actions: []auth.Action{auth.Subscribe}, Streams: []string{glob}}
		got := grant.Allows(auth.Subscribe, name)
		if got && (name == "" || strings.Contains(name, "/")) {
			t.Errorf("%q allows %q, which is no stream", glob, name)
		}
		if got && !strings.Contains(glob, "*") && glob != name {
			t.Errorf("%q without a star allows %q", glob, name)
		}
	})
}
