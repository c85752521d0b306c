package node

// MaxRevokedBytes is the bound of the file with revocations.
const MaxRevokedBytes = maxRevokedBytes
