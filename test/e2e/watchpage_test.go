//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	// layersWithin is how long a browser may take from its start bitrate to all its layers, and the
	// node to find out that a player's network carries the best, on a busy machine.
	layersWithin = 40 * time.Second

	// toldWithin is how long a fault may take until it is told: 5 s until it is one, 3 s until it
	// is told of, and how often pages ask.
	toldWithin = 30 * time.Second

	// framesAtOnce is more frames of one host than browsers open connections to it over HTTP/1.1.
	framesAtOnce = 9
)

// The watch page by what a person does with it: the menu of layers, the plot, and what it tells
// of the publisher. The publisher has a token that may only publish, and is told the same.
func TestWatchPageLayers(t *testing.T) {
	data := t.TempDir()
	l := newLab(t, "--auth", "token", "--data", data)
	publish := l.browser.Open(t, l.node.URL+"/publish/closed?source=test&autostart=1&simulcast=1&size=1280x720&fps=15&codec=vp8&bitrate=1500000#token="+
		l.mint(t, data, "publish"), harness.View{})
	awaitState(t, publish, "live")
	keepSize(t, publish)
	watch := l.browser.Open(t, l.node.URL+"/watch/closed?stats=1#token="+l.mint(t, data, "play"), harness.View{})
	awaitState(t, watch, "playing")

	harness.Eventually(t, layersWithin, func() error { return offersLayers(watch) })
	pick(t, watch, "320 × 180")
	harness.Eventually(t, startsWithin, func() error { return showsHeight(watch, 180) })
	harness.Eventually(t, startsWithin, func() error { return plots(watch, "180p") })
	pick(t, watch, "Automatic")
	harness.Eventually(t, layersWithin, func() error { return showsHeight(watch, 720) })
	harness.Eventually(t, startsWithin, func() error { return plots(watch, "180p", "720p") })

	publish.Call(t, "() => whippet.pc.getSenders().find(s => s.track.kind === 'audio').replaceTrack(null)", nil, nil)
	for name, page := range map[string]*harness.Page{"watch": watch, "publish": publish} {
		harness.Eventually(t, toldWithin, func() error { return remarks(page, name, "no-audio") })
	}
	screenshot(t, watch, "watch-layers")
	screenshot(t, publish, "publish-remarks")
}

// keepSize lets a page that publishes have fewer frames rather than smaller ones on a busy machine.
func keepSize(t *testing.T, publish *harness.Page) {
	t.Helper()
	publish.Call(t, `() => {
		const sender = whippet.pc.getSenders().find(s => s.track.kind === 'video');
		return sender.setParameters({ ...sender.getParameters(), degradationPreference: 'maintain-resolution' });
	}`, nil, nil)
}

// A menuItem is one line of the watch page's menu.
type menuItem struct {
	Label   string `json:"label"`
	Note    string `json:"note"`
	Checked bool   `json:"checked"`
}

func menu(watch *harness.Page) (items []menuItem, err error) {
	return items, watch.Try(`() => [...document.querySelectorAll('#quality:not([hidden]) [role=menuitemradio]')].map(item => ({
		label: item.querySelector('b').textContent, note: item.querySelector('.note').textContent,
		checked: item.getAttribute('aria-checked') === 'true',
	}))`, nil, &items, 5*time.Second)
}

// offersLayers returns nil if the menu has the automatic choice, which is on, and three sizes
// with their bitrates, the best first.
func offersLayers(watch *harness.Page) error {
	items, err := menu(watch)
	if err != nil {
		return err
	}
	var sizes []string
	for i, item := range items {
		size, _, _ := strings.Cut(item.Label, ",") // one size may be there at several frame rates
		if (i == 0) != (size == "Automatic") || item.Checked != (i == 0) || i > 0 && !strings.HasSuffix(item.Note, "bit/s") {
			return fmt.Errorf("line %d of the menu is %+v: %+v", i, item, items)
		}
		if i > 0 && !slices.Contains(sizes, size) {
			sizes = append(sizes, size)
		}
	}
	if want := []string{"1280 × 720", "640 × 360", "320 × 180"}; !slices.Equal(sizes, want) {
		return fmt.Errorf("the menu has %q, want %q", sizes, want)
	}
	return nil
}

// pick chooses the first line of the menu that begins with a label, and wants it checked.
func pick(t *testing.T, watch *harness.Page, label string) {
	t.Helper()
	watch.Call(t, `label => {
		document.getElementById('quality-button').click();
		const items = [...document.querySelectorAll('#quality-menu:not([hidden]) [role=menuitemradio]')];
		items.find(item => item.querySelector('b').textContent.startsWith(label)).click();
	}`, label, nil)
	harness.Eventually(t, startsWithin, func() error {
		items, err := menu(watch)
		if err != nil {
			return err
		}
		for _, item := range items {
			if item.Checked && strings.HasPrefix(item.Label, label) {
				return nil
			}
		}
		return fmt.Errorf("%q is not checked: %+v", label, items)
	})
}

// showsHeight returns nil if the page plays a picture of a height.
func showsHeight(watch *harness.Page, want int) error {
	var got int
	if err := watch.Try("() => whippet.state === 'playing' ? document.querySelector('video.front').videoHeight : 0", nil, &got, 5*time.Second); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the page shows a picture of height %d, want %d", got, want)
	}
	return nil
}

// plots returns nil if the plot has its lines, each of several points, and bars in the rows of
// layers: of the last one until now.
func plots(watch *harness.Page, layers ...string) error {
	var got struct {
		Estimate, Sent, Received, Steps int
		Rows                            []string // with those that only temporal layers tell apart
		Last                            string
	}
	if err := watch.Try(`() => {
		const points = name => [...document.querySelectorAll('#plot:not([hidden]) path.curve.' + name)]
			.reduce((n, path) => n + path.getAttribute('d').split(/[ML]/).length - 1, 0);
		return {
			estimate: points('estimate'), sent: points('sent'), received: points('received'),
			steps: document.querySelectorAll('#plot .layers rect.step').length,
			rows: [...document.querySelectorAll('#plot .layers text')].map(text => text.textContent),
			last: document.querySelector('#plot .legend .layer b')?.textContent ?? '',
		};
	}`, nil, &got, 5*time.Second); err != nil {
		return err
	}
	for _, layer := range layers {
		if !slices.ContainsFunc(got.Rows, func(row string) bool { return strings.HasPrefix(row, layer) }) {
			return fmt.Errorf("the plot has %+v, want a row of %s", got, layer)
		}
	}
	if min(got.Estimate, got.Sent, got.Received) < 3 || got.Steps < len(layers) || got.Last != layers[len(layers)-1] {
		return fmt.Errorf("the plot has %+v, want three points of each line and bars of %q", got, layers)
	}
	return nil
}

// remarks returns nil if a page tells of a fault of the publisher, with a sentence.
func remarks(page *harness.Page, name, code string) error {
	var text string
	if err := page.Try("code => document.querySelector(`#diagnosis:not([hidden]) li[data-code='${code}']`)?.textContent ?? ''", code, &text, 5*time.Second); err != nil {
		return err
	}
	if !strings.HasSuffix(text, ".") {
		return fmt.Errorf("the %s page tells %q of %s, want a sentence", name, text, code)
	}
	return nil
}

// Without the Dependency Descriptor, which browsers offer to send alone, a player of AV1 with
// spatial layers never leaves the lowest.
func TestWatchPageAV1(t *testing.T) {
	l := newLab(t)
	what := harness.SVC("AV1").Publishing
	what.URL = l.node.WHIP("av1")
	l.open(t).Publish(t, "publish", what)
	watch := l.browser.Open(t, l.node.URL+"/watch/av1", harness.View{})
	harness.Eventually(t, layersWithin, func() error { return showsHeight(watch, 720) })
}

// Frames with the picture alone do not take the connections of HTTP/1.1 from each other.
func TestWatchPageFrames(t *testing.T) {
	l := newLab(t)
	page := l.open(t)
	for i := range framesAtOnce { // one after the other: what they load must not come before all of them listen
		page.Call(t, "src => { document.body.append(Object.assign(document.createElement('iframe'), { src })); }", l.node.URL+"/watch/quiet?controls=0", nil)
		harness.Eventually(t, startsWithin, func() error {
			if n := l.node.Connected(t, "whep"); n != i+1 {
				return fmt.Errorf("%d of %d frames have a session", n, i+1)
			}
			return nil
		})
	}
}

// What stands over a picture that does not come follows what the server says, and says it no
// longer than that is true.
func TestWatchPageSaysWhy(t *testing.T) {
	l := newLab(t)
	watch := l.browser.Open(t, l.node.URL+"/watch/quiet?controls=0", harness.View{}) // it hears no other events
	awaitState(t, watch, "waiting")
	const title = "document.getElementById('message-title').textContent"
	var paused string
	watch.Call(t, `() => {
		whippet.client.dispatchEvent(new CustomEvent('statistics', { detail: { rid: '', estimate: 9000, bitrate: 0, paused: true, automatic: true } }));
		return `+title+`;
	}`, nil, &paused)
	if want := "The network is too slow for the picture"; paused != want {
		t.Errorf("while the picture is held back the page says %q, want %q", paused, want)
	}
	harness.Eventually(t, startsWithin, func() error {
		var now string
		if err := watch.Try("() => "+title, nil, &now, 5*time.Second); err != nil {
			return err
		}
		if want := "Waiting for the publisher"; now != want {
			return fmt.Errorf("without a word from the server for long the page says %q, want %q", now, want)
		}
		return nil
	})
}
