// Package harness runs real programs for tests: a whippet node, Chromium, FFmpeg, GStreamer.
//
// Everything started here is a child process with a bounded life: it is ended when the test that
// started it ends, and its output is shown if that test failed. A program that is missing fails
// the test with the command that installs it (test/setup.sh); nothing is skipped.
//
// The helpers take a [testing.TB] and end the test on errors, so they must be called from the
// test's own goroutine.
package harness
