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

// MinStreamKeyBytes is the shortest stream key: 16 letters of hex are 64 bits, and
// nobody guesses that over a network.
const MinStreamKeyBytes = 16

// MinRSABits is the smallest RSA modulus (RFC 7518 §3.3).
const MinRSABits = 2048

// MaxTokenBytes bounds what is decoded before the signature is known. Real tokens
// have less than 1 KiB; 8 KiB is what HTTP servers allow for a whole header.
const MaxTokenBytes = 8 << 10

const (
	maxKeys      = 64  // keys of one verifier
	maxTried     = 16  // keys tried for a token without kid; each costs up to 0.1 ms
	maxGlobs     = 64  // globs, origins and networks in one token: the work of Allows
	maxGlobBytes = 128 // as long as the longest stream name
	maxActions   = 16  // actions in one token, known or not
	maxTextBytes = 256 // iss, sub and jti: they go into logs and tables

	maxScopeBytes = 2 << 10 // a scope lists what a token allows elsewhere, too

	maxRSABits = 8192 // checking a signature takes the square of it

	maxCount   = 1_000_000         // pixels, layers, subscribers and sessions in a token's limits
	maxBitrate = 1_000_000_000_000 // bits per second in a token's limits: no network has more

	maxStreamKeys = 1024 // static keys: each is compared with every token

	// maxClaimSeconds bounds times, in seconds since 1970: year 36812. A float64
	// beyond it has lost its seconds and int64 might overflow.
	maxClaimSeconds = 1 << 40
)
