//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/test/harness"
)

// watchDeaf plays in a page without listening to events: nothing tells it to leave a node that ends.
const watchDeaf = `async ({ url, token }) => {
	const pc = globalThis.deaf = new RTCPeerConnection();
	pc.addTransceiver('video', { direction: 'recvonly' });
	const { sdp } = await pc.createOffer();
	await pc.setLocalDescription({ type: 'offer', sdp });
	const headers = { 'Content-Type': 'application/sdp', Authorization: 'Bearer ' + token };
	const response = await fetch(url, { method: 'POST', headers, body: sdp });
	if (response.status !== 201) throw new Error('status ' + response.status);
	await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
}`

// A publish page with a token is redirected from a node that ends to another one: Chromium does not
// show the token to that, where the ticket in the URL counts. What the page asks for at its session's
// URL it asks with its token.
func TestTickets(t *testing.T) {
	c := harness.NewCluster(t, harness.Binary(t, harness.Build{}), 2, "--drain-time", "1m", "--auth", "token")
	token := c.Token(t, "--action", "publish,play", "--stream", "*")
	browser := harness.NewBrowserAt(t, c.People())
	logs := func(node int, want string) {
		t.Helper()
		harness.Eventually(t, startsWithin, func() error {
			if !strings.Contains(c.Nodes[node].Log(), want) {
				return errors.New("it does not log " + want)
			}
			return nil
		})
	}
	stays := browser.Open(t, c.Nodes[0].URL+"/", harness.View{})
	stays.Call(t, watchDeaf, map[string]string{"url": c.Nodes[0].WHEP("cam"), "token": token}, nil)
	logs(0, "event=connected")
	page := browser.Open(t, c.Nodes[0].URL+"/publish/cam?source=test&size=320x180#token="+token, harness.View{})
	c.AwaitHeard(t)
	c.Nodes[0].Ask()
	logs(0, "event=leaving subscribers=1")
	page.Call(t, "() => { whippet.start() }", nil, nil)
	awaitState(t, page, "live")
	if n := page.Posts(t, c.Nodes[0].WHIP("cam")); n != 1 {
		t.Errorf("it asked for %d sessions, want 1", n)
	}
	logs(1, "kind=whip event=connected")
	// Its DELETE alone: the connection, were it closed too, could end the session first.
	page.Call(t, "() => whippet.client.session.close()", nil, nil)
	logs(1, "event=ended") // before ICE would notice
	if !strings.Contains(c.Nodes[1].Log(), "reason=deleted") {
		t.Errorf("its session did not end by DELETE:\n%s", c.Nodes[1].Log())
	}
}
