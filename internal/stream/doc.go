// Package stream is where live streams live on a node: the registry of names, one
// publication and many subscriptions each, and the shards that move the media.
//
// A name is claimed, then published; subscriptions outlive publications. The
// pure core ([forwarder]) decides what is sent; this package owns the goroutines
// and the clock around it:
//
//   - [Publication.PushRTP] runs on whatever goroutine the Source delivers on. It
//     appends to histories; [Registry.Serve] wakes the shards that have
//     subscribers, or serves a few itself. One goroutine of each publication
//     sends its feedback.
//   - A shard is one goroutine that serves its own subscribers across all streams,
//     pulling everything new for one subscriber after the other, and flushes its
//     batch once. There are GOMAXPROCS of them. No lock, channel send, map look-up or allocation of this
//     package happens per packet delivered.
//
// It knows neither HTTP nor WebRTC: a publisher is a [Source], a subscriber a [Sink].
package stream
