package config

import "time"

const (
	// maxFileBytes bounds the YAML file and files with secrets: they have some
	// lines, and a wrong path may name a device that never ends.
	maxFileBytes = 64 << 10

	// maxList bounds the values of one list: each announced address is a candidate
	// in every answer, each proxy and origin is compared with every request.
	maxList = 64

	// maxAnnounce bounds announced addresses: each is checked against each of the
	// client's, and answers must stay under 8 KiB for OBS.
	maxAnnounce = 16

	// maxHostPart bounds what of the host's name becomes part of the node's.
	maxHostPart = 40
	// maxWebhooks bounds the receivers of events: each has a queue and goroutines.
	maxWebhooks = 8

	// minIdle and maxIdle bound --webhook-idle: streams are looked at once a second.
	minIdle = time.Second
	maxIdle = 24 * time.Hour

	// maxSessions bounds --max-sessions: the media transport takes no more peers.
	maxSessions = 20_000

	// maxMetricsStreams bounds --metrics-streams: as many series as a Prometheus server
	// takes from a target without being told to.
	maxMetricsStreams = 1000

	// maxRate bounds rates of requests: no node answers more.
	maxRate = 100_000

	// minBitrate and maxBitrate bound bitrates: less carries not even sound, more is no
	// network's.
	minBitrate = 50_000
	maxBitrate = 1_000_000_000_000

	// maxLinks bounds --max-links: as many as the node's streams allow.
	maxLinks = 256

	// maxPushes and maxPulls bound --push and --pull: each target is compared with the name of
	// each stream, and each origin has a goroutine.
	maxPushes = 64
	maxPulls  = 64

	// maxToken bounds, in bytes, a token shown to another server: as much as is taken of clients.
	maxToken = 8 << 10

	// maxDrainTime bounds --drain-time.
	maxDrainTime = 10 * time.Minute
)
