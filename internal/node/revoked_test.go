package node_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
)

// nodeWith starts a node with a data folder.
func nodeWith(t *testing.T, dir string, logs *bytes.Buffer) (*node.Node, error) {
	t.Helper()
	deps := node.Deps{UDP: []net.PacketConn{udpSocket(t)}, Verifier: verifier(t)}
	if logs != nil {
		deps.Logs = node.NewLogs(logs, config.Log{})
	}
	n, err := node.New(config.Config{MaxSessions: 100, Tokens: config.Tokens{Data: dir}}, deps)
	if err == nil {
		t.Cleanup(n.Close)
	}
	return n, err
}

func inForce(t *testing.T, dir string) []auth.Revocation {
	t.Helper()
	n, err := nodeWith(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n.Signaling().Revocations()
}

// TestJ16_RevocationsOutliveTheNode: what was revoked is so at the next start, and what was
// taken back is not.
func TestJ16_RevocationsOutliveTheNode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	n, err := nodeWith(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder nobody needs yet")
	}
	now := time.Now().Truncate(time.Second)
	kept := auth.Revocation{Issuer: "me", ID: "a", Subject: "ann", Stream: "live", Before: now, Until: now.Add(time.Hour)}
	for _, r := range []auth.Revocation{kept, {Subject: "bob"}, {ID: "soon", Until: time.Now().Add(50 * time.Millisecond)}} {
		if _, err := n.Signaling().Revoke(r); err != nil {
			t.Fatal(err)
		}
	}
	n.Signaling().Unrevoke(auth.Revocation{Subject: "bob"})
	if _, err := n.Signaling().Learn(auth.Revocation{Subject: "carl"}); err != nil {
		t.Fatal(err)
	}
	for len(n.Signaling().Revocations()) > 2 { // until the third is over
		time.Sleep(time.Millisecond)
	}
	n.Close()
	for range 2 {
		list := inForce(t, dir)
		if len(list) != 1 || list[0].ID != "a" || list[0].Issuer != "me" || list[0].Subject != "ann" || list[0].Stream != "live" ||
			!list[0].Before.Equal(now) || !list[0].Until.Equal(kept.Until) {
			t.Fatalf("in force: %+v", list)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "revoked"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// TestRevocationsThatCannotBeKept are in force and warned of; those that cannot be read
// stop the start.
func TestRevocationsThatCannotBeKept(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "revoked"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := nodeWith(t, dir, nil); err == nil {
		t.Error("started though nobody knows what was revoked")
	}
	for _, dir := range []string{"", file} { // the second is no folder
		var log bytes.Buffer
		n, err := nodeWith(t, dir, &log)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Signaling().Revoke(auth.Revocation{ID: "a"}); err != nil || len(n.Signaling().Revocations()) != 1 {
			t.Errorf("%v", err)
		}
		if !strings.Contains(log.String(), "kept in memory only") {
			t.Errorf("no warning: %s", log.String())
		}
	}
}

// TestDamagedRevocations: a line that was cut off costs only itself.
func TestDamagedRevocations(t *testing.T) {
	dir := t.TempDir()
	text := `{"jti":"a","until":"2999-01-01T00:00:00Z"}` + "\n" + `{"jti":"b","unt` + "\n" + `{"until":"2999-01-01T00:00:00Z"}` + "\n" +
		`{"jti":"c","until":"2999-01-01T00:00:00Z"}` + "\n" + `{"sub":"cut`
	if err := os.WriteFile(filepath.Join(dir, "revoked"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	n, err := nodeWith(t, dir, &log)
	if err != nil {
		t.Fatal(err)
	}
	if list := n.Signaling().Revocations(); len(list) != 2 {
		t.Errorf("in force: %+v", list)
	}
	if got := strings.Count(log.String(), "level=WARN"); got != 3 {
		t.Errorf("%d warnings: %s", got, log.String())
	}
	if _, err := n.Signaling().Revoke(auth.Revocation{ID: "d"}); err != nil {
		t.Fatal(err)
	}
	if list := inForce(t, dir); len(list) != 3 {
		t.Errorf("behind the line that was cut off: %+v", list)
	}
}

// TestRevokedFileIsBounded: it is written anew when it has grown, and too much of it is
// not read.
func TestRevokedFileIsBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "revoked")
	line := fmt.Sprintf(`{"jti":"%s","until":"2000-01-01T00:00:00Z"}`+"\n", strings.Repeat("x", 200))
	old := strings.Repeat(line, node.MaxRevokedBytes/len(line)+1)
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := nodeWith(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if _, err := n.Signaling().Revoke(auth.Revocation{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 1000 {
		t.Errorf("%v %v", info, err)
	}
	if list := inForce(t, dir); len(list) != 2 {
		t.Errorf("in force: %+v", list)
	}
	if err := os.WriteFile(path, []byte(old+old), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := nodeWith(t, dir, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file of %d bytes: %v", 2*len(old), err)
	}
}
