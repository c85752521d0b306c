package api

import "time"

const (
	// maxPage bounds the items of one page, and defaultPage is their number unless the
	// request says otherwise. An item has some 2 KiB at most.
	maxPage     = 1000
	defaultPage = 100

	// maxCursor bounds the parameter after: a name, with a little behind it, or an id.
	maxCursor = 160

	// maxRID bounds the parameter rid (RFC 8852 §3.3 has no bound; SDP lines do).
	maxRID = 255

	// maxIfMatch bounds the header If-Match.
	maxIfMatch = 1024

	// maxSubscribersSetting and maxBitrateSetting are the highest of a stream's settings.
	maxSubscribersSetting = 1_000_000
	maxBitrateSetting     = 1_000_000_000_000

	// settingsRetry is what is told to wait when too many streams have settings.
	settingsRetry = time.Minute

	// selfTestTimeout bounds a self-test, all checks together. It is shorter than the
	// time a response of the public port may take.
	selfTestTimeout = 20 * time.Second

	// absentRetry is what is told to wait for a publisher.
	absentRetry = 2 * time.Second
)
