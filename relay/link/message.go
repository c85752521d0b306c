package link

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/rtc"
)

// version is that of both messages. A node refuses others: a cluster of two versions has
// nodes that do not see each other's streams, rather than wrong pictures.
const version = 2

// errMessage says that a message cannot be read, or is of another version.
var errMessage = errors.New("link: not a message of this version")

// transportMessage is what a peer says of its transport.
type transportMessage struct {
	Ufrag       string   `json:"ufrag"`
	Pwd         string   `json:"pwd"`
	Fingerprint string   `json:"fingerprint"` // "sha-256 AB:CD:…"
	Candidates  []string `json:"candidates,omitempty"`
}

// request asks for a link.
type request struct {
	Version int    `json:"version"`
	Stream  string `json:"stream"`
	Node    string `json:"node"` // who asks
	URL     string `json:"url,omitempty"`
	Epoch   int64  `json:"epoch"` // of the lease that the edge knows

	// Ask: is there room? No link is opened. Children: the edge feeds others, at its Depth.
	Ask      bool `json:"ask,omitempty"`
	Children bool `json:"children,omitempty"`
	Depth    int  `json:"depth,omitempty"`

	Transport transportMessage `json:"transport"`

	// Publisher names the session that Held is about; 0: nothing is held.
	Publisher uint64        `json:"publisher,omitempty,string"`
	Held      []heldMessage `json:"held,omitempty"`
}

type heldMessage struct {
	SSRC   uint32 `json:"ssrc"`
	Number uint64 `json:"number"`
}

// response describes a link.
type response struct {
	Version   int              `json:"version"`
	Transport transportMessage `json:"transport"`
	Publisher uint64           `json:"publisher,string"`
	Depth     int              `json:"depth,omitempty"` // of the node that answers; 0: the origin
	Tracks    []trackMessage   `json:"tracks"`
}

type trackMessage struct {
	Kind      string            `json:"kind"` // as SDP writes it
	MID       string            `json:"mid"`
	RIDs      []string          `json:"rids,omitempty"`
	Types     []typeMessage     `json:"types"`
	Encodings []encodingMessage `json:"encodings"`
}

type typeMessage struct {
	PT         uint8    `json:"pt"`
	Codec      string   `json:"codec"` // as rtpmap writes it
	Profile    uint16   `json:"profile,omitempty"`
	Mode       uint8    `json:"mode,omitempty"`
	Parameters [][]byte `json:"parameters,omitempty"`
}

type encodingMessage struct {
	SSRC   uint32   `json:"ssrc"`
	PT     uint8    `json:"pt"`
	RID    string   `json:"rid,omitempty"`
	Number uint64   `json:"number"`
	Sets   [][]byte `json:"sets,omitempty"`
}

func transportOf(l rtc.Local, candidates bool) transportMessage {
	m := transportMessage{Ufrag: l.Ufrag, Pwd: l.Pwd, Fingerprint: l.Fingerprint}
	if candidates {
		m.Candidates = l.Candidates
	}
	return m
}

func heldMessages(held []forwarder.Held) []heldMessage {
	var all []heldMessage
	for _, h := range held[:min(len(held), maxHeldNumbers)] {
		all = append(all, heldMessage(h))
	}
	return all
}

func (r *request) held() []forwarder.Held {
	var all []forwarder.Held
	for _, h := range r.Held[:min(len(r.Held), maxHeldNumbers)] {
		all = append(all, forwarder.Held(h))
	}
	return all
}

func tracksOf(d *forwarder.Description) []trackMessage {
	var all []trackMessage
	for _, t := range d.Tracks {
		m := trackMessage{Kind: t.Kind.String(), MID: t.MID, RIDs: t.RIDs}
		for _, f := range t.Types {
			m.Types = append(m.Types, typeMessage{f.PT, f.Format.Name.String(), f.Format.Profile, f.Format.Mode, f.Parameters})
		}
		for _, e := range t.Encodings {
			m.Encodings = append(m.Encodings, encodingMessage(e))
		}
		all = append(all, m)
	}
	return all
}

// description returns what the link carries. A codec that this node does not know is left
// out, as whatever is sent with it will be.
func (r *response) description() forwarder.Description {
	d := forwarder.Description{ID: r.Publisher}
	for _, m := range r.Tracks {
		t := forwarder.DescribedTrack{Kind: kindOf(m.Kind), MID: m.MID, RIDs: m.RIDs}
		for _, f := range m.Types {
			if name, ok := codec.ParseName(f.Codec); ok {
				format := codec.Format{Name: name, Profile: f.Profile, Mode: f.Mode}
				t.Types = append(t.Types, forwarder.DescribedType{PT: f.PT, Format: format, Parameters: f.Parameters})
			}
		}
		for _, e := range m.Encodings {
			t.Encodings = append(t.Encodings, forwarder.DescribedEncoding(e))
		}
		if t.Kind != 0 {
			d.Tracks = append(d.Tracks, t)
		}
	}
	return d
}

func kindOf(s string) codec.Kind {
	for _, k := range []codec.Kind{codec.Audio, codec.Video} {
		if k.String() == s {
			return k
		}
	}
	return 0
}

// marshal writes a message; ours always can be.
func marshal(m any) []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic("link: a message cannot be marshalled: " + err.Error())
	}
	return b
}

func unmarshalRequest(b []byte) (*request, error) {
	r := &request{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	if r.Version != version {
		return nil, errMessage
	}
	return r, nil
}

func unmarshalResponse(b []byte) (*response, error) {
	r := &response{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	if r.Version != version {
		return nil, errMessage
	}
	return r, nil
}
