package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A weight is how much of something there is.
type weight struct {
	count, bytes float64
}

// A heapProfile is the live heap of a Go process, and what its runtime says of its memory.
type heapProfile struct {
	owners map[string]weight // by package
	sites  map[string]weight // by function of that package
	stats  map[string]float64
}

// maxProfile bounds the text of a profile.
const maxProfile = 64 << 20

// parseHeap reads /debug/pprof/heap?debug=1. Its records are samples: each counts for
// as many as were not seen on average.
func parseHeap(text []byte) (*heapProfile, error) {
	p := &heapProfile{owners: map[string]weight{}, sites: map[string]weight{}, stats: map[string]float64{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return nil, errors.New("an empty heap profile")
	}
	rate, err := sampleRate(lines.Text())
	if err != nil {
		return nil, err
	}
	var record weight
	var stack []string
	end := func() {
		if record.count > 0 {
			p.add(record.unsampled(rate), stack)
		}
		record, stack = weight{}, stack[:0]
	}
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#\t"):
			if f := strings.Fields(line); len(f) >= 3 {
				stack = append(stack, function(f[2]))
			}
		case strings.HasPrefix(line, "# "):
			p.stat(line)
		default:
			end()
			_, _ = fmt.Sscanf(line, "%g: %g [", &record.count, &record.bytes) // zero of other lines
		}
	}
	end()
	return p, lines.Err()
}

// sampleRate is the mean of bytes between two samples.
func sampleRate(head string) (float64, error) {
	_, text, ok := strings.Cut(head, "@ heap/")
	double, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if !ok || err != nil || double < 2 {
		return 0, fmt.Errorf("no heap profile: %.80q", head)
	}
	return double / 2, nil
}

// unsampled is the estimate of all allocations that a sampled record stands for.
func (w weight) unsampled(rate float64) weight {
	scale := 1 / (1 - math.Exp(-w.bytes/w.count/rate))
	return weight{w.count * scale, w.bytes * scale}
}

func (w weight) plus(o weight) weight { return weight{w.count + o.count, w.bytes + o.bytes} }

func (p *heapProfile) add(w weight, stack []string) {
	owner, site := ownerOf(stack)
	p.owners[owner] = p.owners[owner].plus(w)
	p.sites[site] = p.sites[site].plus(w)
}

// stat takes a line of the runtime's statistics: "# name = number" or "# name = used / had".
func (p *heapProfile) stat(line string) {
	name, value, ok := strings.Cut(strings.TrimPrefix(line, "# "), " = ")
	if !ok {
		return
	}
	used, had, both := strings.Cut(value, " / ")
	if both {
		value = had
	} else {
		value = used
	}
	if v, err := strconv.ParseFloat(value, 64); err == nil {
		p.stats[name] = v
	}
}

// function cuts the offset from "package.Function+0x12".
func function(s string) string {
	if i := strings.LastIndex(s, "+0x"); i >= 0 {
		return s[:i]
	}
	return s
}

// goroutinesBy reads /debug/pprof/goroutine?debug=2 and counts goroutines by who started them.
func goroutinesBy(text []byte) map[string]weight {
	all := map[string]weight{}
	for block := range bytes.SplitSeq(text, []byte("\n\n")) {
		if !bytes.HasPrefix(block, []byte("goroutine ")) {
			continue
		}
		name := creator(string(block))
		all[name] = all[name].plus(weight{count: 1})
	}
	return all
}

// creator is who started a goroutine; where that is the standard library, the function
// that was to be run.
func creator(block string) string {
	own, rest, ok := strings.Cut(block, "\ncreated by ")
	if !ok {
		return "main"
	}
	line, _, _ := strings.Cut(rest, "\n")
	line, _, _ = strings.Cut(line, " in goroutine ")
	if !standard(line) {
		return shorten(line)
	}
	lines := strings.Split(own, "\n") // a function and its place alternate
	for i := len(lines) - 2; i > 0; i -= 2 {
		call, _, _ := cutLast(lines[i], "(")
		if !standard(call) {
			return shorten(call)
		}
	}
	return line
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// standard tells whether a function is of the standard library: no host in its path.
func standard(f string) bool {
	first, _, module := strings.Cut(f, "/")
	return !module || !strings.Contains(first, ".")
}

// ownerOf returns the package that an allocation belongs to, and its function: the
// innermost that is not the standard library. A stack of that alone belongs to its
// outermost package.
func ownerOf(stack []string) (owner, site string) {
	for _, f := range stack {
		if !standard(f) {
			return packageOf(shorten(f)), shorten(f)
		}
	}
	for i := len(stack) - 1; i >= 0; i-- {
		if name := packageOf(stack[i]); name != "runtime" && name != "main" {
			return name, stack[i]
		}
	}
	if len(stack) == 0 {
		return "unknown", "unknown"
	}
	return packageOf(stack[0]), stack[0]
}

// shorten cuts hosts, our module's name, pion's versions and type arguments.
func shorten(f string) string {
	f = strings.TrimPrefix(f, "github.com/whippet-media/whippet/")
	f = strings.TrimPrefix(f, "github.com/")
	f, _, _ = strings.Cut(f, "[")
	if i := strings.Index(f, "/v"); i >= 0 && strings.HasPrefix(f, "pion/") {
		j := i + 2
		for j < len(f) && f[j] >= '0' && f[j] <= '9' {
			j++
		}
		f = f[:i] + f[j:]
	}
	return f
}

// packageOf returns a function's package; all of a module of pion's is one.
func packageOf(f string) string {
	slash := strings.LastIndex(f, "/")
	name, _, _ := strings.Cut(f[slash+1:], ".")
	name = f[:slash+1] + name
	if parts := strings.SplitN(name, "/", 3); parts[0] == "pion" && len(parts) > 2 {
		return parts[0] + "/" + parts[1]
	}
	return name
}
