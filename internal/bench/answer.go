package bench

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A kind is what a payload type carries.
type kind uint8

const (
	kindNone kind = iota
	kindAudio
	kindVideo
	kindRepair // RTX (RFC 4588)
)

// An answer is what is used of a server's answer.
type answer struct {
	ufrag, pwd  string
	passive     bool             // the server waits for our ClientHello
	candidates  []netip.AddrPort // UDP
	tcp         []netip.AddrPort // ICE-TCP, passive
	kinds       [128]kind        // by payload type
	transportID uint8            // extension id of transport-wide numbers, 0 for none
}

// maxCandidates bounds the addresses that are tried.
const maxCandidates = 8

// parseAnswer reads an answer. Bundled sections share one transport; the first says it.
func parseAnswer(text string) (*answer, error) {
	a := &answer{}
	section := kindNone
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, "m="); ok {
			section = kindNone
			switch {
			case strings.HasPrefix(rest, "audio "):
				section = kindAudio
			case strings.HasPrefix(rest, "video "):
				section = kindVideo
			}
			continue
		}
		if rest, ok := strings.CutPrefix(line, "a="); ok {
			name, value, _ := strings.Cut(rest, ":")
			a.attribute(section, name, value)
		}
	}
	if a.ufrag == "" || a.pwd == "" || len(a.candidates) == 0 {
		return nil, errors.New("the answer lacks ICE credentials or a UDP candidate")
	}
	return a, nil
}

func (a *answer) attribute(section kind, name, value string) {
	switch name {
	case "ice-ufrag":
		a.ufrag = value
	case "ice-pwd":
		a.pwd = value
	case "setup":
		a.passive = value != "active"
	case "candidate":
		a.candidate(value)
	case "rtpmap":
		a.rtpmap(section, value)
	case "extmap":
		a.extmap(value)
	}
}

// candidate takes an address of component 1 (RFC 8839 §5.1).
func (a *answer) candidate(value string) {
	f := strings.Fields(value)
	if len(f) < 6 || f[1] != "1" {
		return
	}
	list := &a.candidates
	if !strings.EqualFold(f[2], "udp") {
		list = &a.tcp
	}
	if len(*list) == maxCandidates {
		return
	}
	ip, err := netip.ParseAddr(f[4])
	port, err2 := strconv.ParseUint(f[5], 10, 16)
	if err != nil || err2 != nil || port == 0 {
		return
	}
	if at := netip.AddrPortFrom(ip, uint16(port)); !slices.Contains(*list, at) {
		*list = append(*list, at)
	}
}

func (a *answer) rtpmap(section kind, value string) {
	number, format, _ := strings.Cut(value, " ")
	pt, err := strconv.ParseUint(number, 10, 7)
	if err != nil {
		return
	}
	a.kinds[pt] = section
	if strings.HasPrefix(strings.ToLower(format), "rtx/") {
		a.kinds[pt] = kindRepair
	}
}

func (a *answer) extmap(value string) {
	number, uri, _ := strings.Cut(value, " ")
	number, _, _ = strings.Cut(number, "/")
	id, err := strconv.ParseUint(number, 10, 8)
	if err != nil || id < 1 || id > 14 {
		return
	}
	if uri == "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01" {
		a.transportID = uint8(id)
	}
}
