// Package clustertest plays a cluster of a thousand nodes and a million subscribers in virtual
// time: who looks a stream up, which node takes it from which, where sessions are placed, and
// what nodes ask of each other and of the directory. There is no media and no goroutine: one
// queue of events, and all chance is from one seed.
//
// The rules are the program's own: [github.com/whippet-media/whippet/relay/tree] for links,
// [relay.Place] for sessions, [relay.Memory] for leases and watches, behind counters that are
// held against a real Redis ([relaytest.Counter]). What an edge does with their answers, one step after the other,
// with which pauses and timeouts, is written here a second time, without what carries it:
// signatures, sockets and the shards.
package clustertest
