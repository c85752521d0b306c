// Package soak runs one real node for a long time under coming and going publishers and
// subscribers, and looks at what stays behind: memory, goroutines, open files. It needs the build
// tag soak; make soak runs it for SOAKTIME, ten minutes if that is not set.
package soak
