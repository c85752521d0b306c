package auth

import "time"

// Leeway is how far the clocks of whoever made a token and ours may differ. RFC
// 7519 §4.1.4 wants no more than a few minutes; a minute is what others use.
const Leeway = time.Minute

// MaxLife is the longest a token may have left. A token for ever cannot be told
// from one that was lost; a year is a season's encoder in the field.
const MaxLife = 366 * 24 * time.Hour

// MinSecretBytes is the shortest HS256 secret: as long as the hash (RFC 7518 §3.2).
const MinSecretBytes = 32

// MaxTokenBytes bounds what is decoded before the signature is known. Real tokens
// have less than 1 KiB; 8 KiB is what HTTP servers allow for a whole header.
const MaxTokenBytes = 8 << 10

const (
	maxKeys      = 64  // keys tried for one token; each costs a hash
	maxGlobs     = 64  // globs in one token: the work of Allows
	maxGlobBytes = 128 // as long as the longest stream name
	maxActions   = 16  // actions in one token, known or not
	maxTextBytes = 256 // sub and jti: they go into logs and tables

	// maxClaimSeconds bounds times, in seconds since 1970: year 36812. A float64
	// beyond it has lost its seconds and int64 might overflow.
	maxClaimSeconds = 1 << 40
)
