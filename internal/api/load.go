package api

import (
	"os"
	"strconv"
	"strings"
)

// loadAverage returns that of the machine in the last minute; nil where the system does
// not tell it as Linux does.
func loadAverage() *float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(b), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil || v < 0 {
		return nil
	}
	return &v
}
