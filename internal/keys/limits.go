package keys

import "time"

const (
	// spacing is the least time between two readings of a source that tokens ask for:
	// everybody can make up tokens with unknown keys.
	spacing = 10 * time.Second

	// interval is how often a source is read without being asked: how long a key that
	// its owner took out still works.
	interval = 5 * time.Minute

	// retry is how soon a source that could not be read is read again.
	retry = 30 * time.Second

	// readTimeout bounds one reading, and thus how long a request with a token of an
	// unknown key waits.
	readTimeout = 5 * time.Second

	// maxWaiting bounds the requests that wait for newer keys; further ones are
	// answered by the keys there are.
	maxWaiting = 64

	// maxBytes bounds a file and a response: a set of 64 large keys with their
	// certificates.
	maxBytes = 256 << 10

	// maxRedirects bounds redirects of one request, all on the same host.
	maxRedirects = 3

	// maxSources bounds sources: each has a goroutine.
	maxSources = 16
)
