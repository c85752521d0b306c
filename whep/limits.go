package whep

import "time"

// absentRetry is what a subscriber is told to wait for a publisher: short, since the
// picture appears that much later than it could, and long enough that waiting players
// cost little.
const absentRetry = 2 * time.Second
