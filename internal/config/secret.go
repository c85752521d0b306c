package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/whippet-media/whippet/auth"
)

// secretFile is the name of the made secret in the data folder.
const secretFile = "jwt-secret"

// A MadeSecret is the secret a node made for itself, now or earlier.
type MadeSecret struct {
	Secret  Secret
	Path    string // where it is kept; "" if only in memory
	Warning string // a sentence for the log if something is not as it should be, else ""
}

// LoadSecret returns the secret in the data folder and makes folder (mode 0700) and
// secret (mode 0600) where there are none. Where nothing can be written, or dir is
// "", the secret lives in memory only and Warning says so: its tokens end with the
// process. A secret that is there but cannot be used is an error, since a new one
// would silently end every token. Several processes may call it at once: all get the
// same secret.
func LoadSecret(dir string) (MadeSecret, error) {
	if dir == "" {
		return inMemory("there is no home folder for it; choose one with --data"), nil
	}
	path := filepath.Join(dir, secretFile)
	made, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return made, err
	}
	if err := writeSecret(dir, path); err != nil {
		return inMemory(err.Error() + "; choose another folder with --data"), nil
	}
	return readSecret(path)
}

func inMemory(why string) MadeSecret {
	return MadeSecret{
		Secret:  newSecret(),
		Warning: "the secret that signs tokens is kept in memory, tokens end with this process: " + why,
	}
}

// newSecret returns 256 random bits as 43 letters: people copy it into other tools.
func newSecret() Secret {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return NewSecret(base64.RawURLEncoding.EncodeToString(b))
}

func readSecret(path string) (MadeSecret, error) {
	b, err := readBounded(path)
	if err != nil {
		return MadeSecret{}, fmt.Errorf("secret: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if len(text) < auth.MinSecretBytes {
		return MadeSecret{}, fmt.Errorf("secret: %s has fewer than %d bytes; delete it to have a new one made", path, auth.MinSecretBytes)
	}
	made := MadeSecret{Secret: NewSecret(text), Path: path}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		made.Warning = fmt.Sprintf("others may read the secret that signs tokens: chmod 600 %s", path)
	}
	return made, nil
}

// writeSecret makes the file whole or not at all, and never over another.
func writeSecret(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := fill(tmp, newSecret()); err != nil {
		return err
	}
	err = os.Link(tmp.Name(), path)
	switch {
	case err == nil, errors.Is(err, fs.ErrExist): // another process was first
		return nil
	}
	return os.Rename(tmp.Name(), path) // a file system without links
}

func fill(f *os.File, s Secret) error {
	_, err := f.Write(append(s.Bytes(), '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}
