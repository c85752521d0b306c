package nodetest_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// A capture notes the extension ids of the RTP packets on a link, by SSRC: SRTP leaves
// headers readable. Its methods are safe for concurrent use.
type capture struct {
	mu      sync.Mutex
	ids     map[uint32]map[uint8]int // packets by SSRC and id
	packets map[uint32]int
}

func newCapture() *capture {
	return &capture{ids: map[uint32]map[uint8]int{}, packets: map[uint32]int{}}
}

// see takes what may be a packet, and lets it pass.
func (c *capture) see(b []byte) bool {
	var h rtp.Header
	if len(b) < 12 || b[0]>>6 != 2 || b[1] >= 192 && b[1] <= 223 {
		return false // STUN, DTLS, RTCP
	}
	if _, err := h.Unmarshal(b); err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packets[h.SSRC]++
	if c.ids[h.SSRC] == nil {
		c.ids[h.SSRC] = map[uint8]int{}
	}
	for _, id := range h.GetExtensionIDs() {
		c.ids[h.SSRC][id]++
	}
	return false
}

// all returns the ids seen on every SSRC, sorted, and how many packets there were.
func (c *capture) all() (ids []uint8, packets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ssrc, seen := range c.ids {
		packets += c.packets[ssrc]
		for id := range seen {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids, packets
}

var extmap = regexp.MustCompile(`(?m)^a=extmap:(\d+) (\S+)`)

// extensionIDs returns the ids of a description by URI.
func extensionIDs(description string) map[string]uint8 {
	ids := map[string]uint8{}
	for _, m := range extmap.FindAllStringSubmatch(description, -1) {
		id, _ := strconv.ParseUint(m[1], 10, 8)
		ids[m[2]] = uint8(id)
	}
	return ids
}

// shifted moves all extension ids of an offer.
func shifted(by int) func(string) string {
	return func(offer string) string {
		return extmap.ReplaceAllStringFunc(offer, func(line string) string {
			m := extmap.FindStringSubmatch(line)
			id, _ := strconv.Atoi(m[1])
			return "a=extmap:" + strconv.Itoa(id+by) + " " + m[2]
		})
	}
}

const midURI = "urn:ietf:params:rtp-hdrext:sdes:mid"

// TestE25_ExtensionsOnTheWire: what the publisher sends under ids of its own reaches no
// subscriber; each gets its own ids only, in repaired packets too.
func TestE25_ExtensionsOnTheWire(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		up := newCapture()
		studio := w.Host(nodetest.Link{})
		studio.Refuse(up.see)
		pub := studio.Publish("studio", func(o *client.PublishOptions) { o.EditOffer = shifted(9) })
		w.Run(time.Second)
		theirs, sent := up.all()
		if want := extensionIDs(pub.Answer()); sent == 0 || len(theirs) < 2 || !slices.Contains(theirs, want[midURI]) || slices.Min(theirs) < 10 {
			t.Fatalf("the publisher's %d packets have the ids %d, answered was %v", sent, theirs, want)
		}
		for shift, link := range map[int]nodetest.Link{0: {}, 3: {Loss: 0.1, Delay: 20 * time.Millisecond}} {
			down := newCapture()
			h := w.Host(link)
			h.Miss(down.see)
			sub := h.Subscribe("studio", func(o *client.PlayOptions) { o.EditOffer = shifted(shift) })
			w.Run(5 * time.Second)
			wantOwnIDs(t, down, sub)
			sub.Leave()
		}
	})
}

// wantOwnIDs wants packets on the link to have the ids of the subscriber's answer alone,
// and the one for congestion control on all of them.
func wantOwnIDs(t *testing.T, down *capture, sub *nodetest.Subscriber) {
	t.Helper()
	const transportCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	answered := extensionIDs(sub.Answer())
	ids, packets := down.all()
	if packets < 400 || len(answered) == 0 {
		t.Errorf("%d packets, answered is %v", packets, answered)
	}
	for _, id := range ids {
		own := false
		for _, a := range answered {
			own = own || a == id
		}
		if !own || id >= 10 {
			t.Errorf("packets with the extension id %d; the subscriber's are %v", id, answered)
		}
	}
	if id, ok := answered[transportCC]; ok && !slices.Contains(ids, id) {
		t.Errorf("no packet has %s: ids %d", transportCC, ids)
	}
	for ssrc, n := range down.packets {
		if line := "a=ssrc:" + strconv.FormatUint(uint64(ssrc), 10) + " "; n > 0 && !strings.Contains(sub.Answer(), line) {
			t.Errorf("%d packets of SSRC %d, which the answer does not name", n, ssrc)
		}
	}
}
