package whip

import "time"

// busyRetry is what a publisher is told to wait when the name is taken: a holder that
// stops sending loses it after two seconds.
const busyRetry = 2 * time.Second
