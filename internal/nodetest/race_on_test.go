//go:build race

package nodetest_test

// many says how much of a long test the race detector gets to see.
const many = 0.25
