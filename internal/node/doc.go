// Package node puts the parts of Whippet together into one node.
//
// A [Node] is a node without sockets of its own for HTTP: it gets its media sockets
// handed in and offers two handlers. Tests run many of them in one process on a
// virtual network. A [Host] is a Node on the real network: it opens the sockets,
// tells ICE-TCP from HTTP on the public port, serves TLS, and shuts down in order.
//
// The package decides nothing about media, sessions or rights; it only passes the
// settings of package config to whoever does.
package node
