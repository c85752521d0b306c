// Package client is a WHIP publisher (RFC 9725) and a WHEP subscriber
// (draft-ietf-wish-whep-04), the far end of a node. It backs the commands
// publish and play and is what tests hold against the server, so it shares no
// code with it: sessions are ordinary peer connections with default feedback.
//
// [Publish] and [Play] run the exchange (POST, 201, answer) and return while ICE
// and DTLS are still under way; [Session.Connected] and [Session.Done] tell of
// the rest. A session ends by [Session.Close] (DELETE, then DTLS close_notify),
// by [Session.Kill] (nothing is said: the server must find out), by the server,
// or by a lapsed transport. Every goroutine of a session has ended when Close or
// Kill returns.
//
// Media comes from a [Source]: the built-in clip ([Clip]), files ([OpenFiles]),
// made-up frames of any rate and size ([NewSynthetic]), or RTP packets from
// another program ([ListenRTP]). A played session can be measured
// ([Player.Stats]), tapped ([PlayOptions]) and written to files ([NewRecorder]).
package client
