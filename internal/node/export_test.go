package node

// MaxRevokedBytes is the bound of the file with revocations.
const MaxRevokedBytes = maxRevokedBytes

// Caps are the bitrates that settings bound.
var Caps = caps
