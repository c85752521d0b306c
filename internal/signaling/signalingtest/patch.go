package signalingtest

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

var patchRows = []Row{
	{"W60_W81", "E34_E35_E47", "media_type", testPatchMediaType},
	{"W82", "E47", "media_type_loosely", testPatchMediaTypeLoosely},
	{"W83", "E47", "garbage", testPatchGarbage},
	{"W84", "E47", "trickle", testTrickle},
	{"W85", "E47_E48", "if_match_missing", testIfMatchMissing},
	{"W86_W87", "E47", "if_match", testIfMatch},
	{"W88_W90_W93", "E47", "restart", testRestart},
	{"W89", "E47", "star_trickle", testStarTrickle},
	{"W91", "E47", "restart_by_tag", testRestartByTag},
	{"W92", "E47", "restart_retried", testRestartRetried},
	{"W95", "E47", "restart_impossible", testRestartImpossible},
	{"W97_W98", "E47", "useless_candidates", testUselessCandidates},
	{"W99", "E47", "dialects", testDialects},
	{"W100", "E47", "end_of_candidates", testEndOfCandidates},
	{"W101", "E47", "parallel", testParallelPatches},
	{"W102", "E47", "bearer", testPatchBearer},
	{"W103", "E47", "order", testPatchOrder},
}

const (
	host    = "candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host"
	ufrag2  = "secondUfrag"
	pwd2    = "secondPassword0123456789"
	garbage = "\x00\x01garbage"
)

func trickle(candidates ...string) string {
	return sdptest.Fragment(sdptest.RFC, sdptest.Ufrag, sdptest.Pwd, "0", candidates...)
}

func restart(candidates ...string) string {
	return sdptest.Fragment(sdptest.RFC, ufrag2, pwd2, "0", candidates...)
}

func testPatchMediaType(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	for _, ct := range []string{"application/sdp", "text/plain", "application/json", ""} {
		want := 415
		if ct == "application/sdp" && k.Kind == signaling.WHEP {
			want = 422 // an answer nobody asked for
		}
		q := Request{Method: "PATCH", Path: r.Path, Body: trickle(host)}
		got := x.Do(t, q.With("Content-Type", ct).With("If-Match", r.Tag)).Want(t, want)
		if want == 415 && got.Header.Get("Accept-Patch") != "application/trickle-ice-sdpfrag" {
			t.Errorf("%q: Accept-Patch %q", ct, got.Header.Get("Accept-Patch"))
		}
	}
	for _, method := range []string{"POST", "PUT"} {
		x.Do(t, Request{Method: method, Path: r.Path, Body: x.Offer()}.With("Content-Type", "application/sdp")).Want(t, 405)
	}
	x.Patch(t, r.Path, r.Tag, trickle(host)).Want(t, 204)
}

func testPatchMediaTypeLoosely(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	q := Request{Method: "PATCH", Path: r.Path, Body: trickle(host)}.With("If-Match", r.Tag)
	x.Do(t, q.With("Content-Type", "Application/Trickle-ICE-sdpfrag; charset=utf-8")).Want(t, 204)
}

func testPatchGarbage(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	for _, body := range []string{
		"", garbage, "{\"candidate\":\"candidate:1 1 udp 1 192.0.2.7 5 typ host\"}",
		trickle("candidate:garbage"),
	} {
		x.Patch(t, r.Path, r.Tag, body).Want(t, 400)
	}
	x.Patch(t, r.Path, r.Tag, strings.Repeat("a=x\r\n", 20_000)).Want(t, 413)
	x.Patch(t, r.Path, r.Tag, trickle(host)).Want(t, 204)
}

func testTrickle(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	got := x.Patch(t, r.Path, r.Tag, trickle(host)).Want(t, 204)
	if got.Body != "" || got.Header.Get("ETag") != "" {
		t.Errorf("body %q, ETag %q", got.Body, got.Header.Get("ETag"))
	}
	withoutCredentials := "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=" + host + "\r\n"
	x.Patch(t, r.Path, r.Tag, withoutCredentials).Want(t, 204)
}

func testIfMatchMissing(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	x.Patch(t, r.Path, "", trickle(host)).Want(t, 428)
	lenient := k.New(t, signaling.Config{LenientIfMatch: true})
	r = lenient.Create(t, "live", "")
	lenient.Patch(t, r.Path, "", trickle(host)).Want(t, 204)
	lenient.Patch(t, r.Path, `"bogus"`, trickle(host)).Want(t, 412)
}

func testIfMatch(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	for _, c := range []struct {
		value string
		want  int
	}{
		{`"bogus"`, 412},
		{`W/` + r.Tag, 412},
		{strings.Trim(r.Tag, `"`), 412},
		{`"x", "y"`, 412},
		{" ", 412},
		{`"`, 412},
		{`W/"a,b", ` + r.Tag, 204},
		{`"x", ` + r.Tag, 204},
		{`"x",` + r.Tag + `,"y"`, 204},
		{`"a,*,b", "*x"`, 412},
		{r.Tag, 204},
	} {
		if got := x.Patch(t, r.Path, c.value, trickle(host)); got.Status != c.want {
			t.Errorf("If-Match %s: %d, want %d", c.value, got.Status, c.want)
		}
	}
	x.Patch(t, r.Path, `"bogus"`, restart()).Want(t, 412)
	x.Patch(t, r.Path, r.Tag, trickle(host)).Want(t, 204) // nothing was applied
	again := x.Patch(t, r.Path, "*", restart()).Want(t, 200)
	x.Patch(t, r.Path, r.Tag, restart(host)).Want(t, 412)
	x.Patch(t, r.Path, again.Header.Get("ETag"), restart(host)).Want(t, 204)
}

var attribute = regexp.MustCompile(`(?m)^a=(ice-ufrag|ice-pwd|candidate|ice-options|ice-lite|ice-pacing)(:\S*)?.*\r$`)

// attributes returns the ICE lines of a description, without candidates twice.
func attributes(body, name string) []string {
	var all []string
	for _, m := range attribute.FindAllStringSubmatch(body, -1) {
		if m[1] == name && (len(all) == 0 || all[len(all)-1] != m[0]) {
			all = append(all, m[0])
		}
	}
	return all
}

func testRestart(t *testing.T, k Kit) {
	for _, star := range []string{"*", `"*"`} {
		x := k.Open(t)
		r := x.Create(t, "live", "")
		got := x.Patch(t, r.Path, star, restart(host)).Want(t, 200)
		if ct := got.Header.Get("Content-Type"); ct != "application/trickle-ice-sdpfrag" {
			t.Errorf("Content-Type %q", ct)
		}
		if tag := got.Header.Get("ETag"); !strongTag.MatchString(tag) || tag == r.Tag {
			t.Errorf("ETag %q after %q", tag, r.Tag)
		}
		for _, name := range []string{"ice-ufrag", "ice-pwd"} {
			was, is := attributes(r.Body, name), attributes(got.Body, name)
			if len(is) == 0 || is[0] == was[0] {
				t.Errorf("%s %q after %q", name, is, was)
			}
		}
		if len(attributes(got.Body, "candidate")) == 0 {
			t.Error("no candidate in the restart's body")
		}
		for _, name := range []string{"ice-options", "ice-lite", "ice-pacing"} {
			was, is := attributes(r.Body, name), attributes(got.Body, name)
			if strings.Join(is, "") != strings.Join(was, "") {
				t.Errorf("%s %q, the answer had %q", name, is, was)
			}
		}
	}
}

func testStarTrickle(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	for range 2 {
		x.Patch(t, r.Path, "*", trickle(host)).Want(t, 204)
	}
	x.Patch(t, r.Path, r.Tag, trickle(host)).Want(t, 204) // the tag did not change
}

func testRestartByTag(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	got := x.Patch(t, r.Path, r.Tag, restart()).Want(t, 200)
	if tag := got.Header.Get("ETag"); tag == r.Tag || tag == "" {
		t.Errorf("ETag %q after %q", tag, r.Tag)
	}
}

func testRestartRetried(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	first := x.Patch(t, r.Path, "*", restart(host)).Want(t, 200)
	for range 2 {
		again := x.Patch(t, r.Path, "*", restart(host)).Want(t, 200)
		if again.Body != first.Body || again.Header.Get("ETag") != first.Header.Get("ETag") {
			t.Errorf("a retry is answered differently:\n%s\n%s", first.Body, again.Body)
		}
	}
	x.Patch(t, r.Path, "*", trickle(host)).Want(t, 412)
	x.Patch(t, r.Path, first.Header.Get("ETag"), trickle(host)).Want(t, 412)
	x.Patch(t, r.Path, first.Header.Get("ETag"), restart("candidate:2 1 udp 1 192.0.2.8 5 typ host")).Want(t, 204)
}

func testRestartImpossible(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	for _, c := range [][2]string{{"abc", pwd2}, {ufrag2, "short"}, {"sp ace", pwd2}, {strings.Repeat("u", 257), pwd2}} {
		x.Patch(t, r.Path, "*", sdptest.Fragment(sdptest.RFC, c[0], c[1], "0")).Want(t, 400)
	}
	x.Patch(t, r.Path, r.Tag, trickle(host)).Want(t, 204)
}

func testUselessCandidates(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	x.Patch(t, r.Path, r.Tag, trickle(
		"candidate:1 1 sctp 2113937151 192.0.2.7 50000 typ host",
		"candidate:2 1 udp 2113937151 nosuch.invalid 50000 typ host",
		"candidate:3 1 udp 2113937151 192.0.2.7 50000 typ odd",
		"candidate:4 1 udp 2113937151 192.0.2.7 50000 typ host ufrag other",
		host)).Want(t, 204)
}

func testDialects(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	for _, d := range sdptest.Dialects() {
		for _, mid := range []string{"0", "1"} {
			fragment := sdptest.Fragment(d, sdptest.Ufrag, sdptest.Pwd, mid, host)
			if got := x.Patch(t, r.Path, r.Tag, fragment); got.Status != 204 {
				t.Errorf("%s, mid %s: %d: %s", d, mid, got.Status, got.Body)
			}
		}
		x.Patch(t, r.Path, r.Tag, sdptest.Fragment(d, sdptest.Ufrag, sdptest.Pwd, "zz", host)).Want(t, 400)
	}
}

func testEndOfCandidates(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	x.Patch(t, r.Path, r.Tag, trickle()).Want(t, 204)
	session := "a=ice-ufrag:" + sdptest.Ufrag + "\r\na=ice-pwd:" + sdptest.Pwd + "\r\na=end-of-candidates\r\n"
	x.Patch(t, r.Path, r.Tag, session).Want(t, 204)
}

func testParallelPatches(t *testing.T, k Kit) {
	x := k.Open(t)
	r := x.Create(t, "live", "")
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			if got := x.Patch(t, r.Path, r.Tag, trickle(host)); got.Status != 204 {
				t.Errorf("%d: %s", got.Status, got.Body)
			}
		})
	}
	wg.Wait()
	x.Do(t, Request{Method: "DELETE", Path: r.Path}).Want(t, 200)
	x.Patch(t, r.Path, r.Tag, trickle(host)).Want(t, 404)
}

func testPatchBearer(t *testing.T, k Kit) {
	x := k.Guarded(t, func(cfg *signaling.Config) { cfg.RequireBearer = true })
	token := Token(t, k.Kind.Action(), "live")
	r := x.Create(t, "live", token)
	got := x.Patch(t, r.Path, "*", restart()).Want(t, 401)
	if !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer ") {
		t.Error("401 without a challenge")
	}
	q := Request{Method: "PATCH", Path: r.Path, Body: trickle(host)}.With("If-Match", r.Tag).
		With("Content-Type", "application/trickle-ice-sdpfrag").With("Authorization", "Bearer "+token)
	x.Do(t, q).Want(t, 204)
}

func testPatchOrder(t *testing.T, k Kit) {
	x := k.Guarded(t)
	r := x.Create(t, "live", Token(t, k.Kind.Action(), "live"))
	worst := Request{Method: "PATCH", Path: r.Path + "x", Body: garbage}.With("Content-Type", "text/plain").
		With("If-Match", `"bogus"`).With("Authorization", "Bearer bad")
	x.Do(t, worst).Want(t, 401)
	delete(worst.Header, "Authorization")
	x.Do(t, worst).Want(t, 404)
	worst.Path = r.Path
	x.Do(t, worst).Want(t, 415)
	x.Patch(t, r.Path, `"bogus"`, garbage).Want(t, 412)
	x.Patch(t, r.Path, "", garbage).Want(t, 428)
	x.Patch(t, r.Path, r.Tag, garbage).Want(t, 400)
}
