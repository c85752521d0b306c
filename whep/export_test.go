package whep

// The bounds that tests make bite.
const (
	MaxQueued         = maxQueued
	MaxKept           = maxKept
	MaxPerSession     = maxSessionEventStreams
	Heartbeat         = heartbeat
	EventWriteTimeout = eventWriteTimeout
)

// Fill takes all event streams of the node but so many.
func (h *Handler) Fill(but int) { h.eventStreams.Add(maxEventStreams - int32(but)) }

// Queued returns the most events that one event stream holds.
func (h *Handler) Queued() int {
	most := 0
	for _, s := range h.all() {
		for _, e := range s.all() {
			e.mu.Lock()
			most = max(most, len(e.queue))
			e.mu.Unlock()
		}
	}
	return most
}
