//go:build !race

package nodetest_test

// many is 1, or smaller where everything is ten times slower.
const many = 1.0
