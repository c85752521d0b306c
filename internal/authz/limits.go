package authz

import "time"

const (
	// timeout bounds one question to the service: the client waits meanwhile, and
	// encoders give up after five seconds.
	timeout = 3 * time.Second

	// maxAsking bounds the questions that wait for an answer at a time. Further ones wait
	// for their turn, no longer than timeout altogether.
	maxAsking = 64

	// maxAnswerBytes bounds an answer's body; it has some claims.
	maxAnswerBytes = 64 << 10

	// maxKept bounds the answers that are remembered, of some 500 bytes each. Beyond, the
	// one that was needed longest ago is forgotten.
	maxKept = 10_000

	// allowedFor and refusedFor are how long an answer is remembered: the first so that a
	// page that loads, or players that all come back, are one question; the second so that
	// the service is not asked about every guess. No session lives longer for it: each
	// ends when its answer said.
	allowedFor = 30 * time.Second
	refusedFor = 5 * time.Second
)
