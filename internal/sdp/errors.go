package sdp

// An Error says why an offer or fragment is refused. Every error this package
// returns is one.
type Error struct {
	// Malformed tells a text that is not what its media type says (HTTP 400)
	// from one that was understood and cannot be accepted (HTTP 422).
	Malformed bool

	// Code is the stable kebab-case name of the fault, one of the Code
	// constants; it becomes the problem type urn:whippet:problem:<code>.
	Code string

	// Detail is one sentence for people that says what to do. It never repeats
	// text of the offer.
	Detail string
}

// Error returns the code and the detail.
func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// The codes of an Error. The first group is malformed (400), the second
// understood and not acceptable (422).
const (
	CodeMalformedSDP      = "malformed-sdp"
	CodeMalformedFragment = "malformed-fragment"
	CodeNoFingerprint     = "no-fingerprint"
	CodeNoICECredentials  = "no-ice-credentials"
	CodeUnknownMID        = "unknown-mid"

	CodeTooLarge               = "sdp-too-large"
	CodeNoMedia                = "no-media"
	CodeTooManySections        = "too-many-sections"
	CodeTooManyEncodings       = "too-many-encodings"
	CodeWrongDirection         = "wrong-direction"
	CodeNotBundled             = "not-bundled"
	CodeNoRTCPMux              = "no-rtcp-mux"
	CodeUnsupportedTransport   = "unsupported-transport"
	CodeUnsupportedCodec       = "unsupported-codec"
	CodeUnsupportedSetup       = "unsupported-setup"
	CodeUnsupportedFingerprint = "unsupported-fingerprint"
)

func malformed(code, detail string) error {
	return &Error{Malformed: true, Code: code, Detail: detail}
}

func unacceptable(code, detail string) error {
	return &Error{Code: code, Detail: detail}
}
