//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// The node's own pages: publish the test picture, see it in the list, watch it.
func TestPages(t *testing.T) {
	l := newLab(t)
	publish := l.browser.Open(t, l.node.URL+"/publish/studio?source=test&autostart=1&size=640x360&codec=vp8", harness.View{})
	awaitState(t, publish, "live")
	watch := l.browser.Open(t, l.node.URL+"/watch/studio?muted=0&stats=1", harness.View{})
	awaitState(t, watch, "playing")
	harness.Eventually(t, startsWithin, func() error { return latencyShown(watch) })

	list := l.browser.Open(t, l.node.URL+"/", harness.View{})
	harness.Eventually(t, startsWithin, func() error { return listed(list, "studio") })
	for name, page := range map[string]*harness.Page{"publish": publish, "watch": watch, "list": list} {
		screenshot(t, page, name)
	}

	publish.Call(t, "() => whippet.stop()", nil, nil)
	awaitState(t, watch, "waiting")
	publish.Call(t, "() => { whippet.start() }", nil, nil)
	awaitState(t, watch, "playing")
	if n := watch.Posts(t, l.node.WHEP("studio")); n != 1 {
		t.Errorf("the watch page asked for %d sessions over a publisher's restart, want 1", n)
	}
}

// Camera and simulcast from the page, on a phone's screen.
func TestPublishPageCamera(t *testing.T) {
	l := newLab(t)
	publish := l.browser.Open(t, l.node.URL+"/publish/phone?source=camera&autostart=1&simulcast=1",
		harness.View{Width: 390, Height: 844, Dark: true, Mobile: true})
	awaitState(t, publish, "live")
	wantPicture(t, l.watch(t, "phone"))
	screenshot(t, publish, "publish-phone-dark")
}

// latencyShown returns nil once the watch page has read the publisher's clock in the picture and
// is less than a second behind it.
func latencyShown(watch *harness.Page) error {
	var latency *struct {
		MS float64 `json:"ms"`
		By string  `json:"by"`
	}
	if err := watch.Try("() => whippet.latency", nil, &latency, 5*time.Second); err != nil {
		return err
	}
	if latency == nil || latency.MS <= 0 || latency.MS > 1000 {
		return fmt.Errorf("latency shown: %+v, want up to a second", latency)
	}
	return nil
}

func listed(list *harness.Page, stream string) error {
	var names []string
	if err := list.Try("() => whippet.streams.map(s => s.name)", nil, &names, 5*time.Second); err != nil {
		return err
	}
	if len(names) != 1 || names[0] != stream {
		return fmt.Errorf("the page lists %q, want %q", names, stream)
	}
	return nil
}

func awaitState(t *testing.T, page *harness.Page, want string) {
	t.Helper()
	harness.Eventually(t, startsWithin, func() error {
		var state string
		if err := page.Try("() => whippet.state", nil, &state, 5*time.Second); err != nil {
			return err
		}
		if state != want {
			return fmt.Errorf("the page says %q, want %q", state, want)
		}
		return nil
	})
}

// screenshot keeps a picture of a page in dist/screenshots, to be looked at.
func screenshot(t *testing.T, page *harness.Page, name string) {
	t.Helper()
	folder := filepath.Join(harness.Root(), "dist", "screenshots")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	page.Screenshot(t, filepath.Join(folder, name+".png"))
}
