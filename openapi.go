// Package whippet holds the description of a node's HTTP interface, for the node that
// serves it and for tests.
package whippet

import _ "embed" // of the document

// OpenAPI is the description in YAML (OpenAPI 3.0).
//
//go:embed openapi.yaml
var OpenAPI string
