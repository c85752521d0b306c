package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/relay"
)

// revokedFile is the name of the file with revocations in the data folder.
const revokedFile = "revoked"

// revokedLine is a revocation in that file, one a line, or what is left of one that was
// taken back. Lines about the same are joined, see [relay.Revocation]; their order does not
// matter.
type revokedLine struct {
	Issuer  string    `json:"iss,omitempty"`
	ID      string    `json:"jti,omitempty"`
	Subject string    `json:"sub,omitempty"`
	Stream  string    `json:"stream,omitempty"`
	Before  time.Time `json:"before,omitzero"`
	Until   time.Time `json:"until"`
	Made    int64     `json:"made,omitempty"` // 0: before all others
	Back    int64     `json:"back,omitempty"`
}

// revoked keeps what was revoked, at this node or elsewhere in its cluster, for the next one
// that begins with the same folder. The file is opened for each write: several nodes may
// share it.
type revoked struct {
	path  string // "": nothing is kept
	log   *slog.Logger
	inUse func() []relay.Revocation // what must be kept

	mu sync.Mutex // orders the writes
}

func newRevoked(dir string, log *slog.Logger, inUse func() []relay.Revocation) *revoked {
	k := &revoked{log: log, inUse: inUse}
	if dir != "" {
		k.path = filepath.Join(dir, revokedFile)
	}
	return k
}

// load returns what was kept and is not over. Without a file there is nothing, nor in a
// folder this process may not look into, as it wrote none there; a file that cannot be read
// is an error, since tokens that were revoked would be good again.
func (k *revoked) load() ([]relay.Revocation, error) {
	if k.path == "" {
		return nil, nil
	}
	if _, err := os.Lstat(k.path); err != nil {
		return nil, nil
	}
	text, err := k.read()
	if err != nil {
		return nil, fmt.Errorf("revocations: %w", err)
	}
	var all []relay.Revocation
	now := time.Now()
	for i, line := range bytes.Split(text, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		r, err := parseLine(line)
		if err == nil && !r.Until.After(now) {
			continue
		}
		if err == nil {
			_, err = r.Check(now)
		}
		if err != nil { // the node may have been killed while it wrote
			k.log.Warn("A line of the file with revocations cannot be read.", "file", k.path, "line", i+1, "error", err)
			continue
		}
		all = append(all, r)
	}
	return all, nil
}

func (k *revoked) read() ([]byte, error) {
	f, err := os.Open(k.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 2*maxRevokedBytes+1))
	if err == nil && len(text) > 2*maxRevokedBytes {
		err = fmt.Errorf("%s has more than %d bytes; move it away", k.path, 2*maxRevokedBytes)
	}
	return text, err
}

// keep adds revocations to the file. They are in force whether or not that succeeds.
func (k *revoked) keep(all []relay.Revocation) {
	if len(all) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	err := errors.New("there is no folder for it; choose one with --data")
	if k.path != "" {
		err = k.write(all)
	}
	if err != nil {
		k.log.Warn("A revocation is kept in memory only: the next start forgets it.", "error", err)
	}
}

// write appends lines, or writes the file anew where it has grown too long.
func (k *revoked) write(all []relay.Revocation) error {
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return err
	}
	if info, err := os.Stat(k.path); err == nil && info.Size() > maxRevokedBytes {
		return k.compact()
	}
	f, err := os.OpenFile(k.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(writeLines(f, all), f.Sync(), f.Close())
}

// compact writes the file anew, with what is still needed.
func (k *revoked) compact() error {
	f, err := os.CreateTemp(filepath.Dir(k.path), ".revoked-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(writeLines(f, k.inUse()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), k.path)
}

// writeLines writes all at once. Each begins with a line feed as well: an earlier line may
// have been cut off.
func writeLines(f *os.File, all []relay.Revocation) error {
	var text []byte
	for _, r := range all {
		b, err := json.Marshal(revokedLine{
			Issuer: r.Issuer, ID: r.ID, Subject: r.Subject, Stream: r.Stream,
			Before: r.Before, Until: r.Until, Made: r.Made, Back: r.Back,
		})
		if err != nil {
			return err
		}
		text = append(append(append(text, '\n'), b...), '\n')
	}
	_, err := f.Write(text)
	return err
}

func parseLine(line []byte) (relay.Revocation, error) {
	var l revokedLine
	if err := json.Unmarshal(line, &l); err != nil {
		return relay.Revocation{}, err
	}
	r := auth.Revocation{Issuer: l.Issuer, ID: l.ID, Subject: l.Subject, Stream: l.Stream, Before: l.Before, Until: l.Until}
	return relay.Revocation{Revocation: r, Made: max(1, l.Made), Back: l.Back}, nil
}
