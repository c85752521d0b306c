package forwarder

// wide gives the packets of a session their transport-wide numbers.
type wide struct {
	next uint16
}

// take returns the number of a packet with so many bytes of payload.
func (w *wide) take(payload int) uint16 {
	n := w.next
	w.next++
	return n
}
