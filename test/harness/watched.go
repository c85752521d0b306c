package harness

import (
	"fmt"
	"testing"
	"time"
)

// Behind is a node with two browsers: one beside it, to publish, and one behind a link.
type Behind struct {
	*Link
	Node      *Node
	Near, Far *Browser

	nearPages, farPages string
}

// NewBehind starts all of it; it ends with the test.
func NewBehind(t testing.TB, binary string, flags ...string) *Behind {
	t.Helper()
	link := NewLink(t)
	return &Behind{
		Link: link,
		Node: StartNodeBehind(t, binary, link, flags...),
		Near: NewBrowser(t), Far: NewBrowserBehind(t, link),
		nearPages: ServePages(t), farPages: ServePagesBehind(t, link),
	}
}

// Watched is a stream with layers, its publisher, and a session that watches it behind the link.
type Watched struct {
	*Session
	Publisher *Session
	Layered

	behind *Behind
	page   *Page
	url    string // of the endpoint
}

// Watch publishes a stream with layers and watches it behind the link, once all layers are sent
// and the link has no cap and loses nothing.
func (b *Behind) Watch(t testing.TB, stream string, l Layered) *Watched {
	t.Helper()
	return b.watchAt(t, b.Node, stream, l)
}

// Beside watches the same stream in another page behind the same link.
func (w *Watched) Beside(t testing.TB) *Watched {
	t.Helper()
	b := w.behind
	page := b.Far.Open(t, b.farPages, View{})
	session := page.Watch(t, "watch beside", Watching{URL: w.url, Trace: true, Descriptor: w.Descriptor})
	return &Watched{Session: session, Publisher: w.Publisher, Layered: w.Layered, behind: b, page: page, url: w.url}
}

// WatchAcross publishes a stream with layers to one node and watches it at another one.
func WatchAcross(t testing.TB, from, at *Node, stream string, l Layered) *Watched {
	t.Helper()
	browser, pages := NewBrowser(t), ServePages(t)
	b := &Behind{Node: from, Near: browser, Far: browser, nearPages: pages, farPages: pages}
	return b.watchAt(t, at, stream, l)
}

func (b *Behind) watchAt(t testing.TB, node *Node, stream string, l Layered) *Watched {
	t.Helper()
	l.URL = b.Node.WHIP(stream)
	publisher := b.Near.Open(t, b.nearPages, View{}).Publish(t, "publish "+stream, l.Publishing)
	l.AwaitFull(t, publisher)
	page := b.Far.Open(t, b.farPages, View{})
	url := node.WHEP(stream)
	session := page.Watch(t, "watch "+stream, Watching{URL: url, Trace: true, Descriptor: l.Descriptor})
	return &Watched{Session: session, Publisher: publisher, Layered: l, behind: b, page: page, url: url}
}

// Shows returns whether a height is that of a layer, 0 the lowest.
func (w *Watched) Shows(rank int) func(height int) bool {
	return func(height int) bool { return height == w.Heights[rank] }
}

// FitsLowest reports whether a height is one that may be shown under the cap for the lowest layer:
// the middle one, too, with fewer frames.
func (w *Watched) FitsLowest(height int) bool { return height <= w.Heights[1] }

// Sessions returns how many sessions the watching page asked the node for.
func (w *Watched) Sessions(t testing.TB) int {
	t.Helper()
	return w.page.Posts(t, w.url)
}

// Keyframes returns how many keyframes the publisher has made so far of the encoding that a layer
// is of. Chromium makes none by itself. A keyframe of three spatial layers counts once.
func (w *Watched) Keyframes(t testing.TB, rank int) int64 {
	t.Helper()
	if w.Spatial() {
		return w.Publisher.outbound(t)[""].Keyframes / int64(len(w.Heights))
	}
	return w.Publisher.outbound(t)[w.Encodings[rank].RID].Keyframes
}

// Outcome is what came of a change.
type Outcome struct {
	Trace         // from some seconds before the change on
	At    float64 // the moment of the change
	Came  bool    // that what was wanted came, and stayed
	Took  float64 // milliseconds until it came; if it did not, until the end

	// Stalled is for how many milliseconds in all the two pages had to wait for the machine.
	Stalled float64

	watched *Watched
}

const (
	lookEvery  = 200 * time.Millisecond // how often a trace is looked at
	lookBefore = 3000                   // milliseconds before a change that an outcome's trace has
)

// After makes a change and waits until what is shown is right and stayed so for some time, or until
// that cannot come in time any more.
func (w *Watched) After(t testing.TB, change func(), right func(height int) bool, within, stays time.Duration) Outcome {
	t.Helper()
	o := Outcome{At: w.Now(t), watched: w}
	change()
	for done := false; !done; {
		time.Sleep(lookEvery) // the page notes by itself
		o.Trace = w.Trace(t, o.At-lookBefore)
		at, ok := o.Settled(right)
		at = max(at, o.At) // it may have been right before
		o.Came = ok && at-o.At <= millis(within)
		if o.Took = o.Now - o.At; o.Came {
			o.Took = at - o.At
			done = o.Now-at >= millis(stays)
		} else {
			done = o.Took > millis(within)
		}
	}
	o.Stalled = w.stalled(t, o)
	return o
}

// stalled returns for how many milliseconds since the change the pages had to wait.
func (w *Watched) stalled(t testing.TB, o Outcome) (ms float64) {
	from, to := o.Origin+o.At, o.Origin+o.Now
	for _, s := range []*Session{w.Session, w.Publisher} {
		for _, stall := range s.stalls(t, from) {
			ms += max(0, min(stall[1], to)-max(stall[0], from))
		}
	}
	return ms
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Look goes on watching for some time, without a change.
func (w *Watched) Look(t testing.TB, during time.Duration) Outcome {
	t.Helper()
	o := Outcome{At: w.Now(t), Came: true, watched: w}
	time.Sleep(during) // the time looked at
	o.Trace = w.Trace(t, o.At-lookBefore)
	o.Stalled = w.stalled(t, o)
	return o
}

// Since returns the part of the trace since the change.
func (o Outcome) Since() Trace { return o.Between(o.At, o.Now) }

// Changes returns the changes of height since the change.
func (o Outcome) Changes() []Change {
	return filter(o.Trace.Changes(), func(c Change) bool { return c.At >= o.At })
}

// Longest returns the longest time without a new frame since the change, in milliseconds.
func (o Outcome) Longest() float64 { return o.Gap(o.At, o.Now) }

// AtChange returns the longest time without a new frame at a change of height, in milliseconds.
func (o Outcome) AtChange() float64 {
	longest := 0.0
	for _, c := range o.Changes() {
		longest = max(longest, c.Gap)
	}
	return longest
}

// Evidence describes what happened, for a test that failed.
func (o Outcome) Evidence() string {
	b := o.watched.behind
	return fmt.Sprintf("the change was at %.1f s, changes of height %+v, the pages had to wait for %.0f ms\n%vthe link, of %d kbit/s:\n%s\nthe node's counters:\n%s",
		o.At/1000, o.Changes(), o.Stalled, o.Trace, b.Capped()/1000, b.Shaped(), indent(b.Node.losses()))
}
