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
)

// revokedFile is the name of the file with revocations in the data folder.
const revokedFile = "revoked"

// revokedLine is a revocation in that file, one a line. A later line about the same
// replaces an earlier one; one whose until has passed takes it back.
type revokedLine struct {
	Issuer  string    `json:"iss,omitempty"`
	ID      string    `json:"jti,omitempty"`
	Subject string    `json:"sub,omitempty"`
	Stream  string    `json:"stream,omitempty"`
	Before  time.Time `json:"before,omitzero"`
	Until   time.Time `json:"until"`
}

// revoked keeps what was revoked at this node for the next one that begins with the same
// folder. The file is opened for each line: several nodes may share it.
type revoked struct {
	path  string // "": nothing is kept
	log   *slog.Logger
	inUse func() []auth.Revocation // those in force

	mu sync.Mutex // orders the writes
}

func newRevoked(dir string, log *slog.Logger, inUse func() []auth.Revocation) *revoked {
	k := &revoked{log: log, inUse: inUse}
	if dir != "" {
		k.path = filepath.Join(dir, revokedFile)
	}
	return k
}

// load passes on what was kept, in order. Without a file there is nothing, nor in a folder
// this process may not look into, as it wrote none there; a file that cannot be read is an
// error, since tokens that were revoked would be good again.
func (k *revoked) load(learn func(auth.Revocation)) error {
	if k.path == "" {
		return nil
	}
	if _, err := os.Lstat(k.path); err != nil {
		return nil
	}
	f, err := os.Open(k.path)
	if err != nil {
		return fmt.Errorf("revocations: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 2*maxRevokedBytes+1))
	if err != nil {
		return fmt.Errorf("revocations: %w", err)
	}
	if len(text) > 2*maxRevokedBytes {
		return fmt.Errorf("revocations: %s has more than %d bytes; move it away", k.path, 2*maxRevokedBytes)
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		var l revokedLine
		if err := json.Unmarshal(line, &l); err == nil {
			learn(auth.Revocation(l))
		} else if len(line) > 0 { // the node may have been killed while it wrote
			k.log.Warn("A line of the file with revocations cannot be read.", "file", k.path, "line", i+1)
		}
	}
	return nil
}

// startRevoked takes over what an earlier node with the same folder has revoked. Call it
// before anybody is served.
func (n *Node) startRevoked() error {
	return n.revoked.load(func(r auth.Revocation) {
		if _, err := n.sessions.Learn(r); err != nil {
			n.revoked.log.Warn("A revocation that was kept is not in force.", "error", err)
		}
	})
}

// keep adds a revocation to the file. It is in force whether or not that succeeds.
func (k *revoked) keep(r auth.Revocation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := errors.New("there is no folder for it; choose one with --data")
	if k.path != "" {
		err = k.write(r)
	}
	if err != nil {
		k.log.Warn("A revocation is kept in memory only: the next start forgets it.", "error", err)
	}
}

// write appends a line, or writes the file anew where it has grown too long.
func (k *revoked) write(r auth.Revocation) error {
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
	_, err = f.Write(lineOf(r))
	return errors.Join(err, f.Sync(), f.Close())
}

// compact writes the file anew, with what is in force.
func (k *revoked) compact() error {
	f, err := os.CreateTemp(filepath.Dir(k.path), ".revoked-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	for _, r := range k.inUse() {
		if _, err := f.Write(lineOf(r)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), k.path)
}

// lineOf begins with a line feed as well: an earlier line may have been cut off.
func lineOf(r auth.Revocation) []byte {
	b, err := json.Marshal(revokedLine(r))
	if err != nil {
		panic("node: a revocation cannot be marshalled: " + err.Error())
	}
	return append(append([]byte{'\n'}, b...), '\n')
}
