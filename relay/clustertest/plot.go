package clustertest

import (
	"fmt"
	"strings"
)

// Sizes of a drawing, in pixels.
const (
	plotWidth, plotHeight = 720, 300
	plotLeft, plotRight   = 60, 20
	plotTop, plotBottom   = 40, 50
	plotTicks             = 5
)

// A plot has points in it, and a line.
type plot struct {
	title, x, y string
	dots, line  [][2]float64
	dotted      string // what the dots are
	lined       string
}

// svg draws the plot.
func (p *plot) svg() string {
	var b strings.Builder
	right, top := p.most(0), p.most(1)
	at := func(v [2]float64) (x, y float64) {
		return plotLeft + v[0]/right*(plotWidth-plotLeft-plotRight), plotHeight - plotBottom - v[1]/top*(plotHeight-plotTop-plotBottom)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/><text x="%d" y="20" font-size="14">%s</text>`+"\n", plotWidth, plotHeight, plotLeft, p.title)
	for i := range plotTicks + 1 {
		share := float64(i) / plotTicks
		x, y := at([2]float64{right * share, top * share})
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.3g</text>`+"\n", plotLeft, y, plotWidth-plotRight, plotLeft-6, y+4, top*share)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%.4g</text>`+"\n", x, plotHeight-plotBottom+18, right*share)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><text x="%d" y="34">%s</text>`+"\n", plotWidth-plotRight, plotHeight-10, p.x, plotLeft, p.y)
	for _, d := range p.dots {
		x, y := at(d)
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2" fill="#1663c7"/>`+"\n", x, y)
	}
	var points []string
	for _, l := range p.line {
		x, y := at(l)
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
	}
	fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="#c7561b" stroke-width="2"/>`+"\n", strings.Join(points, " "))
	for i, text := range []string{p.dotted, p.lined} {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>`+"\n", plotWidth-plotRight, 20+14*i, []string{"#1663c7", "#c7561b"}[i], text)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p *plot) most(axis int) (most float64) {
	for _, all := range [][][2]float64{p.dots, p.line} {
		for _, v := range all {
			most = max(most, v[axis])
		}
	}
	return max(most, 1e-9)
}

// depths draws each tree: its nodes and its depth, with the depth of a full one.
func (r *Report) depths() *plot {
	p := &plot{title: "Depth of each stream's tree", x: "nodes that watch the stream", y: "links", dotted: "deepest node", lined: "of a full tree"}
	most := 0
	for _, t := range r.Trees {
		p.dots = append(p.dots, [2]float64{float64(t.Nodes), float64(t.Depth)})
		most = max(most, t.Nodes)
	}
	for n := 1; n <= most; n += max(1, most/200) {
		p.line = append(p.line, [2]float64{float64(n), float64(leastDepth(n, r.Config.Links))})
	}
	return p
}

// healing draws the share of links without media after the loss.
func (r *Report) healing() *plot {
	p := &plot{title: "Links without media after the loss", x: "seconds", y: "% of all links", lined: "without media"}
	for _, at := range r.Curve {
		p.line = append(p.line, [2]float64{at.At.Seconds(), 100 * at.Share})
		if at.Share == 0 {
			break
		}
	}
	return p
}
