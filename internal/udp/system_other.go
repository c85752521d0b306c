//go:build !linux

package udp

// The batched paths are Linux's; elsewhere a Batch and a Reader use the plain one.
type (
	kernel any
	system struct{}
)

// force would set buffer sizes past the system's limits.
func (s *Socket) force(int) (read, write bool) { return false, false }
