//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// TestAdminPages: an operator signs in, sees what is wrong with a publisher, opens a
// session, ends it, and revokes a token; one who may only look has no working buttons.
func TestAdminPages(t *testing.T) {
	data := t.TempDir()
	l := newLab(t, "--auth", "token", "--data", data)
	admin := l.token(t, data, "--action=admin")
	l.whippet(t, "publish", l.node.WHIP("studio"), "--token="+l.token(t, data, "--action=publish", "--subject=camera"), "--keyframe-interval=10")
	for range 2 {
		l.whippet(t, "play", l.node.WHEP("studio"), "--token="+l.token(t, data, "--action=play", "--subject=viewer"))
	}

	list := l.browser.Open(t, l.node.Admin+"/", harness.View{})
	awaitPage(t, list, "document.body.dataset.state", "token-required")
	signIn(t, list, "x.y.z")
	awaitPage(t, list, "document.body.dataset.state", "token-invalid")
	signIn(t, list, admin)
	awaitPage(t, list, `[...document.querySelectorAll('#streams tr')].map(r => r.dataset.stream + ' ' + r.querySelector('[data-label=Subscribers]').textContent).join()`, "studio 2")
	awaitPageLong(t, list, `document.querySelector('#streams .mark').textContent`, "keyframe-interval-long", findsWithin)
	wantUsable(t, list)
	screenshot(t, list, "admin")

	stream := l.browser.Open(t, l.node.Admin+"/streams/studio#token="+admin, harness.View{Width: 390, Height: 844, Dark: true, Mobile: true})
	awaitPage(t, stream, "document.querySelectorAll('.session').length", 3.0)
	awaitPage(t, stream, "location.hash", "")
	awaitPage(t, stream, "document.querySelector('#findings code').textContent", "keyframe-interval-long")
	wantPlots(t, stream)
	wantUsable(t, stream)
	wantKicked(t, stream)
	screenshot(t, stream, "admin-stream-phone-dark")

	node := l.browser.Open(t, l.node.Admin+"/node#token="+admin, harness.View{})
	awaitPage(t, node, "document.body.dataset.state", "ready")
	wantUsable(t, node)
	node.Call(t, "() => { document.getElementById('test').click() }", nil, nil)
	awaitPage(t, node, "document.querySelectorAll('#checks li').length > 0 && document.getElementById('test-result').textContent.length > 9", true)
	node.Call(t, "() => { document.getElementById('subject').value = 'viewer'; document.querySelector('#revoke button').click() }", nil, nil)
	awaitPage(t, node, "document.getElementById('confirm').open", true)
	node.Call(t, "() => { document.getElementById('confirm-yes').click() }", nil, nil)
	awaitPage(t, node, "document.querySelector('#revocations li span').textContent", "subject viewer")
	awaitPage(t, stream, "[...document.querySelectorAll('.session')].map(s => s.dataset.kind).join()", "publisher")
	screenshot(t, node, "admin-node")

	looker := l.browser.Open(t, l.node.Admin+"/streams/studio#token="+l.token(t, data, "--action=metrics"), harness.View{})
	awaitPage(t, looker, "document.querySelectorAll('.session').length", 1.0)
	awaitPage(t, looker, "document.getElementById('end').disabled && document.querySelector('#settings button').disabled", true)
}

// token makes a token with the secret the node keeps in its data folder.
func (l *lab) token(t *testing.T, data string, args ...string) string {
	t.Helper()
	out, err := exec.Command(l.binary, append([]string{"token", "--data", data}, args...)...).Output()
	if err != nil {
		t.Fatalf("whippet token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func signIn(t *testing.T, page *harness.Page, token string) {
	t.Helper()
	page.Call(t, "token => { document.getElementById('token').value = token; document.getElementById('token-form').requestSubmit() }", token, nil)
}

// findsWithin is longer than it takes to see two keyframes that are 10 s apart.
const findsWithin = time.Minute

// awaitPage waits until an expression in the page has a value.
func awaitPage(t *testing.T, page *harness.Page, expression string, want any) {
	t.Helper()
	awaitPageLong(t, page, expression, want, startsWithin)
}

func awaitPageLong(t *testing.T, page *harness.Page, expression string, want any, within time.Duration) {
	t.Helper()
	harness.Eventually(t, within, func() error {
		var got any
		if err := page.Try("() => "+expression, nil, &got, 5*time.Second); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s is %v, want %v", expression, got, want)
		}
		return nil
	})
}

// wantPlots wants each plot to show something, and to say it in words.
func wantPlots(t *testing.T, page *harness.Page) {
	t.Helper()
	for _, plot := range []string{"bitrate", "loss", "rtt", "layers"} {
		awaitPage(t, page, fmt.Sprintf("document.querySelectorAll('[data-trend=%s] :is(.curve, .band)').length > 0", plot), true)
		awaitPage(t, page, fmt.Sprintf("/Now: .*\\d/.test(document.querySelector('[data-trend=%s] svg').getAttribute('aria-label'))", plot), true)
	}
}

// wantKicked opens a subscriber's session, reads its time line, and ends it.
func wantKicked(t *testing.T, page *harness.Page) {
	t.Helper()
	var id string
	page.Call(t, `() => {
		const s = document.querySelector('.session[data-kind=subscriber]');
		s.querySelector('summary').click();
		return s.dataset.session;
	}`, nil, &id)
	session := "document.querySelector('.session[data-session=\"" + id + "\"]')"
	awaitPage(t, page, session+".querySelectorAll('.timeline li').length", 5.0)
	awaitPage(t, page, "/ms$/.test("+session+".querySelector('[data-step=dtls] .figure').textContent)", true)
	page.Call(t, "() => { "+session+".querySelector('button').click() }", nil, nil)
	awaitPage(t, page, "document.getElementById('confirm').open && document.activeElement.value", "no") // Enter ends nothing
	page.Call(t, "() => { document.getElementById('confirm-yes').click() }", nil, nil)
	awaitPage(t, page, session+" === null", true)
}

// wantUsable wants a name on everything that can be used, one heading of the first level, and
// nothing wider than the page.
func wantUsable(t *testing.T, page *harness.Page) {
	t.Helper()
	var faults []string
	page.Call(t, `() => {
		const faults = [];
		const shown = (e) => e.checkVisibility();
		for (const e of [...document.querySelectorAll('input, select, button, a, summary, [role=region], svg[role=img]')].filter(shown)) {
			const name = e.getAttribute('aria-label') ?? [...(e.labels ?? [])].map((l) => l.textContent).join('') + e.textContent;
			if (!name.trim()) faults.push('no name: ' + e.outerHTML.slice(0, 120));
		}
		if ([...document.querySelectorAll('h1')].filter(shown).length !== 1) faults.push('not one h1');
		const wide = document.documentElement.scrollWidth - innerWidth;
		if (wide > 0) faults.push('wider than the window by ' + wide);
		const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
		faults.push(...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => 'twice: #' + id));
		return faults;
	}`, nil, &faults)
	if len(faults) > 0 {
		t.Error(strings.Join(slices.Compact(faults), "\n"))
	}
}
