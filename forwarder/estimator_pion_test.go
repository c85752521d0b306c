package forwarder_test

import (
	"encoding/binary"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// pionEstimator is the estimator of pion/interceptor, for comparison. It reads the clock:
// only in a synctest bubble does it run in virtual time. It does not probe.
type pionEstimator struct {
	bwe     *gcc.SendSideBWE
	writer  interceptor.RTPWriter
	payload []byte
}

const pionTransportID = 1

func newPionEstimator() (*pionEstimator, error) {
	bwe, err := gcc.NewSendSideBWE(
		gcc.SendSideBWEInitialBitrate(300_000), gcc.SendSideBWEMinBitrate(30_000), gcc.SendSideBWEPacer(gcc.NewNoOpPacer()),
	)
	if err != nil {
		return nil, err
	}
	info := &interceptor.StreamInfo{SSRC: 1, RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{
		URI: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", ID: pionTransportID,
	}}}
	nowhere := interceptor.RTPWriterFunc(func(*rtp.Header, []byte, interceptor.Attributes) (int, error) { return 0, nil })
	return &pionEstimator{bwe, bwe.AddStream(info, nowhere), make([]byte, 2000)}, nil
}

func (e *pionEstimator) Sent(_ time.Time, number uint16, size int, _ bool) {
	h := rtp.Header{Version: 2, SSRC: 1, PayloadType: 96}
	if err := h.SetExtension(pionTransportID, binary.BigEndian.AppendUint16(nil, number)); err != nil {
		panic(err)
	}
	if _, err := e.writer.Write(&h, e.payload[:max(0, size-wireHeaders)], nil); err != nil {
		panic(err)
	}
}

func (e *pionEstimator) Feedback(_ time.Time, body []byte) bool {
	b := []byte{2<<6 | rtcp.FormatTCC, 205, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(len(body)/4))
	var p rtcp.TransportLayerCC
	if err := p.Unmarshal(append(b, body...)); err != nil {
		return false
	}
	return e.bwe.WriteRTCP([]rtcp.Packet{&p}, nil) == nil
}

func (e *pionEstimator) Estimate() int64                  { return int64(e.bwe.GetTargetBitrate()) }
func (e *pionEstimator) Want(int64)                       {}
func (e *pionEstimator) Probe(time.Time) (n int, ok bool) { return 0, false }
func (e *pionEstimator) Deadline() (none time.Time)       { return none }
func (e *pionEstimator) Pace(int) (none int64)            { return 0 }
