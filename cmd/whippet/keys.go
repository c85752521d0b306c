package main

import (
	"fmt"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/config"
)

// A keyring is the secret that signs tokens, and where it came from.
type keyring struct {
	secret   config.Secret
	audience string
	made     bool   // by a node, not given by its owner
	path     string // of a made one; "" if it lives in memory
	warning  string // a sentence, or ""
}

// openKeys returns the given secret, else the made one of the data folder, which is
// made now if there is none.
func openKeys(given config.Secret, audience, data string) (keyring, error) {
	if !given.Empty() {
		return keyring{secret: given, audience: audience}, nil
	}
	made, err := config.LoadSecret(data)
	if err != nil {
		return keyring{}, err
	}
	return keyring{secret: made.Secret, audience: audience, made: true, path: made.Path, warning: made.Warning}, nil
}

// verifier checks what mint makes.
func (k keyring) verifier() (*auth.Verifier, error) {
	return auth.NewVerifier(auth.Options{
		Audience: k.audience,
		Keys:     []auth.Key{{Algorithm: auth.HS256, Secret: k.secret.Bytes()}},
	})
}

// mint makes a token for this node's audience.
func (k keyring) mint(c auth.Claims) (string, error) {
	c.Audience = []string{k.audience}
	token, err := auth.Mint(k.secret.Bytes(), c)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return token, nil
}
