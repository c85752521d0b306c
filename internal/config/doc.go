// Package config turns flags, environment variables and a YAML file into one
// immutable [Config]. For each setting the flag wins over the environment variable
// WHIPPET_…, that over the file named by --config, that over the default. All
// settings, their help texts and their defaults stand in [Flags] and nowhere else.
//
// A mistake is an error that names the flag and says what to write instead. It is
// found before anything is opened or started. Secrets are never part of an error, a
// log line or a printed Config; each can also be read from a file, whose flag ends
// in -file.
//
// The package also keeps what a node keeps on disk: the secret it made for itself,
// see [LoadSecret].
package config
