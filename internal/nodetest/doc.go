// Package nodetest runs a whole node, its publishers and its subscribers in one
// process, on a virtual network and in virtual time: the node is
// [github.com/whippet-media/whippet/internal/node] as it is served, its handlers are
// called without sockets, and the far ends are
// [github.com/whippet-media/whippet/internal/client]. Minutes of media pass in a
// second.
//
//	synctest.Test(t, func(t *testing.T) {
//		w := nodetest.New(t)
//		w.Publish("studio")
//		sub := w.Host(nodetest.Link{Loss: 0.05}).Subscribe("studio")
//		sub.WantMedia(time.Minute)
//	})
//
// Everything must be called inside the bubble of testing/synctest. What a test makes
// ends with it, and a goroutine that is left behind fails it. A network's faults come
// from the seed of its World and do not depend on the machine; random numbers of ICE,
// DTLS and RTP, and the order of goroutines within one instant, do.
//
// Each [Subscriber] is watched by two oracles while it plays. The wire oracle wants one
// SSRC per track for life and timestamps that never step back; what it finds fails the
// test at its end. The decoder oracle says which pictures a player could show; tests ask
// it with WantMedia and Pictures.
package nodetest
