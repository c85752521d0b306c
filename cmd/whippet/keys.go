package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/keys"
)

// A keyring is what makes and checks tokens: a secret of our own, and where it came from,
// or the keys of others, or both.
type keyring struct {
	config.Tokens
	made     bool     // the secret is a node's, not given by its owner
	path     string   // of a made one; "" if it lives in memory
	warnings []string // sentences
}

// openKeys returns the given keys. If there are none at all it takes the made secret of
// the data folder, which is made now if there is none.
func openKeys(given config.Tokens) (keyring, error) {
	k := keyring{Tokens: given}
	if !given.Secret.Empty() || k.foreign() {
		return k, nil
	}
	made, err := config.LoadSecret(given.Data)
	if err != nil {
		return keyring{}, err
	}
	k.Secret, k.made, k.path = made.Secret, true, made.Path
	if made.Warning != "" {
		k.warnings = append(k.warnings, made.Warning)
	}
	return k, nil
}

// foreign tells whether others sign tokens.
func (k keyring) foreign() bool { return k.places() > 0 }

// places is how many files and URLs have keys of others.
func (k keyring) places() int { return len(k.KeyFiles) + len(k.KeySets) }

// open reads the keys that check tokens. Close the Set.
func (k keyring) open(ctx context.Context, log *slog.Logger) (*keys.Set, error) {
	cfg := keys.Config{Audience: k.Audience, Type: k.Type, Log: log}
	if !k.Secret.Empty() {
		cfg.Keys = []auth.Key{{Issuer: k.Issuer, Algorithm: auth.HS256, Secret: k.Secret.Bytes()}}
	}
	for _, f := range k.KeyFiles {
		source := keys.File(f.Issuer, f.Place)
		source.Name = "--jwt-key " + source.Name
		cfg.Sources = append(cfg.Sources, source)
	}
	for _, u := range k.KeySets {
		source, err := keys.URL(u.Issuer, u.Place)
		if err != nil {
			return nil, fmt.Errorf("--jwks-url: %w", err)
		}
		source.Name = "--jwks-url " + source.Name
		cfg.Sources = append(cfg.Sources, source)
	}
	return keys.Open(ctx, cfg)
}

// errForeign is of a command that needs a secret.
var errForeign = errors.New("tokens are signed with the keys of others; give a private key with --sign-key, or --jwt-secret")

// mint makes a token for this node's audience, issuer and type.
func (k keyring) mint(s auth.Signer, c auth.Claims) (string, error) {
	c.Audience, c.Issuer, s.Type = []string{k.Audience}, k.Issuer, k.Type
	token, err := s.Mint(c)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return token, nil
}

// signer signs with our secret.
func (k keyring) signer() (auth.Signer, error) {
	if k.Secret.Empty() {
		return auth.Signer{}, errForeign
	}
	return auth.Signer{Algorithm: auth.HS256, Secret: k.Secret.Bytes()}, nil
}
