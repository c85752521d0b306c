package udp

import (
	"errors"
	"math/bits"
	"net"
	"sync/atomic"
	"syscall"
)

// A Path is a way for datagrams between a Socket and the kernel, from the dearest to
// the cheapest.
type Path uint8

const (
	// Single is one system call for each datagram.
	Single Path = iota
	// Multiple is one system call for many messages of one datagram each: sendmmsg, recvmmsg.
	Multiple
	// Offload is Multiple, where a message may hold several datagrams that the kernel or
	// the network device cuts apart (UDP_SEGMENT), or that either joined (UDP_GRO).
	Offload
)

func (p Path) String() string {
	switch p {
	case Offload:
		return "offload"
	case Multiple:
		return "multiple"
	default:
		return "single"
	}
}

// A SendError is a kind of refusal to send.
type SendError uint8

const (
	// SendBlocked is a full send buffer (EAGAIN).
	SendBlocked SendError = iota
	// SendNoBuffers is a full queue of the network device, or no memory (ENOBUFS, ENOMEM).
	SendNoBuffers
	// SendTooLarge is a datagram larger than the path takes (EMSGSIZE).
	SendTooLarge
	// SendInvalid is an address that cannot be sent to, or from: one that is not ours any
	// more, or of a family the socket does not have (EINVAL and its like).
	SendInvalid
	// SendRefused is an answer that nobody listens there (ECONNREFUSED).
	SendRefused
	// SendUnreachable is a missing route or an answer that says so (EHOSTUNREACH, ENETUNREACH).
	SendUnreachable
	// SendDenied is a firewall of this machine (EPERM, EACCES).
	SendDenied
	// SendNoOffload is a device or route that takes no joined datagrams (EIO).
	SendNoOffload
	// SendClosed is a Socket that was closed.
	SendClosed
	// SendOther is anything else.
	SendOther

	sendErrors = iota
)

// SendErrors returns every kind, in order.
func SendErrors() []SendError {
	all := make([]SendError, sendErrors)
	for i := range all {
		all[i] = SendError(i) //nolint:gosec // few
	}
	return all
}

// String returns a short name in lower case, for a label of a metric.
func (e SendError) String() string {
	return [sendErrors]string{
		"blocked", "no-buffers", "too-large", "invalid", "refused",
		"unreachable", "denied", "no-offload", "closed", "other",
	}[min(e, SendOther)]
}

// kindOf sorts an error of a send.
func kindOf(err error) SendError {
	var errno syscall.Errno
	if errors.Is(err, net.ErrClosed) {
		return SendClosed
	}
	if !errors.As(err, &errno) {
		return SendOther
	}
	return kindOfErrno(errno)
}

func kindOfErrno(errno syscall.Errno) SendError {
	switch errno {
	case syscall.EAGAIN:
		return SendBlocked
	case syscall.ENOBUFS, syscall.ENOMEM:
		return SendNoBuffers
	case syscall.EMSGSIZE:
		return SendTooLarge
	case syscall.EINVAL, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT:
		return SendInvalid
	case syscall.ECONNREFUSED:
		return SendRefused
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN:
		return SendUnreachable
	case syscall.EPERM, syscall.EACCES:
		return SendDenied
	case syscall.EIO:
		return SendNoOffload
	default:
		return SendOther
	}
}

// A Fallback is a reason why a Socket uses a dearer Path than the system's best.
type Fallback uint8

const (
	// NoSegmentation is a kernel without UDP_SEGMENT (Linux before 4.18).
	NoSegmentation Fallback = iota
	// SegmentationRefused is a network device or route that cannot do it (EIO), as it does
	// not compute checksums. It holds for the whole Socket from then on.
	SegmentationRefused
	// NoSendmmsg is a system that has no sendmmsg, or forbids it.
	NoSendmmsg
	// NoCoalescing is a kernel without UDP_GRO (Linux before 5.0).
	NoCoalescing
	// NoRecvmmsg is a system that has no recvmmsg, or forbids it.
	NoRecvmmsg

	fallbacks = iota
)

// Fallbacks returns every reason, in order.
func Fallbacks() []Fallback {
	all := make([]Fallback, fallbacks)
	for i := range all {
		all[i] = Fallback(i) //nolint:gosec // few
	}
	return all
}

// String returns a short name in lower case, for a log line or a label.
func (f Fallback) String() string {
	return [fallbacks]string{
		"no-segmentation", "segmentation-refused", "no-sendmmsg", "no-coalescing", "no-recvmmsg",
	}[min(f, NoRecvmmsg)]
}

// Stats are counters since Listen. Bytes are those of payloads, headers of UDP and
// below not counted. Reads and writes of one datagram
// through the net.PacketConn count as packets, not as calls.
type Stats struct {
	PacketsRead, BytesRead, PacketsWritten, BytesWritten uint64

	// WriteErrors counts datagrams that were not sent. SendErrors counts by kind how often
	// the kernel said no, including what a second try or another Path made good.
	WriteErrors uint64
	SendErrors  [sendErrors]uint64 // by SendError

	// Batches counts calls that send, Messages what the kernel took of them. Of those,
	// OffloadRuns held several datagrams, OffloadPackets in all: their quotient is how
	// many segments a run has.
	Batches, Messages, OffloadRuns, OffloadPackets uint64

	// Reads counts calls that received something. CoalescedPackets came in runs that the
	// kernel or the device had joined. Truncated counts messages dropped because they did
	// not fit their buffer.
	Reads, CoalescedPackets, Truncated uint64

	// KernelDrops counts datagrams the kernel dropped before they could be read, mostly
	// because the receive buffer was full. It is known with the next datagram read, and
	// only where a Reader reads, on Linux.
	KernelDrops uint64

	// SendSizes and ReadSizes count Batches and Reads by how many datagrams they moved:
	// the first those of one, each next those of up to twice as many, see [SizeBounds].
	SendSizes, ReadSizes [sizes]uint64

	// Fallbacks counts falls to a dearer Path by Fallback: each at most once for sending,
	// once per Reader for reading.
	Fallbacks [fallbacks]uint64
	// Sending and Receiving are the paths that a Batch and a Reader use now; Single before
	// the first of each was made.
	Sending, Receiving Path
}

// sizes is the number of size classes: up to 512 datagrams, and those with more.
const sizes = 11

// SizeBounds returns how many datagrams a call of each class of SendSizes and ReadSizes
// moved at the most, but for the last class, which has no bound.
func SizeBounds() []int {
	bounds := make([]int, sizes-1)
	for i := range bounds {
		bounds[i] = 1 << i
	}
	return bounds
}

// sizeClass returns the class of calls that moved so many datagrams each.
func sizeClass(datagrams uint64) int {
	if datagrams == 0 {
		return 0
	}
	return min(bits.Len64(datagrams-1), sizes-1)
}

// counters are the Stats while they count. Hot paths add to them once per call to the
// kernel, not per datagram.
type counters struct {
	packetsRead, bytesRead, packetsWritten, bytesWritten, writeErrors atomic.Uint64
	batches, messages, offloadRuns, offloadPackets                    atomic.Uint64
	reads, coalescedPackets, truncated, kernelDrops                   atomic.Uint64

	sendSizes, readSizes [sizes]atomic.Uint64

	sendErrors [sendErrors]atomic.Uint64
	fallbacks  [fallbacks]atomic.Uint64
}

// A sendTally is what one flush did.
type sendTally struct {
	packets, bytes, lost, calls, messages, offloadRuns, offloadPackets uint64
	refused                                                            bool
	errors                                                             [sendErrors]uint64
}

func (t *sendTally) refuse(kind SendError) {
	t.errors[kind]++
	t.refused = true
}

func (c *counters) addSends(t *sendTally) {
	c.packetsWritten.Add(t.packets)
	c.bytesWritten.Add(t.bytes)
	c.batches.Add(t.calls)
	c.messages.Add(t.messages)
	c.offloadRuns.Add(t.offloadRuns)
	c.offloadPackets.Add(t.offloadPackets)
	if t.calls > 0 {
		c.sendSizes[sizeClass(t.packets/t.calls)].Add(t.calls)
	}
	if t.lost > 0 {
		c.writeErrors.Add(t.lost)
	}
	if !t.refused {
		return
	}
	for i, n := range t.errors {
		c.sendErrors[i].Add(n)
	}
}

// A readTally is what one read did.
type readTally struct {
	bytes, calls, coalesced, truncated, drops uint64
}

func (c *counters) addReads(packets int, t *readTally) {
	c.packetsRead.Add(uint64(packets)) //nolint:gosec // not negative
	c.bytesRead.Add(t.bytes)
	c.reads.Add(t.calls)
	if t.calls > 0 {
		c.readSizes[sizeClass(uint64(packets)/t.calls)].Add(t.calls) //nolint:gosec // not negative
	}
	c.coalescedPackets.Add(t.coalesced)
	c.truncated.Add(t.truncated)
	c.kernelDrops.Add(t.drops)
}

// Stats returns the counters. Each is exact; together they are no snapshot.
func (s *Socket) Stats() Stats {
	c := &s.count
	st := Stats{
		PacketsRead: c.packetsRead.Load(), BytesRead: c.bytesRead.Load(),
		PacketsWritten: c.packetsWritten.Load(), BytesWritten: c.bytesWritten.Load(),
		WriteErrors: c.writeErrors.Load(),
		Batches:     c.batches.Load(), Messages: c.messages.Load(),
		OffloadRuns: c.offloadRuns.Load(), OffloadPackets: c.offloadPackets.Load(),
		Reads: c.reads.Load(), CoalescedPackets: c.coalescedPackets.Load(),
		Truncated: c.truncated.Load(), KernelDrops: c.kernelDrops.Load(),
		Sending: Path(s.sending.Load()), Receiving: Path(s.receiving.Load()), //nolint:gosec // small
	}
	for i := range st.SendErrors {
		st.SendErrors[i] = c.sendErrors[i].Load()
	}
	for i := range sizes {
		st.SendSizes[i], st.ReadSizes[i] = c.sendSizes[i].Load(), c.readSizes[i].Load()
	}
	for i := range st.Fallbacks {
		st.Fallbacks[i] = c.fallbacks[i].Load()
	}
	return st
}
