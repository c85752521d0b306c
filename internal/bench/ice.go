package bench

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
)

// An agent is the ICE of a peer with one address: it controls, and nominates the
// first of the far end's addresses that answers (RFC 8445 §8.1.1).
type agent struct {
	ufrag, pwd  string // ours
	socket      socket
	tieBreaker  [8]byte
	remoteUfrag string
	remotePwd   string

	pair  atomic.Pointer[netip.AddrPort] // where everything goes once it is known
	ready chan struct{}                  // closed when pair is set
}

func newAgent() *agent {
	a := &agent{ufrag: rand.Text()[:8], pwd: rand.Text(), ready: make(chan struct{})}
	_, _ = rand.Read(a.tieBreaker[:]) // does not fail
	return a
}

// receive handles a STUN message.
func (a *agent) receive(b []byte, from netip.AddrPort) {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if m.Decode() != nil {
		return
	}
	switch m.Type {
	case stun.BindingRequest:
		a.answer(m, from)
	case stun.BindingSuccess:
		if a.pair.CompareAndSwap(nil, &from) {
			close(a.ready)
		}
	}
}

// answer replies to a check of the far end (RFC 8445 §7.3).
func (a *agent) answer(request *stun.Message, from netip.AddrPort) {
	if stun.NewShortTermIntegrity(a.pwd).Check(request) != nil {
		return
	}
	m, err := stun.Build(stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())},
		stun.NewShortTermIntegrity(a.pwd), stun.Fingerprint)
	if err == nil {
		_ = a.socket.send(m.Raw, from) // lost as on any network
	}
}

// checkInterval is how often a check is repeated.
const checkInterval = 50 * time.Millisecond

// check asks all candidates until one answers or stop is closed.
func (a *agent) check(candidates []netip.AddrPort, stop <-chan struct{}) bool {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		for _, c := range candidates {
			if c.Addr().Is4() == a.socket.addr().Addr().Is4() {
				a.request(c)
			}
		}
		select {
		case <-a.ready:
			return true
		case <-stop:
			return false
		case <-ticker.C:
		}
	}
}

// An attribute is a STUN attribute that has no type of its own.
type attribute struct {
	typ   stun.AttrType
	value []byte
}

// AddTo adds the attribute.
func (a attribute) AddTo(m *stun.Message) error {
	m.Add(a.typ, a.value)
	return nil
}

func (a *agent) request(to netip.AddrPort) {
	const peerReflexive = 1853824767 // RFC 8445 §5.1.2.1, preference 110
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(a.remoteUfrag+":"+a.ufrag),
		attribute{stun.AttrPriority, binary.BigEndian.AppendUint32(nil, peerReflexive)},
		attribute{stun.AttrICEControlling, a.tieBreaker[:]},
		attribute{typ: stun.AttrUseCandidate},
		stun.NewShortTermIntegrity(a.remotePwd), stun.Fingerprint)
	if err == nil {
		_ = a.socket.send(m.Raw, to) // repeated
	}
}
