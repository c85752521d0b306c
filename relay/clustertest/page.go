package clustertest

import (
	"fmt"
	"strings"
	"time"
)

// A row of the table: what it is, for each report.
type row struct {
	name string
	cell func(r *Report) string
}

func rows() []row {
	number := func(of func(*Report) int) func(*Report) string {
		return func(r *Report) string { return group(of(r)) }
	}
	return []row{
		{"nodes", number(func(r *Report) int { return r.Config.Nodes })},
		{"subscribers", number(func(r *Report) int { return r.Joins })},
		{"streams", number(func(r *Report) int { return r.Config.Streams })},
		{"nodes that watch the most popular stream", number(func(r *Report) int { return r.Trees[0].Nodes })},
		{"streams that 200 nodes or more watch", number(func(r *Report) int { return r.wide(200) })},
		{"links", number(func(r *Report) int { return r.Links })},
		{"most links of one stream from its origin; from any node", func(r *Report) string { return fmt.Sprintf("%d; %d", r.Origin, r.FanOut) }},
		{"deepest tree, in links", number(func(r *Report) int { return r.Depth })},
		{"mean depth in the widest", func(r *Report) string { return fmt.Sprintf("%.2f", r.Trees[0].Mean) }},
		{"operations of Redis for a join: mean; most", func(r *Report) string { return fmt.Sprintf("%.2f; %d", r.PerJoin.Mean, r.PerJoin.Most) }},
		{"of those, for a node's first subscriber of a stream", func(r *Report) string { return fmt.Sprintf("%.2f; %d", r.PerColdJoin.Mean, r.PerColdJoin.Most) }},
		{"requests between nodes for such a join: mean; 99th percentile; most", func(r *Report) string {
			return fmt.Sprintf("%.1f; %d; %d", r.Requests.Mean, r.Requests.P99, r.Requests.Most)
		}},
		{"time until the link is there: median; 99th percentile", func(r *Report) string { return seconds(r.Opened.P50) + "; " + seconds(r.Opened.P99) }},
		{"subscribers sent to another node; refused", func(r *Report) string { return group(r.Redirected) + "; " + group(r.Refused) }},
		{"operations of Redis in a quiet second: renewals; nodes' announcements; lists", func(r *Report) string {
			n := int64(quietTime / time.Second)
			return fmt.Sprintf("%d; %d; %d", r.Quiet.Renewals/n, r.Quiet.Announces/n, r.Quiet.Lists/n)
		}},
		{"for packets, and for those who watch", func(r *Report) string { return fmt.Sprint(r.Quiet.Sum() - r.renewals(quietTime).Sum()) }},
		{"nodes that die at once, with their subscribers", func(r *Report) string { return group(r.LostNodes) + "; " + group(r.LostSubscribers) }},
		{"links without media by that", number(func(r *Report) int { return r.Dark })},
		{"time until they have it again: median; 99th percentile; last", func(r *Report) string { return r.Healed.text() }},
		{"the same where the publisher's node died", func(r *Report) string { return r.HealedOrigin.text() }},
		{"requests between nodes meanwhile, in 30 s", number(func(r *Report) int { return r.HealingRequests })},
		{"deepest tree after it", number(func(r *Report) int { return r.HealedDepth })},
	}
}

func (t Times) text() string { return seconds(t.P50) + "; " + seconds(t.P99) + "; " + seconds(t.Most) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// wide is how many streams at least so many nodes watch.
func (r *Report) wide(nodes int) (n int) {
	for _, t := range r.Trees {
		if t.Nodes >= nodes {
			n++
		}
	}
	return n
}

// group writes a number with a comma at each thousand.
func group(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// table has a column for each report.
func table(all ...*Report) string {
	var b strings.Builder
	b.WriteString("|" + strings.Repeat(" |", len(all)+1) + "\n|" + strings.Repeat("---|", len(all)+1) + "\n")
	for _, line := range rows() {
		b.WriteString("| " + line.name + " |")
		for _, r := range all {
			b.WriteString(" " + line.cell(r) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
