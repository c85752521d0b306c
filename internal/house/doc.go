// Package house holds no code, only tests that guard the shape of the project: which
// package may import which, what pure packages must not touch, and that every package
// says what it is for. docs/architecture.md explains the shape.
package house
