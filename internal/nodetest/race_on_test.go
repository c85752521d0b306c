//go:build race

package nodetest_test

// percent is how much of a long test runs: the race detector makes it ten times slower.
const percent = 20
