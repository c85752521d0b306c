package sdptest

import "strings"

// A Dialect is a way clients write a trickle fragment.
type Dialect string

// The dialects in use; the names are those of the clients.
const (
	RFC      Dialect = "rfc"      // credentials in the section, a group line
	Simple   Dialect = "simple"   // credentials at session level, m=video 9 RTP/AVP 0
	Medooze  Dialect = "medooze"  // credentials at session level, m=audio 9 UDP/TLS/RTP/SAVPF 0
	Eyevinn  Dialect = "eyevinn"  // every mid repeats the candidates, on component 0
	MediaMTX Dialect = "mediamtx" // the offer's own m= line
)

// Dialects are all of them.
func Dialects() []Dialect { return []Dialect{RFC, Simple, Medooze, Eyevinn, MediaMTX} }

// Fragment writes a fragment with the credentials and candidates
// ("candidate:…") for the section mid. Empty credentials are left out.
func Fragment(d Dialect, ufrag, pwd, mid string, candidates ...string) string {
	var creds string
	if ufrag != "" {
		creds = "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\n"
	}
	var b strings.Builder
	section := func(m string) {
		b.WriteString("m=" + m + "\r\na=mid:" + mid + "\r\n")
		if d == RFC {
			b.WriteString(creds)
		}
		for _, c := range candidates {
			if d == Eyevinn {
				c = strings.Replace(c, " 1 ", " 0 ", 1)
			}
			b.WriteString("a=" + c + "\r\n")
		}
	}
	if d != RFC {
		b.WriteString(creds)
	}
	switch d {
	case RFC:
		b.WriteString("a=group:BUNDLE 0 1\r\n")
		section("audio 9 UDP/TLS/RTP/SAVPF 111")
	case Simple:
		section("video 9 RTP/AVP 0")
	case Medooze:
		section("audio 9 UDP/TLS/RTP/SAVPF 0")
	case Eyevinn:
		section("audio 9 RTP/AVP 0")
		section("audio 9 RTP/AVP 0")
	case MediaMTX:
		section("audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126")
	}
	b.WriteString("a=end-of-candidates\r\n")
	return b.String()
}
