package sdp

// A feedbackSet is what rtcp-fb lines of a payload type ask for (RFC 4585 §4.2),
// as far as we know it.
type feedbackSet uint8

const (
	nack feedbackSet = 1 << iota
	pli
	fir
	transportCC
	remb

	feedbacks = iota
)

// feedbackNames are the kinds in the order answers list them.
var feedbackNames = [feedbacks]string{"nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"}

func parseFeedback(s string) feedbackSet {
	for i, name := range feedbackNames {
		if s == name {
			return 1 << i
		}
	}
	return 0
}

// usable turns the set into what will really be used: transport-wide congestion
// control needs its header extension, and then REMB is not wanted beside it.
func (f feedbackSet) usable(extension bool) Feedback {
	return Feedback{
		NACK:        f&nack != 0,
		PLI:         f&pli != 0,
		FIR:         f&fir != 0,
		TransportCC: f&transportCC != 0 && extension,
		REMB:        f&remb != 0,
	}
}

// with returns the union of f and g.
func (f Feedback) with(g Feedback) Feedback {
	return Feedback{
		NACK:        f.NACK || g.NACK,
		PLI:         f.PLI || g.PLI,
		FIR:         f.FIR || g.FIR,
		TransportCC: f.TransportCC || g.TransportCC,
		REMB:        f.REMB || g.REMB,
	}
}
