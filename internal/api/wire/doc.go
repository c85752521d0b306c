// Package wire holds what is generated from openapi.yaml: the types that the REST API
// sends and takes, and the routes it has. `make api` writes it anew; nobody edits it.
package wire
