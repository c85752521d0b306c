package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/whippet-media/whippet/internal/api"
)

// checks are what a host can find out about its sockets and files.
func (h *Host) checks() []api.Check {
	all := []api.Check{{Name: "media-socket", Run: h.checkSocket}, {Name: "socket-buffers", Run: h.checkBuffers}}
	if h.cert != nil {
		all = append(all, api.Check{Name: "certificate", Run: h.checkCertificate})
	}
	return all
}

// checkSocket sends a packet to the media socket, which must be read.
func (h *Host) checkSocket(ctx context.Context) (text string, good bool) {
	at := h.media.LocalAddr().String()
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", dialled(at))
	if err != nil {
		return fmt.Sprintf("Nothing can be sent to %s: %v.", at, err), false
	}
	defer conn.Close()
	before := h.media.Stats().PacketsRead
	ctx, cancel := context.WithTimeout(ctx, socketPatience)
	defer cancel()
	for {
		if _, err := conn.Write([]byte{0}); err != nil { // no packet of any protocol there: dropped
			return fmt.Sprintf("Nothing can be sent to %s: %v.", at, err), false
		}
		select {
		case <-ctx.Done():
			return fmt.Sprintf("Packets sent to %s on this machine did not arrive. Look for a firewall.", at), false
		case <-time.After(socketPause):
		}
		if s := h.media.Stats(); s.PacketsRead > before {
			return fmt.Sprintf("%s is read; it sends by %s and receives by %s.", at, s.Sending, s.Receiving), true
		}
	}
}

// dialled turns the address a socket listens on into one that can be sent to.
func dialled(at string) string {
	ap, err := netip.ParseAddrPort(at)
	if err != nil || !ap.Addr().IsUnspecified() {
		return at
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), ap.Port()).String()
}

func (h *Host) checkBuffers(context.Context) (text string, good bool) {
	read, write, wanted := h.media.Buffers()
	if problem := bufferProblem(min(read, write), wanted); problem != "" {
		return problem, false
	}
	return fmt.Sprintf("The socket's buffers have %d KiB.", min(read, write)>>10), true
}

// bufferProblem says what to do about small buffers, "" if they are not.
func bufferProblem(has, wanted int) string {
	if has >= wanted {
		return ""
	}
	return fmt.Sprintf("The system caps socket buffers at %d KiB (%d KiB wanted); bursts may be lost. "+
		"Raise it: sysctl -w net.core.rmem_max=%d net.core.wmem_max=%d", has>>10, wanted>>10, wanted, wanted)
}

// checkCertificate looks at the end of the certificate.
func (h *Host) checkCertificate(context.Context) (text string, good bool) {
	leaf := h.cert.current().Leaf
	if leaf == nil {
		return "The certificate cannot be read.", false
	}
	until := leaf.NotAfter.UTC().Format(time.DateOnly)
	switch left := time.Until(leaf.NotAfter); {
	case left < 0:
		return "The certificate has ended on " + until + ". Replace the files of --tls-cert and --tls-key.", false
	case left < certificateNotice:
		return "The certificate ends on " + until + ". Replace the files of --tls-cert and --tls-key.", false
	}
	return "The certificate is good until " + until + ".", true
}
