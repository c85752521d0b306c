//go:build !race

package nodetest_test

// percent is how much of a long test runs.
const percent = 100
