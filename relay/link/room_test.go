package link_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v4/vnet"

	"github.com/whippet-media/whippet/relay/link"
	"github.com/whippet-media/whippet/relay/tree"
)

// listen keeps a request of the edge as it joins a stream, for requestAs.
func (p *pair) listen(stream string) (template []byte, leave func()) {
	p.t.Helper()
	p.between = func(r *http.Request) *http.Response {
		body, err := io.ReadAll(r.Body)
		must(p.t, err)
		r.Body = io.NopCloser(bytes.NewReader(body))
		template = body
		p.between = nil
		return nil
	}
	n, leave := p.join(stream)
	if n != 1 {
		p.t.Fatal("no link")
	}
	return template, leave
}

// requestAs asks the origin for a link as another node, which will not connect.
func (p *pair) requestAs(template []byte, node string) int {
	r := httptest.NewRequest(http.MethodPost, link.Path+"a", nil)
	body := signedAgain(func(m map[string]any) { m["node"], m["url"] = node, "http://"+node })(r, template)
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Code
}

// fedAndMuted lets the edge be fed, and returns what makes it mute and the request it sent.
func (p *pair) fedAndMuted() (mute *atomic.Bool, template []byte) {
	mute = new(atomic.Bool)
	p.router.AddChunkFilter(func(c vnet.Chunk) bool { return !mute.Load() || c.SourceAddr().String()[:len(edgeIP)] != edgeIP })
	p.publish("a")
	template, _ = p.listen("a")
	time.Sleep(time.Second) // of virtual time, in which it is connected, and heard
	return mute, template
}

// TestAMuteNodeLosesItsPlace: once another node has it, a node that is heard again is not one too
// many, but looks for another parent.
func TestAMuteNodeLosesItsPlace(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		mute, template := p.fedAndMuted()
		for i := 1; i < tree.DefaultLinks; i++ {
			if got := p.requestAs(template, "n"+strconv.Itoa(i)); got != http.StatusCreated {
				t.Fatalf("link %d: status %d", i, got)
			}
		}
		if got := p.requestAs(template, "more"); got != http.StatusConflict {
			t.Errorf("one too many: status %d", got)
		}
		mute.Store(true)
		time.Sleep(1200 * time.Millisecond) // the edge hears the origin all the time
		bad := bytes.Replace(template, []byte(`"transport"`), []byte(`"nothing"`), 1)
		if got := p.requestAs(bad, "bad"); got != http.StatusBadRequest { // which takes nobody's place
			t.Errorf("a request without credentials: status %d", got)
		}
		synctest.Wait()
		if got := p.requestAs(template, "more"); got != http.StatusCreated {
			t.Errorf("for a mute node's place: status %d", got)
		}
		mute.Store(false)
		time.Sleep(time.Second)
		if n := p.links.Count(); n != tree.DefaultLinks {
			t.Errorf("%d links, want %d", n, tree.DefaultLinks)
		}
		if got := p.links.Counts().Ended[link.ReasonSilent]; got != 1 {
			t.Errorf("%d ended because they were silent", got)
		}
		time.Sleep(11 * time.Second) // the others never connect
		if _, in := p.edges.Count(); in != 1 {
			t.Error("it has found no place again")
		}
	})
}

// TestAMuteNodeKeepsItsPlace while there is another one, and where who asks gets no link.
func TestAMuteNodeKeepsItsPlace(t *testing.T) {
	run(t, "right", func(t *testing.T, p *pair) {
		mute, template := p.fedAndMuted()
		for i := 2; i < tree.DefaultLinks; i++ {
			p.requestAs(template, "n"+strconv.Itoa(i))
		}
		mute.Store(true)
		time.Sleep(1200 * time.Millisecond)
		if got := p.requestAs(template, "last"); got != http.StatusCreated {
			t.Errorf("the last place: status %d", got)
		}
		bad := bytes.Replace(template, []byte(`"transport"`), []byte(`"nothing"`), 1)
		if got := p.requestAs(bad, "bad"); got != http.StatusBadRequest {
			t.Errorf("a request without credentials: status %d", got)
		}
		mute.Store(false)
		time.Sleep(time.Second)
		if got := p.links.Counts().Ended[link.ReasonSilent]; got != 0 {
			t.Errorf("%d ended because they were silent", got)
		}
		if got := p.requestAs(template, "more"); got != http.StatusConflict {
			t.Errorf("one too many, now that all are heard: status %d", got)
		}
		time.Sleep(11 * time.Second)
	})
}
