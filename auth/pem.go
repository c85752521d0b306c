package auth

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// parsePEM reads all public keys of a PEM text (RFC 7468 §13). They have neither an ID
// nor an algorithm.
func parsePEM(text []byte) ([]Key, error) {
	var keys []Key
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		public, err := publicBlock(block)
		if err != nil {
			return nil, err
		}
		k := Key{Public: public}
		if err := k.check(); err != nil {
			return nil, err
		}
		if len(keys) == maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("the PEM text is broken")
	}
	return keys, nil
}

func publicBlock(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("a public key is broken or of an unknown kind")
		}
		return key, nil
	case "RSA PUBLIC KEY":
		key, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("an RSA public key is broken")
		}
		return key, nil
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PARAMETERS":
		return nil, errors.New("this is a private key, which no node needs; make its public half with: openssl pkey -in FILE -pubout")
	case "CERTIFICATE":
		return nil, errors.New("this is a certificate; take its key out with: openssl x509 -in FILE -pubkey -noout")
	}
	return nil, fmt.Errorf("a PEM block of type %.40q is no key", block.Type)
}

// privateBlock reads the first private key of a PEM text.
func privateBlock(text []byte) (crypto.PrivateKey, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "EC PARAMETERS": // openssl writes it before the key
			continue
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the key is encrypted; decrypt it with: openssl pkey -in FILE -out PLAIN")
		default:
			return nil, fmt.Errorf("a PEM block of type %.40q is no private key", block.Type)
		}
		if err != nil {
			return nil, errors.New("a private key is broken or of an unknown kind")
		}
		return key, nil
	}
	return nil, errors.New("the PEM text has no private key")
}
