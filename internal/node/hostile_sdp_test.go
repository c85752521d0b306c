package node_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

// endpointOf returns the endpoint that a recorded offer was sent to.
func endpointOf(name string) string {
	if strings.Contains(name, "whep") {
		return "/whep/"
	}
	return "/whip/"
}

// attackOffer posts an offer and takes the session away again, if one was made. It
// reports whether there was one.
func (v *victim) attackOffer(path, what, offer string) bool {
	r := v.post(path, offer)
	if r.status != 201 {
		if fault := r.fault(); fault != "" {
			v.t.Errorf("%s: %d, %s\n%.2000q", what, r.status, fault, offer)
		}
		return false
	}
	if d := v.do("DELETE", pathOf(r), nil); d.status != 200 {
		v.t.Errorf("%s: DELETE %d", what, d.status)
	}
	return true
}

// pathOf returns the path of the Location of a 201.
func pathOf(r reply) string {
	_, rest, _ := strings.Cut(r.header.Get("Location"), "://")
	return rest[max(0, strings.IndexByte(rest, '/')):]
}

// TestHostileOffers: every recorded offer, damaged in every way.
func TestHostileOffers(t *testing.T) {
	v := newVictim(t)
	for _, name := range sdptest.RecordedNames() {
		t.Run(name, func(t *testing.T) {
			offer, path := sdptest.Recorded(name), endpointOf(name)+name
			if !v.attackOffer(path, "unharmed", offer) {
				t.Error("the offer itself is refused")
			}
			v.truncated(path, offer)
			v.swollen(path, offer)
		})
		if got := v.left(); got != nothing {
			t.Fatalf("%s: the node holds %s", name, got)
		}
	}
	v.wantUnharmed()
}

// truncated cuts an offer after each line.
func (v *victim) truncated(path, offer string) {
	lines := strings.SplitAfter(offer, "\n")
	for i := range lines {
		v.attackOffer(path, fmt.Sprintf("%d lines", i), strings.Join(lines[:i], ""))
	}
}

// swollen makes an offer as large as it can be.
func (v *victim) swollen(path, offer string) {
	const bound = 64<<10 - 1
	i := strings.Index(offer, "m=")
	session, sections := offer[:i], offer[i:]
	fill := func(line string) string {
		return offer + strings.Repeat(line, max(0, (bound-len(offer))/len(line)))
	}
	for what, large := range map[string]string{
		"sections twice":       session + sections + sections,
		"sections many times":  session + strings.Repeat(sections, 1+(bound-len(session))/len(sections)),
		"offer twice":          offer + offer,
		"10,000 lines":         offer + strings.Repeat("a=x\n", 10_000),
		"empty lines":          fill("\r\n"),
		"candidates":           fill("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"),
		"names":                fill("a=candidate:1 1 udp 1 a.example 9 typ host\r\n"),
		"ssrcs":                fill("a=ssrc:1 cname:x\r\n"),
		"rids":                 fill("a=rid:a send\r\n"),
		"extensions":           fill("a=extmap:1 urn:x\r\n"),
		"fingerprints":         fill("a=fingerprint:sha-256 00\r\n"),
		"groups":               fill("a=group:BUNDLE 0 1\r\n"),
		"formats":              fill("a=fmtp:96 a=b\r\n"),
		"one long line":        offer + "a=" + strings.Repeat("x", bound-len(offer)-2),
		"one long line of NUL": offer + "a=" + strings.Repeat("\x00", bound-len(offer)-2),
		"without line ends":    strings.NewReplacer("\r", "", "\n", "").Replace(offer),
	} {
		v.attackOffer(path, what, large[:min(len(large), bound)])
	}
}

// mutations posts offers with random changes, each of which is accepted or refused with
// a reason.
func (v *victim) mutations() {
	const clients, rounds = 4, 500
	var made [clients]int
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(42, uint64(c)))
			names := sdptest.RecordedNames()
			for i := range rounds {
				name := names[rnd.IntN(len(names))]
				offer := mutate(rnd, sdptest.Recorded(name))
				if v.attackOffer(fmt.Sprintf("%sm%d", endpointOf(name), c), fmt.Sprintf("%s, round %d of %d", name, i, c), offer) {
					made[c]++
				}
			}
		})
	}
	wg.Wait()
	if all := made[0] + made[1] + made[2] + made[3]; all < clients*rounds/20 || all > clients*rounds*19/20 {
		v.t.Errorf("%d of %d accepted: the changes are too harmless, or too harmful", all, clients*rounds)
	}
}

// mutate changes some bytes, lines or numbers of a text.
func mutate(rnd *rand.Rand, text string) string {
	for range 1 + rnd.IntN(3) {
		if text == "" {
			return text
		}
		switch rnd.IntN(8) {
		case 0, 1:
			b := []byte(text)
			b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
			text = string(b)
		case 2:
			i := rnd.IntN(len(text))
			text = text[:i] + string(rune(rnd.IntN(0x300))) + text[i:]
		case 3:
			i := rnd.IntN(len(text))
			text = text[:i] + text[min(len(text), i+rnd.IntN(40)):]
		case 4:
			text = numbered(rnd, text)
		default:
			text = relined(rnd, text)
		}
	}
	return text
}

// numbered replaces one number by an absurd one.
func numbered(rnd *rand.Rand, text string) string {
	absurd := []string{"0", "-1", "255", "256", "65536", "4294967296", "18446744073709551616", "00000000000000000001", "1e9", "٣"}
	start := rnd.IntN(len(text))
	i := strings.IndexAny(text[start:], "0123456789")
	if i < 0 {
		return text
	}
	i += start
	end := i
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	return text[:i] + absurd[rnd.IntN(len(absurd))] + text[end:]
}

// relined removes, repeats, moves or swaps lines.
func relined(rnd *rand.Rand, text string) string {
	lines := strings.SplitAfter(text, "\n")
	i, j := rnd.IntN(len(lines)), rnd.IntN(len(lines))
	switch rnd.IntN(4) {
	case 0:
		lines = slices.Delete(lines, i, i+1)
	case 1:
		lines = slices.Insert(lines, j, lines[i])
	case 2:
		lines[i], lines[j] = lines[j], lines[i]
	default:
		key, _, _ := strings.Cut(lines[i], ":")
		lines[i] = key + "\r\n"
	}
	return strings.Join(lines, "")
}

// TestHostileFragments: fragments with random changes, for sessions of both kinds.
func TestHostileFragments(t *testing.T) {
	const rounds = 600
	v := newVictim(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	fragments := []string{strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 1000), strings.Repeat("\n", 64<<10-1), ""}
	for _, name := range sdptest.RecordedFragmentNames() {
		fragments = append(fragments, sdptest.RecordedFragment(name))
	}
	for _, d := range sdptest.Dialects() {
		fragments = append(fragments, sdptest.Fragment(d, "ufrag", strings.Repeat("p", 24), "0", "candidate:1 1 udp 1 192.0.2.1 9 typ host"))
	}
	for _, name := range []string{"chromium-whip", "chromium-whep"} {
		r := v.post(endpointOf(name)+"fragments", sdptest.Recorded(name))
		if r.status != 201 {
			t.Fatal(r)
		}
		accepted := 0
		for i := range rounds {
			body := fragments[rnd.IntN(len(fragments))]
			if i >= len(fragments) {
				body = mutate(rnd, body)
			}
			p := v.do("PATCH", pathOf(r), strings.NewReader(body), "Content-Type", "application/trickle-ice-sdpfrag", "If-Match", "*")
			switch {
			case p.status == 200 || p.status == 204:
				accepted++
			case p.fault() != "":
				t.Errorf("%d, %s\n%.500q", p.status, p.fault(), body)
			}
		}
		if accepted == 0 || accepted == rounds {
			t.Errorf("%d of %d accepted", accepted, rounds)
		}
		if d := v.do("DELETE", pathOf(r), nil); d.status != 200 {
			t.Errorf("DELETE: %d", d.status)
		}
	}
	v.wantUnharmed()
}
