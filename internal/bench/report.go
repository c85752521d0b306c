package bench

import "time"

// schema is the version of the report's JSON form; a changed meaning raises it.
const schema = 1

// A Report is what [Run] returns. Its JSON form is stable: fields are only added, or
// schema rises. Values that could not be measured are absent.
type Report struct {
	Schema  int       `json:"schema"`
	Version string    `json:"version"` // of the program that measured
	Started time.Time `json:"started"`
	Machine Machine   `json:"machine"`
	Load    Load      `json:"load"`
	Points  []Point   `json:"points"` // one for each number of subscribers

	Capacity *Capacity `json:"capacity,omitempty"` // in place of points, where it was searched for
}

// Empty tells whether nothing was finished.
func (r *Report) Empty() bool { return len(r.Points) == 0 && r.Capacity == nil }

// A Machine is where it was measured.
type Machine struct {
	CPUs       int     `json:"cpus"`
	System     string  `json:"system"` // GOOS/GOARCH and the kernel's release
	Go         string  `json:"go"`
	LoadBefore float64 `json:"loadBefore"` // processes that wanted to run, over a minute
	LoadAfter  float64 `json:"loadAfter"`
}

// A Point is what one number of subscribers cost.
type Point struct {
	Subscribers int `json:"subscribers"` // of each publisher

	Result   Result             `json:"result"`             // median of the rounds
	Baseline *Result            `json:"baseline,omitempty"` // median of the baseline's rounds
	Ratio    map[string]float64 `json:"ratio,omitempty"`    // result to baseline, by field: small is good
	Rounds   []Round            `json:"rounds"`             // in the order they were run
}

// A Round is one measurement of one server.
type Round struct {
	Server Server `json:"server"`
	Result Result `json:"result"`

	Breakdown *Breakdown `json:"breakdown,omitempty"` // where it was asked for
}

// A Result is what was measured in a window. All times are milliseconds but for the
// CPU time of a packet, which is microseconds.
type Result struct {
	Server *Cost `json:"server,omitempty"` // nil: not on this machine

	PacketsPerSecond float64 `json:"packetsPerSecond"` // delivered to all subscribers
	BitsPerSecond    float64 `json:"bitsPerSecond"`    // of their RTP packets, encrypted
	Sent             float64 `json:"sent"`             // media packets that should reach the subscribers who stayed
	Delivered        float64 `json:"delivered"`        // those that did, repaired or not
	Loss             float64 `json:"loss"`             // share of what was sent

	LatencyMs      Latency `json:"latencyMs"`
	Freezes        float64 `json:"freezes"` // pauses of the video over 200 ms, of all subscribers
	LongestPauseMs float64 `json:"longestPauseMs"`

	CreatedMs       Spread  `json:"createdMs"` // POST to 201
	FirstRTPMs      Spread  `json:"firstRtpMs"`
	FirstKeyframeMs Spread  `json:"firstKeyframeMs"` // POST to the last packet of one
	Failed          float64 `json:"failed"`          // subscribers that never connected
	NoKeyframe      float64 `json:"noKeyframe"`      // subscribers that never got one

	Requests    float64 `json:"requests"` // for keyframes, that reached the publishers
	NACKs       float64 `json:"nacks"`    // packets asked for again
	Repaired    float64 `json:"repaired"` // packets that came by RTX
	Duplicates  float64 `json:"duplicates"`
	Unreadable  float64 `json:"unreadable"`  // media packets without our stamp
	Unauthentic float64 `json:"unauthentic"` // of every 256th packet, which is decrypted whole
	Thrown      float64 `json:"thrown"`      // packets thrown away by the load's loss
	Overflowed  float64 `json:"overflowed"`  // packets lost at the generator's full sockets: its fault, but part of Loss
	ChurnJoins  float64 `json:"churnJoins"`
	ChurnFailed float64 `json:"churnFailed"`

	Storm   *StormResult   `json:"storm,omitempty"`   // nil: there was none
	Stalled *StalledResult `json:"stalled,omitempty"` // nil: there were none

	GeneratorUsPerPacket float64 `json:"generatorUsPerPacket"` // CPU time of the subscribers' process
	MachineIdle          float64 `json:"machineIdle"`          // share of the machine nobody used
}

// A Cost is what the server used.
type Cost struct {
	CPUUsPerPacket    float64 `json:"cpuUsPerPacket"` // packets delivered, not received
	UserUsPerPacket   float64 `json:"userUsPerPacket"`
	SystemUsPerPacket float64 `json:"systemUsPerPacket"`
	CPUSecondsPerGbit float64 `json:"cpuSecondsPerGbit"`
	Cores             float64 `json:"cores"` // CPU time for each second
	SwitchesPerPacket float64 `json:"switchesPerPacket"`

	KBPerSubscriber         float64  `json:"kbPerSubscriber"` // resident memory, 1 KB is 1000 bytes
	GoroutinesPerSubscriber *float64 `json:"goroutinesPerSubscriber,omitempty"`

	CPUMsPerJoin  *float64 `json:"cpuMsPerJoin,omitempty"`  // without media: HTTP, ICE, DTLS
	CPUMsPerLeave *float64 `json:"cpuMsPerLeave,omitempty"` // DELETE and close_notify
}

// Latency is what the server and the way through it added, from the publisher's send
// call to the arrival at the subscriber's socket.
type Latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// A Spread is quantiles over the subscribers.
type Spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (s spread) ms() Spread { return Spread{ms(s.P50), ms(s.P95), ms(s.Max)} }
