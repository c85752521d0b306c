package forwarder

const (
	estimatedLeast = 64
	estimatedMost  = 1024
	groupMost      = 64
)
