package codec

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// SpropNALs returns the NAL units that an fmtp line's parameters carry out of
// band: sprop-parameter-sets of H264 (RFC 6184 §8.1), sprop-vps, sprop-sps and
// sprop-pps of H265 (RFC 7798 §7.1), in the order of the line. fmtp is what
// follows the payload type. None there, or another codec, gives nil; what is not
// base64 or longer than 8 KiB is an error.
func SpropNALs(f Format, fmtp string) ([][]byte, error) {
	var nals [][]byte
	for parameter := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !isSprop(f.Name, key) {
			continue
		}
		if len(value) > maxSprop {
			return nil, fmt.Errorf("codec: %s: longer than %d characters", key, maxSprop)
		}
		for text := range strings.SplitSeq(value, ",") {
			nal, err := decodeSprop(text)
			if err != nil {
				return nil, fmt.Errorf("codec: %s: %w", key, err)
			}
			if len(nal) > 0 {
				nals = append(nals, nal)
			}
		}
	}
	return nals, nil
}

func isSprop(name Name, key string) bool {
	switch strings.ToLower(key) {
	case "sprop-parameter-sets":
		return name == H264
	case "sprop-vps", "sprop-sps", "sprop-pps":
		return name == H265
	}
	return false
}

// decodeSprop reads base64 with or without its padding: some senders cut it off.
func decodeSprop(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
}
