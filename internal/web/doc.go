// Package web serves the pages of a node and the ES modules they are made of: a list
// of live streams, a page to publish and a page to watch, and on the admin port the
// operator's. Everything is embedded,
// nothing is built and nothing is loaded from elsewhere.
//
// The pages are static: they find the node's endpoints relative to their own address,
// so they work behind a proxy that serves the node in a sub-folder, and they talk to
// the node as any other client would (WHIP, WHEP, GET /streams.json, the REST API). The package
// therefore knows nothing of streams or sessions and imports nothing of ours.
//
// Pages carry a strict Content-Security-Policy (no inline script or style, no foreign
// origin), must not be framed except the watch page, and may use camera, microphone
// and screen. A token travels in the URL's fragment, which browsers never send.
// The modules under /assets/ may be imported by pages of any origin.
package web
