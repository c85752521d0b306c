package link

import (
	"sync"
	"testing"

	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay/tree"
)

// TestALinkThatEndsWhileItIsOpenedKeepsNoEdge: the node lets its children go while it opens a link for
// one more. Whichever is first, the edge that would feed that link is not kept, nor counts as fed.
func TestALinkThatEndsWhileItIsOpenedKeepsNoEdge(t *testing.T) {
	streams := stream.NewRegistry(stream.Config{})
	defer streams.Close()
	for _, early := range []bool{false, true} {
		e := NewEdges(EdgesConfig{Node: "a"})
		x := newEdge(e, "studio")
		x.linked, x.subscribers, x.parent.link = true, 1, &dialed{}
		e.edges["studio"] = x
		l := NewLinks(LinksConfig{Edges: e, Streams: streams})
		s := &served{links: l, stream: "studio", node: "b", gone: make(chan struct{})}
		if err := l.add(s); err != nil {
			t.Fatal(err)
		}
		end := sync.OnceFunc(func() { s.end(errLetGo); <-s.gone })
		if early {
			end()
		}
		_, release, ok := e.adopt("studio", tree.Seeker{ID: "b"})
		if !ok || x.children != 1 {
			t.Fatalf("adopted: %v, %d children", ok, x.children)
		}
		s.setRelease(release)
		end()
		if x.children != 0 || x.subscribers != 1 {
			t.Errorf("ended before: %v; %d children and %d subscribers are left", early, x.children, x.subscribers)
		}
	}
}
