package trace

import "time"

const (
	// maxQueued bounds the sessions that wait to be sent, some 4 KiB each once they are
	// spans: a receiver that is away for a minute costs nothing but their traces.
	maxQueued = 1024

	// maxBatch bounds the sessions in one request.
	maxBatch = 128

	// batchWait is how long the first of them waits for more.
	batchWait = time.Second

	// sendTimeout bounds one request to the receiver.
	sendTimeout = 10 * time.Second

	// maxAttempts is how often a request is made before its spans are dropped, and
	// firstRetry what lies between the first two; it doubles.
	maxAttempts = 3
	firstRetry  = time.Second

	// flushTimeout is what the last sessions get when the node closes.
	flushTimeout = 3 * time.Second

	// maxAnswerBytes bounds what is read of an answer; more costs the connection.
	maxAnswerBytes = 4 << 10
)
