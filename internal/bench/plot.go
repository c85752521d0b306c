package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Sizes of the drawing, in pixels.
const (
	plotWidth, plotHeight    = 720, 300 // of one chart
	plotLeft, plotRight      = 70, 20
	plotTop, plotBottom      = 40, 40
	plotTicks                = 5
	colorServer, colorOther  = "#1663c7", "#c7561b"
	colorServer2, colorThird = "#7fb0ee", "#efb08f"
)

// A series is a line of a chart.
type series struct {
	name, color string
	y           []float64
}

// A chart has the numbers of subscribers on its x axis.
type chart struct {
	title string
	x     []float64
	lines []series
}

// WritePlot draws latency and CPU time over the number of subscribers as SVG.
func (r *Report) WritePlot(to io.Writer) error {
	charts := []chart{r.chartOf("CPU time per delivered packet, µs", cpuLines), r.chartOf("processors used", coreLines), r.chartOf("latency added, ms", latencyLines)}
	var b strings.Builder
	height := plotHeight * len(charts)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, height)
	for i := range charts {
		fmt.Fprintf(&b, `<g transform="translate(0 %d)">`+"\n", i*plotHeight)
		charts[i].draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(to, b.String())
	return err
}

func (r *Report) chartOf(title string, lines func([]Result, string, bool) []series) chart {
	c := chart{title: title}
	var own, other []Result
	for _, p := range r.points() {
		c.x = append(c.x, float64(p.Subscribers*r.Load.Publishers))
		own = append(own, p.Result)
		if p.Baseline != nil {
			other = append(other, *p.Baseline)
		}
	}
	c.lines = lines(own, "", false)
	if len(other) == len(own) && len(own) > 0 {
		c.lines = append(c.lines, lines(other, "baseline ", true)...)
	}
	return c
}

// points are the first server's steps where its capacity was searched for.
func (r *Report) points() []Point {
	if r.Capacity == nil {
		return r.Points
	}
	var all []Point
	for _, step := range r.Capacity.Searches[0].Steps {
		if step.Result != nil {
			all = append(all, Point{Subscribers: step.Subscribers, Result: *step.Result})
		}
	}
	slices.SortStableFunc(all, func(a, b Point) int { return a.Subscribers - b.Subscribers })
	return all
}

func color(main, second string, other bool) string {
	if other {
		return second
	}
	return main
}

func cpuLines(all []Result, name string, other bool) []series {
	return []series{{name + "CPU", color(colorServer, colorOther, other), pick(all, cost(func(c *Cost) float64 { return c.CPUUsPerPacket }))}}
}

func coreLines(all []Result, name string, other bool) []series {
	return []series{{name + "processors", color(colorServer, colorOther, other), pick(all, cost(func(c *Cost) float64 { return c.Cores }))}}
}

func latencyLines(all []Result, name string, other bool) []series {
	return []series{
		{name + "p50", color(colorServer2, colorThird, other), pick(all, always(func(r *Result) float64 { return r.LatencyMs.P50 }))},
		{name + "p99", color(colorServer, colorOther, other), pick(all, always(func(r *Result) float64 { return r.LatencyMs.P99 }))},
	}
}

// pick returns a value of each result, NaN where it has none.
func pick(all []Result, value func(*Result) (float64, bool)) []float64 {
	var out []float64
	for i := range all {
		v, ok := value(&all[i])
		if !ok {
			v = math.NaN()
		}
		out = append(out, v)
	}
	return out
}

func (c *chart) draw(b *strings.Builder) {
	fmt.Fprintf(b, `<text x="%d" y="20" font-size="14">%s</text>`+"\n", plotLeft, c.title)
	top := c.top()
	for i := range plotTicks + 1 {
		v := top * float64(i) / plotTicks
		y := scaleY(v, top)
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.4g</text>`+"\n",
			plotLeft, y, plotWidth-plotRight, plotLeft-6, y+4, v)
	}
	for _, x := range c.x {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", c.scaleX(x), plotHeight-plotBottom+18, x)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">subscribers</text>`+"\n", plotWidth-plotRight, plotHeight-6)
	for i, s := range c.lines {
		c.line(b, s, top)
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>`+"\n", plotWidth-plotRight, 20+14*i, s.color, s.name)
	}
}

// line draws points, and a line from each to the next.
func (c *chart) line(b *strings.Builder, s series, top float64) {
	var points []string
	for i, v := range s.y {
		if math.IsNaN(v) {
			continue
		}
		x, y := c.scaleX(c.x[i]), scaleY(v, top)
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, s.color)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), s.color)
}

// top is the round number where the y axis ends.
func (c *chart) top() float64 {
	highest := 0.0
	for _, s := range c.lines {
		for _, v := range s.y {
			if v > highest { // false for NaN
				highest = v
			}
		}
	}
	if highest == 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, by := range []float64{1, 2, 2.5, 5, 10} {
		if by*step >= highest {
			return by * step
		}
	}
	return 10 * step
}

func (c *chart) scaleX(x float64) float64 {
	low, high := c.x[0], c.x[0]
	for _, v := range c.x {
		low, high = min(low, v), max(high, v)
	}
	const width = plotWidth - plotLeft - plotRight
	if high == low {
		return plotLeft + width/2
	}
	const inset = 20
	return plotLeft + inset + (x-low)/(high-low)*(width-2*inset)
}

func scaleY(v, top float64) float64 {
	const height = plotHeight - plotTop - plotBottom
	return plotHeight - plotBottom - v/top*height
}
