// Package scenario plays a publisher with several encodings through the forwarder's
// core to one subscriber behind a bottleneck, in virtual time, and scores what the
// subscriber gets: bitrate, layers, freezes, switches, latency.
//
// The core is the real one: down track, estimator, allocator, pacer, resends. The
// subscriber is a model of a browser: transport-wide feedback each 50 ms, reports each
// second, NACKs, keyframe requests; it shows a frame when all of it and all before it
// has come. Everything random comes from the link's seed.
package scenario
