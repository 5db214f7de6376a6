package compare

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// The plot is a panel for each load, of what was measured with two workers, and one of what
// the tree's shape says for more.
const (
	panelWidth  = 250
	panelHeight = 170
	panelGap    = 52
	columns     = 4
	margin      = 50
	topMargin   = 92
)

// curve is a line of a panel. Points go from left to right, evenly spaced.
type curve struct {
	color  string
	values []float64
}

// panel is a part of the plot.
type panel struct {
	title  string
	labels []string // of the points
	top    float64  // the largest value that fits
	step   float64  // between the lines across
	curves []curve
}

// Plot returns results as a picture in SVG.
func Plot(results []Result) []byte {
	var loads []string
	byLoad := map[string][]Result{}
	for _, r := range results {
		if byLoad[r.Load] == nil {
			loads = append(loads, r.Load)
		}
		byLoad[r.Load] = append(byLoad[r.Load], r)
	}
	var measured, predicted []panel
	for _, load := range loads {
		measured = append(measured, measuredPanel(load, byLoad[load]))
		predicted = append(predicted, predictedPanel(load, byLoad[load]))
	}
	rows := (len(loads) + columns - 1) / columns
	second := topMargin + rows*(panelHeight+panelGap) + 56
	var b bytes.Buffer
	width, height := 2*margin+columns*(panelWidth+panelGap)-panelGap, second+rows*(panelHeight+panelGap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" fill="#333">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	text(&b, margin, 26, 15, "Speed-up over serial execution with two workers, by microseconds of work per transaction")
	legend(&b)
	text(&b, margin, second-40, 15, "Speed-up of the tree with checkpoints, by workers, as its shape allows; grey is as many as there are workers")
	for i := range loads {
		x, y := margin+i%columns*(panelWidth+panelGap), i/columns*(panelHeight+panelGap)
		measured[i].draw(&b, x, topMargin+y)
		predicted[i].draw(&b, x, second+y)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// engineColors returns the engines of the plot and their colours.
func engineColors() []struct {
	Engine Engine
	Color  string
} {
	return []struct {
		Engine Engine
		Color  string
	}{{Components, "#b58900"}, {Tree, "#7cb342"}, {Free, "#1e88e5"}, {Checkpoints, "#0b6e4f"}, {Optimistic, "#a23b72"}}
}

func legend(b *bytes.Buffer) {
	x := margin
	for _, e := range engineColors() {
		fmt.Fprintf(b, `<path d="M%d 46h24" stroke="%s" stroke-width="2.5"/>`+"\n", x, e.Color)
		text(b, x+30, 50, 12, string(e.Engine))
		x += 130
	}
}

func measuredPanel(load string, results []Result) panel {
	p := panel{title: load, top: 2.2, step: 0.5}
	for _, r := range results {
		p.labels = append(p.labels, fmt.Sprintf("%d \u00b5s", r.WorkMicroseconds))
	}
	for _, e := range engineColors() {
		c := curve{color: e.Color}
		for _, r := range results {
			c.values = append(c.values, r.Speedup(Lane{e.Engine, 2}))
		}
		p.curves = append(p.curves, c)
	}
	return p
}

// predictedPanel shows the result whose work is next to 10 microseconds.
func predictedPanel(load string, results []Result) panel {
	p := panel{title: load, top: 16, step: 4}
	shown := results[0]
	for _, r := range results {
		if math.Abs(float64(r.WorkMicroseconds-10)) < math.Abs(float64(shown.WorkMicroseconds-10)) {
			shown = r
		}
	}
	p.title += fmt.Sprintf(", %d \u00b5s", shown.WorkMicroseconds)
	ideal, tree := curve{color: "#bbb"}, curve{color: "#0b6e4f"}
	for _, workers := range PredictedWorkers() {
		p.labels = append(p.labels, fmt.Sprint(workers))
		ideal.values = append(ideal.values, float64(workers))
		tree.values = append(tree.values, shown.Predicted[workers])
	}
	p.curves = []curve{ideal, tree}
	return p
}

// draw draws a panel with its upper left corner at (x, y).
func (p *panel) draw(b *bytes.Buffer, x, y int) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="13" font-weight="bold">%s</text>`+"\n", x, y-10, html.EscapeString(p.title))
	for v := 0.0; v <= p.top; v += p.step {
		at := p.height(y, v)
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/>`+"\n", x, at, panelWidth)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", x-6, at+4, v)
	}
	for i, label := range p.labels {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", p.across(x, i), y+panelHeight+16, html.EscapeString(label))
	}
	for _, c := range p.curves {
		b.WriteString(`<path d="`)
		for i, v := range c.values {
			command := 'L'
			if i == 0 {
				command = 'M'
			}
			fmt.Fprintf(b, "%c%.1f %.1f", command, p.across(x, i), p.height(y, v))
		}
		fmt.Fprintf(b, `" fill="none" stroke="%s" stroke-width="2"/>`+"\n", c.color)
		for i, v := range c.values {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%.2f</title></circle>`+"\n", p.across(x, i), p.height(y, v), c.color, v)
		}
	}
}

// across returns where point i stands.
func (p *panel) across(x, i int) float64 {
	return float64(x) + (float64(i)+0.5)*panelWidth/float64(len(p.labels))
}

// height returns where a value stands. What does not fit stands at the edge.
func (p *panel) height(y int, v float64) float64 {
	return float64(y+panelHeight) - max(0, min(v, p.top))/p.top*panelHeight
}

func text(b *bytes.Buffer, x, y, size int, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="%d">%s</text>`+"\n", x, y, size, html.EscapeString(s))
}
