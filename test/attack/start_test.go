package attack

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// startTime is how long a node may take to refuse its settings.
const startTime = 20 * time.Second

// A startFlag is a flag with a file, whose content is given.
type startFlag struct {
	flag    string
	content []byte
}

// wantNoStart fails the test unless a node with the flag ends at once and names it.
func wantNoStart(t *testing.T, name string, f startFlag) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, f.content, 0o600); err != nil {
		t.Fatal(err)
	}
	p := harness.Start(t, harness.Command{
		Path: harness.Binary(t, harness.Build{Race: true}), Env: harness.RaceEnv(),
		Args: []string{"serve", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", t.TempDir(), f.flag, path},
	})
	var exit *exec.ExitError // another error is of a node that had to be stopped
	if err := p.Wait(startTime); !errors.As(err, &exit) || !strings.Contains(p.Log(), strings.TrimSuffix(f.flag, "-file")) {
		t.Errorf("%s: the node ended with %v and said:\n%s", name, err, p.Log())
	}
}
