package link_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/link"
)

// A forest answers questions for places in a stream's tree, as many nodes at once.
type forest struct {
	secret   relay.Secret
	children map[string][]string
	mute     map[string]bool // they say nothing until the request ends
	forge    map[string]bool // their answers are not signed
	others   map[string]bool // they answer as somebody else
	long     map[string]int  // their answers are filled up to so many bytes

	mu    sync.Mutex
	asked map[string]int
	now   atomic.Int32 // requests under way
	most  atomic.Int32
}

// RoundTrip answers for the node that the URL's host names.
func (f *forest) RoundTrip(r *http.Request) (*http.Response, error) {
	node := r.URL.Hostname()
	f.mu.Lock()
	f.asked[node]++
	f.mu.Unlock()
	n := f.now.Add(1)
	defer f.now.Add(-1)
	for most := f.most.Load(); n > most && !f.most.CompareAndSwap(most, n); most = f.most.Load() {
	}
	time.Sleep(10 * time.Millisecond) // the network
	if f.mute[node] {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Whippet ")
	body, _ := io.ReadAll(r.Body)
	if f.secret.Check(token, time.Now(), "place question", string(body)) != nil {
		return nil, errors.New("not signed")
	}
	var children []map[string]any
	for _, c := range f.children[node] {
		children = append(children, map[string]any{"node": c, "url": "http://" + c, "connected": true, "rtt_us": 4000, "since": time.Now()})
	}
	name := node
	if f.others[node] {
		name = "somebody"
	}
	text, _ := json.Marshal(map[string]any{"version": 2, "node": name, "subscribers": len(node), "children": children})
	if missing := f.long[node] - len(text); missing > 0 {
		text = append(text, strings.Repeat(" ", missing)...)
	}
	w := httptest.NewRecorder()
	if !f.forge[node] {
		w.Header().Set("Whippet-Signature", f.secret.Digest("place answer", token, string(text)))
	}
	_, _ = w.Write(text)
	return w.Result(), nil
}

// walk asks for the tree of a forest whose root is origin.
func (f *forest) walk(t *testing.T) link.Tree {
	t.Helper()
	f.secret, f.asked = relay.NewSecret([]byte("right")), map[string]int{}
	d := &directory{streams: map[string]relay.Holder{"cam": {Node: "origin", URL: "http://origin", Epoch: 7}}}
	e := link.NewEdges(link.EdgesConfig{Directory: d, Node: "asker", Secret: f.secret, HTTP: &http.Client{Transport: f}})
	defer e.Close()
	tree, err := e.Tree(t.Context(), "cam")
	must(t, err)
	for node, n := range f.asked {
		if n != 1 {
			t.Errorf("%s was asked %d times", node, n)
		}
	}
	return tree
}

// TestWalk: the origin first, then level by level, each with what its parent knows of it.
func TestWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &forest{children: map[string][]string{"origin": {"b", "a"}, "a": {"d"}, "d": {"origin", "a"}}} // a circle, as while parents change
		tree := f.walk(t)
		got := ""
		for _, p := range tree.Places {
			got += fmt.Sprintf("%s<%s %d %d %v; ", p.Node, p.Parent, p.Depth, p.Subscribers, p.RTT)
		}
		if want := "origin< 0 6 0s; a<origin 1 1 4ms; b<origin 1 1 4ms; d<a 2 1 4ms; "; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if !tree.Complete() || tree.Epoch != 7 {
			t.Errorf("%+v", tree)
		}
	})
}

// TestWalkGoesOnWithoutAnswers: who says nothing, or nothing that is signed, stays as its
// parent knows it, and the rest is there.
func TestWalkGoesOnWithoutAnswers(t *testing.T) {
	for _, origin := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := &forest{
				children: map[string][]string{"origin": {"a", "b", "c"}, "a": {"hidden"}, "b": {"hidden"}, "c": {"d"}},
				mute:     map[string]bool{"a": true, "origin": origin}, forge: map[string]bool{"b": true},
			}
			begun := time.Now()
			tree := f.walk(t)
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("it took %v", took)
			}
			got := ""
			for _, p := range tree.Places {
				got += fmt.Sprintf("%s %t; ", p.Node, p.Answered)
			}
			want := "origin true; a false; b false; c true; d true; "
			if origin {
				want = "origin false; "
			}
			if got != want || tree.Complete() {
				t.Errorf("%s complete %t, want %s", got, tree.Complete(), want)
			}
		})
	}
}

// TestWalkEnds: nodes that say nothing on each level do not add up.
func TestWalkEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &forest{children: map[string][]string{"origin": {"a", "m1"}, "a": {"b", "m2"}, "b": {"c", "m3"}, "c": {"d", "m4"}}, mute: map[string]bool{}}
		for _, m := range []string{"m1", "m2", "m3", "m4"} {
			f.mute[m] = true
		}
		begun := time.Now()
		tree := f.walk(t)
		if took := time.Since(begun); took < 4*time.Second || took > 4100*time.Millisecond || tree.Complete() {
			t.Errorf("it took %v, complete %t", took, tree.Complete())
		}
	})
}

// TestWalkIsToldByTheNode: what another node says in its place does not count.
func TestWalkIsToldByTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &forest{children: map[string][]string{"origin": {"a"}, "a": {"hidden"}}, others: map[string]bool{"a": true}}
		if tree := f.walk(t); len(tree.Places) != 2 || tree.Places[1].Answered {
			t.Errorf("%+v", tree)
		}
	})
}

// TestWalkTakesNoLongAnswer: an answer of the greatest length counts, one that is a byte longer is none.
func TestWalkTakesNoLongAnswer(t *testing.T) {
	const most = 512 << 10
	for length, want := range map[int]string{most: "origin true; a true; b true; ", most + 1: "origin true; a false; "} {
		synctest.Test(t, func(t *testing.T) {
			f := &forest{children: map[string][]string{"origin": {"a"}, "a": {"b"}}, long: map[string]int{"a": length}}
			got := ""
			for _, p := range f.walk(t).Places {
				got += fmt.Sprintf("%s %t; ", p.Node, p.Answered)
			}
			if got != want {
				t.Errorf("%d bytes: %s, want %s", length, got, want)
			}
		})
	}
}

// TestWalkIsBounded in nodes, in depth, and in questions at once.
func TestWalkIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wide := &forest{children: map[string][]string{}}
		for i := range 1200 {
			wide.children["origin"] = append(wide.children["origin"], fmt.Sprintf("n%d", i))
		}
		tree := wide.walk(t)
		if len(tree.Places) != 1000 || !tree.Truncated || tree.Complete() {
			t.Errorf("%d places, %t", len(tree.Places), tree.Truncated)
		}
		if most := wide.most.Load(); most != 16 {
			t.Errorf("%d were asked at once", most)
		}
		deep := &forest{children: map[string][]string{"origin": {"n1"}}}
		for i := 1; i < 40; i++ {
			deep.children[fmt.Sprintf("n%d", i)] = []string{fmt.Sprintf("n%d", i+1)}
		}
		if tree := deep.walk(t); len(tree.Places) != 17 || !tree.Truncated {
			t.Errorf("%d places, %t", len(tree.Places), tree.Truncated)
		}
	})
}

// TestWalkWithoutAnOrigin: nobody publishes it, and nobody knows, are two things.
func TestWalkWithoutAnOrigin(t *testing.T) {
	d := &directory{streams: map[string]relay.Holder{}}
	e := link.NewEdges(link.EdgesConfig{Directory: d, Node: "asker"})
	defer e.Close()
	if _, err := e.Tree(t.Context(), "cam"); !errors.Is(err, relay.ErrAbsent) {
		t.Error(err)
	}
	d.away(true)
	if _, err := e.Tree(t.Context(), "cam"); !errors.Is(err, relay.ErrUnavailable) {
		t.Error(err)
	}
}

// TestPlaceIsForTheCluster: a question that is not signed, is for something else, too long or
// old is refused, and one for a stream that is not there.
func TestPlaceIsForTheCluster(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		defer p.publish("cam").Release()
		secret := relay.NewSecret([]byte("right"))
		ask := func(stream, body, token string) int {
			r := httptest.NewRequest(http.MethodPost, originURL+link.TreePath+stream, strings.NewReader(body))
			r.Header.Set("Authorization", "Whippet "+token)
			w := httptest.NewRecorder()
			p.handler.ServeHTTP(w, r)
			return w.Code
		}
		good := `{"version":2,"stream":"cam"}`
		sign := func(body string) string { return secret.Sign(time.Now(), "place question", body) }
		if got := ask("cam", good, sign(good)); got != http.StatusOK {
			t.Fatalf("%d", got)
		}
		other, next, long := `{"version":2,"stream":"dog"}`, `{"version":3,"stream":"cam"}`, good+strings.Repeat(" ", 4<<10)
		for _, one := range []struct {
			what, stream, body, token string
			want                      int
		}{
			{"no token", "cam", good, "", 401},
			{"another cluster", "cam", good, relay.NewSecret([]byte("wrong")).Sign(time.Now(), "place question", good), 401},
			{"for a link", "cam", good, secret.Sign(time.Now(), "link request", good), 401},
			{"of another body", "cam", good, sign(other), 401},
			{"old", "cam", good, secret.Sign(time.Now().Add(-time.Minute), "place question", good), 401},
			{"another stream's path", "cam", other, sign(other), 400},
			{"another version", "cam", next, sign(next), 400},
			{"too long", "cam", long, sign(long), 400},
			{"not here", "dog", other, sign(other), 404},
		} {
			if got := ask(one.stream, one.body, one.token); got != one.want {
				t.Errorf("%s: %d, want %d", one.what, got, one.want)
			}
		}
	})
}
