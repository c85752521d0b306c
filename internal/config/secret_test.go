package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/whippet-media/whippet/internal/config"
)

func TestSecretIsMadeAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "whippet")
	first, err := config.LoadSecret(dir)
	if err != nil || first.Warning != "" {
		t.Fatal(err, first.Warning)
	}
	if n := len(first.Secret.Bytes()); n < 43 {
		t.Errorf("%d bytes", n)
	}
	wantMode(t, dir, 0o700)
	wantMode(t, first.Path, 0o600)

	again, err := config.LoadSecret(dir)
	if err != nil || !sameSecret(first.Secret, again.Secret) {
		t.Errorf("another secret: %v", err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	other, err := config.LoadSecret(t.TempDir())
	if err != nil || sameSecret(first.Secret, other.Secret) {
		t.Error("two folders, one secret")
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", path, got, want)
	}
}

func TestSecretModeIgnoresTheUmask(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "whippet")
	made, err := config.LoadSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantMode(t, dir, 0o700)
	wantMode(t, made.Path, 0o600)
}

func TestSecretWithoutAFolderIsInMemory(t *testing.T) {
	file := write(t, "file", "")
	for name, dir := range map[string]string{"none": "", "a file is in the way": filepath.Join(file, "x"), "not writable": "/proc/whippet"} {
		made, err := config.LoadSecret(dir)
		if name == "a file is in the way" && err != nil {
			continue // ENOTDIR is no missing file
		}
		if err != nil || made.Path != "" || len(made.Secret.Bytes()) < 32 {
			t.Errorf("%s: %v, kept in %q", name, err, made.Path)
		}
		if !strings.Contains(made.Warning, "memory") || !strings.Contains(made.Warning, "--data") {
			t.Errorf("%s: warning %q", name, made.Warning)
		}
	}
}

func TestSecretReadableByOthersIsSaid(t *testing.T) {
	dir := t.TempDir()
	made, err := config.LoadSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(made.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := config.LoadSecret(dir)
	if err != nil || !strings.Contains(again.Warning, "chmod 600") || !sameSecret(made.Secret, again.Secret) {
		t.Errorf("%v %q", err, again.Warning)
	}
}

func TestBrokenSecretIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jwt-secret"), []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadSecret(dir); err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("%v", err)
	}
}

// TestSecretOfManyProcesses: whoever starts at the same time gets the same secret.
func TestSecretOfManyProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "whippet")
	var wg sync.WaitGroup
	secrets := make([]config.MadeSecret, 16)
	for i := range secrets {
		wg.Go(func() {
			made, err := config.LoadSecret(dir)
			if err != nil {
				t.Error(err)
			}
			secrets[i] = made
		})
	}
	wg.Wait()
	for _, s := range secrets {
		if !sameSecret(s.Secret, secrets[0].Secret) || s.Path == "" {
			t.Errorf("another secret, kept in %q", s.Path)
		}
	}
}
