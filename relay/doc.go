// Package relay makes one cluster of many nodes: a directory says which node each
// stream's publisher is on, and links carry the media from there.
//
// # Leases and epochs
//
// To be the origin of a stream a node claims its name in the [Directory] and gets a
// [Lease]: for a few seconds, renewed at a third of its life, and with an epoch. Epochs
// are the fencing numbers of the cluster: whoever meets two origins of one stream, in the
// directory, on a link or in its memory, follows the higher epoch, on equal ones the
// greater node id ([Holder.Beats]). A claim's epoch is greater than all the directory
// knows of the stream and all the claimant does, and at least the directory's clock in
// microseconds: a directory that forgot everything repeats none, as long as its clock goes
// forward, and where it steps back, the renewal of the greater epoch wins.
//
//	free ── Claim ──→ held ⇄ Renew
//	  ↑                │ Release, or its life ends      held by another: ErrHeld,
//	  └────────────────┘                                or Claim with Over: held
//
// A lease ends by Release, by its end of life, or by a claim that names its epoch in Over
// (a takeover: compare and set). Its record is kept some minutes longer as the floor of
// the epochs to come. A renewal is a claim with an old epoch: it succeeds if nothing
// beats it, whatever the directory holds, so that one renewal of each node heals a
// directory that was emptied or set back.
//
// Who may still go on is decided by the directory's clock alone: nodes' clocks are never
// compared. A node counts a lease's life on its own monotonic clock from before the
// request was sent, so its lease ends for itself before it ends for others.
//
// # Revocations
//
// What is revoked on one node is refused on all: a [Spreader] on each knows all revocations,
// also those that were taken back, until no node can have them in force any more. Each has
// the times when it was last made and last taken back, so that two about the same can be
// joined whoever was cut off from whom ([Revocation]). The directory joins what nodes put
// there and numbers the changes; a node that is woken, and each of them every two seconds,
// reads those after the last number it has. Numbers grow with the directory's clock, and the
// last few thousand are remembered: one that is unknown says that the directory was emptied,
// set back, or has gone on too far. Then the node reads everything, and puts there again
// what is missing.
//
// Media never goes through the directory, and this package forwards none itself.
package relay
