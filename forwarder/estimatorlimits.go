package forwarder

const (
	estimatedLeast = 64
	estimatedMost  = 1024
)
