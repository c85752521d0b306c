// Package e2e holds the tests that run a real node with real clients: Chromium, FFmpeg,
// GStreamer. They need the build tag e2e and what test/setup.sh installs; make e2e does both.
package e2e
