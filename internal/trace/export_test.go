package trace

// For tests.
const (
	MaxQueued = maxQueued
	MaxBatch  = maxBatch
)
