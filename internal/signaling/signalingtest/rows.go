package signalingtest

import (
	"testing"

	"github.com/whippet-media/whippet/internal/signaling"
)

// A Row is a rule both protocols have, under the id each gives it.
type Row struct {
	WHIP, WHEP string // ids, one or more; "" where the protocol does not have the rule
	Name       string
	Run        func(t *testing.T, k Kit)
}

// A Kit makes targets of one protocol.
type Kit struct {
	Kind signaling.Kind
	New  Factory
}

// Open makes an open node.
func (k Kit) Open(t *testing.T) *Target {
	t.Helper()
	return k.New(t, signaling.Config{})
}

// Guarded makes a node that wants the tokens of Token.
func (k Kit) Guarded(t *testing.T, change ...func(*signaling.Config)) *Target {
	t.Helper()
	cfg := signaling.Config{Verifier: Verifier(t)}
	for _, f := range change {
		f(&cfg)
	}
	return k.New(t, cfg)
}

// Run runs all rows of the protocol as subtests, named by their ids.
func Run(t *testing.T, k Kit) {
	for _, rows := range [][]Row{postRows, methodRows, corsRows, offerRows, sessionRows, patchRows, linkRows, authRows, boundRows, wireRows, placeRows} {
		for _, row := range rows {
			id := row.WHIP
			if k.Kind == signaling.WHEP {
				id = row.WHEP
			}
			if id != "" {
				t.Run(id+"_"+row.Name, func(t *testing.T) { row.Run(t, k) })
			}
		}
	}
}
