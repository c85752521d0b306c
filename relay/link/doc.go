// Package link carries streams from node to node: where a stream's publisher is on another
// node, the first subscriber of this one opens a link to it, and the last one lets it go.
//
// A link is verbatim. At the origin, [Links] answers requests for one with a
// [forwarder.Tap], which is a subscriber to the stream; at the edge, [Edges] feeds what
// comes into an ordinary publication of the same name. Nothing behind that knows of links.
//
// # The way to a link
//
//	edge                                        origin
//	 POST /cluster/v1/links/{stream} ─────────→  what its peer needs, what it has already
//	        ←──────────────────────────── 201    what its peer needs, what the link carries
//	 ICE, DTLS, SRTP  ←───────────────────────→  from a socket of its own to the media port
//
// Both bodies are JSON, of one version. The request is signed with the cluster's secret,
// the response with the secret and the request, so the fingerprints of both certificates
// are: who does not know the secret can neither open a link nor stand between two nodes,
// also over plain HTTP. A request that is repeated by a stranger opens nothing, since DTLS
// wants the key of the certificate.
//
// A link has a media socket of its own at the edge, since two nodes may share many links,
// and packets are told apart by address.
//
// # Life
//
// Each side says something every 200 ms. An edge that hears nothing for a second opens
// another link and names what it has, so that the histories go on. While nobody publishes
// the stream, the edge waits for the directory to say that somebody does. An edge whose
// parent drains lets another link take over before it closes the one there is.
package link
