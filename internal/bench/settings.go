package bench

import (
	"errors"
	"fmt"
	"time"
)

// A Codec is what the publishers' video is said to be.
type Codec string

// The codecs there are frames for.
const (
	H264 Codec = "h264" // constrained baseline, packetization mode 1
	VP8  Codec = "vp8"
)

// A Pace is how a publisher hands the packets of a frame to the network.
type Pace string

// The paces of real publishers.
const (
	Burst Pace = "burst" // a frame at once, as OBS and FFmpeg do
	Paced Pace = "paced" // four packets each 5 ms, much as browsers do
)

// A Profile is the SRTP protection profile subscribers list first. They list both;
// the DTLS server's order decides.
type Profile string

// The profiles subscribers list.
const (
	GCM Profile = "gcm" // AEAD_AES_128_GCM
	CM  Profile = "cm"  // AES128_CM_HMAC_SHA1_80, what browsers list first
)

// A Load is what is put on a server. The zero value is not usable: see [DefaultLoad].
type Load struct {
	Publishers  int `json:"publishers"`
	Subscribers int `json:"subscribers"` // of each publisher

	Codec            Codec         `json:"codec"`
	Bitrate          int64         `json:"bitrate"` // of the video, in bits per second
	FPS              int           `json:"fps"`
	KeyframeInterval time.Duration `json:"keyframeIntervalNs"`
	Pace             Pace          `json:"pace"`
	Audio            bool          `json:"audio"` // Opus, 50 packets of 160 bytes a second
	AnswerRequests   bool          `json:"answerRequests"`

	Profile  Profile       `json:"profile"`
	Feedback time.Duration `json:"feedbackNs"` // between a subscriber's transport-cc reports
	Loss     float64       `json:"loss"`       // share of packets a subscriber throws away, 0 to 1

	Ramp       float64       `json:"ramp"`       // joins per second before the measurement
	Churn      float64       `json:"churn"`      // joins and leaves per second during it
	Storm      Storm         `json:"storm"`      // measured in a window of its own behind it
	StalledTCP int           `json:"stalledTcp"` // subscribers over ICE-TCP that read nothing, in a window of its own
	Joins      int           `json:"joins"`      // sessions without media that measure a join's CPU time
	Warmup     time.Duration `json:"warmupNs"`
	Window     time.Duration `json:"windowNs"` // how long is measured
}

// DefaultLoad is one publisher of 2.5 Mbit/s with 50 subscribers.
func DefaultLoad() Load {
	return Load{
		Publishers: 1, Subscribers: 50,
		Codec: H264, Bitrate: 2_500_000, FPS: 30, KeyframeInterval: 2 * time.Second, Pace: Paced, Audio: true,
		Profile: GCM, Feedback: 100 * time.Millisecond,
		Ramp: 50, Joins: 50, Warmup: 3 * time.Second, Window: 10 * time.Second,
	}
}

// Bounds of a load: a slip of the finger must not take the machine down.
const (
	maxPublishers  = 1_000
	maxSubscribers = 10_000 // of all publishers together; each is a socket
	maxWindow      = time.Hour
)

// Check tells what is wrong with the load.
func (l *Load) Check() error {
	total := l.Publishers * l.Subscribers
	switch {
	case l.Publishers < 1 || l.Publishers > maxPublishers:
		return fmt.Errorf("%d publishers: from 1 to %d can be run", l.Publishers, maxPublishers)
	case l.Subscribers < 1 || total+l.Storm.Joins > maxSubscribers:
		return fmt.Errorf("%d × %d subscribers: from 1 to %d can be run", l.Publishers, l.Subscribers, maxSubscribers)
	case l.Codec != H264 && l.Codec != VP8:
		return fmt.Errorf("no frames of codec %q: h264 or vp8", l.Codec)
	case l.Pace != Burst && l.Pace != Paced:
		return fmt.Errorf("no pace %q: burst or paced", l.Pace)
	case l.Profile != GCM && l.Profile != CM:
		return fmt.Errorf("no SRTP profile %q: gcm or cm", l.Profile)
	}
	return l.checkNumbers()
}

func (l *Load) checkNumbers() error {
	switch {
	case l.FPS < 1 || l.FPS > 240:
		return fmt.Errorf("%d frames a second: from 1 to 240 can be made", l.FPS)
	case l.Bitrate < 50_000 || l.Bitrate > 100_000_000:
		return fmt.Errorf("%d bit/s of video: from 50 kbit/s to 100 Mbit/s can be made", l.Bitrate)
	case l.KeyframeInterval < time.Second/time.Duration(l.FPS) || l.KeyframeInterval > time.Minute:
		return errors.New("the keyframe interval is from one frame to a minute")
	case l.Loss < 0 || l.Loss >= 1:
		return errors.New("the loss is a share from 0 to below 1")
	case l.Ramp <= 0 || l.Ramp > 10_000 || l.Churn < 0 || l.Churn > 1000:
		return errors.New("joins come at up to 10,000 a second in the ramp and 1,000 in the churn")
	case l.Storm.check() != nil:
		return l.Storm.check()
	case l.StalledTCP < 0 || l.StalledTCP > maxStalled:
		return fmt.Errorf("up to %d subscribers over TCP can stall", maxStalled)
	case l.Joins < 0 || l.Joins > 1000:
		return errors.New("up to 1,000 joins without media can be measured")
	case l.Feedback < 10*time.Millisecond || l.Feedback > time.Second:
		return errors.New("feedback comes each 10 ms to 1 s")
	case l.Warmup < 0 || l.Window <= 0 || l.Window > maxWindow || l.Warmup > maxWindow:
		return errors.New("a measurement takes up to an hour")
	}
	return nil
}
