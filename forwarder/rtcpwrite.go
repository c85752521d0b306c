package forwarder

import (
	"encoding/binary"
	"math/bits"
)

// The functions here append one RTCP packet each, or a part of one, without
// allocating but for b's growth.

func appendHeader(b []byte, count, kind uint8, words int) []byte {
	b = append(b, 2<<6|count, kind)
	return binary.BigEndian.AppendUint16(b, uint16(words-1))
}

// senderReport is a sender report without report blocks (RFC 3550 §6.4.1).
type senderReport struct {
	ssrc      uint32
	ntp       uint64
	timestamp uint32
	packets   uint32
	octets    uint32
}

func appendSenderReport(b []byte, r senderReport) []byte {
	b = appendHeader(b, 0, rtcpSR, 7)
	b = binary.BigEndian.AppendUint32(b, r.ssrc)
	b = binary.BigEndian.AppendUint64(b, r.ntp)
	b = binary.BigEndian.AppendUint32(b, r.timestamp)
	b = binary.BigEndian.AppendUint32(b, r.packets)
	return binary.BigEndian.AppendUint32(b, r.octets)
}

// appendCNAME appends the source description that a compound must carry (RFC
// 3550 §6.5.1). Of a name longer than 255 bytes the beginning is sent.
func appendCNAME(b []byte, ssrc uint32, cname string) []byte {
	const cnameItem = 1
	cname = cname[:min(len(cname), 255)]
	words := (rtcpHeader + 4 + 2 + len(cname) + 1 + 3) / 4 // at least one null ends the list
	end := len(b) + 4*words
	b = appendHeader(b, 1, rtcpSDES, words)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(b, cnameItem, byte(len(cname)))
	b = append(b, cname...)
	for len(b) < end {
		b = append(b, 0)
	}
	return b
}

// appendReceiverReport appends the head of a receiver report of n blocks, which
// must follow; n is at most 31.
func appendReceiverReport(b []byte, ssrc uint32, n int) []byte {
	b = appendHeader(b, uint8(n), rtcpRR, 2+n*reportBytes/4)
	return binary.BigEndian.AppendUint32(b, ssrc)
}

func appendBlock(b []byte, r *reportBlock) []byte {
	b = binary.BigEndian.AppendUint32(b, r.ssrc)
	b = binary.BigEndian.AppendUint32(b, uint32(r.fractionLost)<<24|uint32(r.lost)&0xffffff)
	b = binary.BigEndian.AppendUint32(b, r.highest)
	b = binary.BigEndian.AppendUint32(b, r.jitter)
	b = binary.BigEndian.AppendUint32(b, r.lastReport)
	return binary.BigEndian.AppendUint32(b, r.delay)
}

// appendFeedback appends the head of a feedback packet with words of FCI to follow.
func appendFeedback(b []byte, format, kind uint8, from, media uint32, words int) []byte {
	b = appendHeader(b, format, kind, 3+words)
	b = binary.BigEndian.AppendUint32(b, from)
	return binary.BigEndian.AppendUint32(b, media)
}

// appendNack asks for seqs, which must rise and not be empty.
func appendNack(b []byte, from, media uint32, seqs []uint16) []byte {
	at := len(b)
	b = appendFeedback(b, formatNACK, rtcpRTPFB, from, media, 0)
	pair := nackPair{seq: seqs[0]}
	for _, seq := range seqs[1:] {
		if d := seq - pair.seq; d <= 16 {
			pair.following |= 1 << (d - 1)
			continue
		}
		b = appendPair(b, pair)
		pair = nackPair{seq: seq}
	}
	b = appendPair(b, pair)
	binary.BigEndian.PutUint16(b[at+2:], uint16((len(b)-at)/4-1))
	return b
}

func appendPair(b []byte, p nackPair) []byte {
	b = binary.BigEndian.AppendUint16(b, p.seq)
	return binary.BigEndian.AppendUint16(b, p.following)
}

func appendPLI(b []byte, from, media uint32) []byte {
	return appendFeedback(b, formatPLI, rtcpPSFB, from, media, 0)
}

// appendFIR appends a full intra request; number counts them (RFC 5104 §4.3.1.1).
func appendFIR(b []byte, from, media uint32, number uint8) []byte {
	b = appendFeedback(b, formatFIR, rtcpPSFB, from, media, firBytes/4)
	b = binary.BigEndian.AppendUint32(b, media)
	return append(b, number, 0, 0, 0)
}

// appendREMB appends the head of a REMB packet about n SSRCs, which must follow.
// The 18 highest bits of bitrate are told.
func appendREMB(b []byte, from uint32, bitrate int64, n int) []byte {
	exponent := max(bits.Len64(uint64(bitrate))-18, 0)
	b = appendFeedback(b, formatREMB, rtcpPSFB, from, 0, 2+n)
	b = binary.BigEndian.AppendUint32(b, rembIdentifier)
	return binary.BigEndian.AppendUint32(b, uint32(n)<<24|uint32(exponent)<<18|uint32(bitrate>>exponent))
}
