package harness

import (
	"path/filepath"
	"strconv"
	"testing"
)

// GStreamerServer is a WHIP and a WHEP server made of webrtcbin, with one session of each at a time.
// Its reports are of what is published to it.
type GStreamerServer struct {
	GStreamer
	URL string // without a slash at its end
}

// StartGStreamerServer starts one on a port of the loopback address that is free, which wants a token
// where one is given. It ends with the test.
func StartGStreamerServer(t testing.TB, port int, token string) GStreamerServer {
	t.Helper()
	script := filepath.Join("test", "harness", "gstserver.py")
	s := GStreamerServer{
		GStreamer: GStreamer{Start(t, Command{Path: systemPython, Args: []string{script, strconv.Itoa(port), "--token", token}})},
		URL:       "http://" + loopback(port),
	}
	s.Await(t, nodeStart, func(r GStreamerReport) bool { return r.Event == "listening" })
	return s
}

// WHIP returns the endpoint to publish to.
func (s GStreamerServer) WHIP() string { return s.URL + "/whip" }

// WHEP returns the endpoint to watch at.
func (s GStreamerServer) WHEP() string { return s.URL + "/whep" }
