package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// A Breakdown says to whom a subscriber's memory and goroutines belong. All values are
// growth from before the first join to the end of the window, for each subscriber.
type Breakdown struct {
	Resident   []Share `json:"resident"`   // parts of resident memory; they add up
	Heap       []Share `json:"heap"`       // the live heap after a collection, by package
	Sites      []Share `json:"sites"`      // the same by function, the largest
	Goroutines []Share `json:"goroutines"` // by the function that started them
}

// A Share is one owner's part.
type Share struct {
	Name  string  `json:"name"`
	KB    float64 `json:"kb"`    // 1 KB is 1000 bytes
	Count float64 `json:"count"` // of allocations or goroutines
}

const (
	// leastShare is what is still worth a line, in KB and in goroutines.
	leastShare, leastCount = 0.25, 0.02

	// maxSites is how many functions are listed.
	maxSites = 25

	// breakdownRate is the mean of bytes between two samples of a node that is started
	// for a breakdown: fine enough for what one subscriber has.
	breakdownRate = 4096
)

// An anatomy is a process's memory at one time.
type anatomy struct {
	resident   int64
	running    *heapProfile // statistics as they were
	collected  *heapProfile // after a garbage collection
	goroutines map[string]weight
}

// dissect asks the admin address. The statistics come first: a collection changes them.
func (t *target) dissect(ctx context.Context) (*anatomy, error) {
	if t.pid == 0 || t.admin == "" {
		return nil, errors.New("the server has no process or admin address to ask")
	}
	u, err := readUsage(t.pid)
	if err != nil {
		return nil, err
	}
	a := &anatomy{resident: u.resident}
	if a.running, err = t.heap(ctx, "heap?debug=1"); err != nil {
		return nil, err
	}
	if a.collected, err = t.heap(ctx, "heap?debug=1&gc=1"); err != nil {
		return nil, err
	}
	text, err := t.get(ctx, "/debug/pprof/goroutine?debug=2", maxProfile)
	a.goroutines = goroutinesBy(text)
	return a, err
}

func (t *target) heap(ctx context.Context, path string) (*heapProfile, error) {
	text, err := t.get(ctx, "/debug/pprof/"+path, maxProfile)
	if err != nil {
		return nil, err
	}
	return parseHeap(text)
}

// since compares two anatomies.
func (a *anatomy) since(before *anatomy, subscribers int) *Breakdown {
	each := 1 / float64(subscribers)
	return &Breakdown{
		Resident:   a.parts().minus(before.parts()).shares(each),
		Heap:       largest(a.collected.owners, before.collected.owners, each, len(a.collected.owners)),
		Sites:      largest(a.collected.sites, before.collected.sites, each, maxSites),
		Goroutines: largest(a.goroutines, before.goroutines, each, maxSites),
	}
}

// A part is a summand of resident memory.
type part struct {
	name  string
	bytes float64
}

type parts []part

// parts follow runtime.MemStats.
func (a *anatomy) parts() parts {
	now, live := a.running.stats, a.collected.stats["HeapAlloc"]
	p := parts{
		{"heap, live", live},
		{"heap, garbage not yet collected", now["HeapAlloc"] - live},
		{"heap, gaps between objects", now["HeapInuse"] - now["HeapAlloc"]},
		{"heap, free and kept", now["HeapIdle"] - now["HeapReleased"]},
		{"stacks", now["Stack"]},
		{"runtime's own", now["MSpan"] + now["MCache"] + now["GCSys"] + now["OtherSys"]},
		{"the heap profile's own", now["BuckHashSys"]},
	}
	rest := float64(a.resident)
	for _, one := range p {
		rest -= one.bytes
	}
	return append(p, part{"the rest: program text, pages not touched (less)", rest})
}

func (p parts) minus(o parts) parts {
	out := slices.Clone(p)
	for i := range out {
		out[i].bytes -= o[i].bytes
	}
	return out
}

func (p parts) shares(each float64) (all []Share) {
	for _, one := range p {
		all = append(all, Share{Name: one.name, KB: one.bytes * each / 1000})
	}
	return all
}

// largest returns up to most owners by what they gained, those that lost included:
// memory that changes its owner shows.
func largest(after, before map[string]weight, each float64, most int) []Share {
	var all []Share
	names := maps.Clone(after)
	maps.Copy(names, before)
	for name := range names {
		a, b := after[name], before[name]
		s := Share{name, (a.bytes - b.bytes) * each / 1000, (a.count - b.count) * each}
		if s.KB > leastShare || s.KB < -leastShare || a.bytes == 0 && b.bytes == 0 && s.Count > leastCount {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.KB, a.KB), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return all[:min(len(all), most)]
}

// write writes the breakdown as tables.
func (b *Breakdown) write(to io.Writer, server Server) error {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s, of each subscriber\tKB\tcount\t\n", server)
	for _, section := range []struct {
		name   string
		shares []Share
		bytes  bool
	}{
		{"resident memory", b.Resident, true},
		{"live heap by package", b.Heap, true},
		{"live heap by function", b.Sites, true},
		{"goroutines by who started them", b.Goroutines, false},
	} {
		total := Share{}
		for _, s := range section.shares {
			total.KB += s.KB
			total.Count += s.Count
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", section.name, amount(total.KB, section.bytes), amount(total.Count, true))
		for _, s := range section.shares {
			fmt.Fprintf(w, "  %s\t%s\t%s\t\n", s.Name, amount(s.KB, section.bytes), amount(s.Count, s.Count != 0))
		}
	}
	return w.Flush()
}

func amount(v float64, known bool) string {
	if !known {
		return ""
	}
	return fmt.Sprintf("%.1f", v)
}
