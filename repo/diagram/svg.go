package diagram

import (
	"bufio"
	"fmt"
	"html"
	"io"

	"aergo/repo"
)

// WorkersMax is the most workers that a drawing has lanes for.
const WorkersMax = 64

// Size of a drawn tree, in pixels.
const (
	svgWidth      = 1280.0
	svgMargin     = 28.0
	svgLabels     = 84.0 // left of the lanes
	svgHead       = 104.0
	svgLaneMax    = 34.0
	svgLanesMax   = 640.0
	svgAxis       = 46.0
	svgLegendLine = 24.0
	svgFoot       = 22.0
	svgDetailMin  = 1.5 // narrower leaves are drawn as one with their neighbours
	svgLetterMin  = 14.0
	svgTextMin    = 84.0
)

// svgColors is how many colours the style has for hot rows.
const svgColors = 10

// Style is the style sheet of drawings. It fits light and dark surroundings. The colours of rows are bright enough for
// dark letters on them, and the first ones can be told apart by the colour-blind (Okabe and
// Ito, 2008).
const Style = `text{font-family:ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif;font-size:12px}
.paper{fill:#ffffff}.ink{fill:#1f2328}.soft{fill:#59636e}.lane{fill:#f3f5f7}.line{stroke:#d1d9e0;stroke-width:1}
.title{font-size:20px;font-weight:600}.figures{font-size:13px}.end{text-anchor:end}.mid{text-anchor:middle}
.on{fill:#10151a;font-size:11px;font-weight:600}
.leaf{stroke:#ffffff;stroke-width:1}.crit{fill:none;stroke:#c4002b;stroke-width:2.5}.critbar{fill:#c4002b}.mark{fill:#10151a}
.bound{stroke:#c4002b;stroke-opacity:.6;stroke-width:1.5;stroke-dasharray:5 4}.boundtext{fill:#c4002b}
.cold{fill:#c3ccd5}.other{fill:#9aa7b4}
.h0{fill:#56b4e9}.h1{fill:#f0a32b}.h2{fill:#35b88c}.h3{fill:#e8dc4a}.h4{fill:#d58fb8}
.h5{fill:#ee8a55}.h6{fill:#9a93ee}.h7{fill:#a9c74b}.h8{fill:#5fd0d0}.h9{fill:#c9a27a}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#9198a1}.lane{fill:#161b22}.line{stroke:#30363d}
.leaf{stroke:#0d1117}.crit{stroke:#ff5c72}.critbar{fill:#ff5c72}.bound{stroke:#ff5c72}.boundtext{fill:#ff5c72}.cold{fill:#6b7684}.other{fill:#8b98a6}
}
`

// drawing is a tree on its way to an SVG: time runs from left to right, each worker has a
// lane.
type drawing struct {
	out     *bufio.Writer
	view    *View
	colors  map[*repo.ScheduleRow]string // classes
	drawn   map[string]bool              // classes that have been used
	span    uint64
	workers int
	scale   float64 // pixels per unit
	lane    float64 // pixels from one lane to the next
}

// Options say how a tree is drawn.
type Options struct {
	// Workers is how many lanes there are, from 1 to WorkersMax.
	Workers int
	// Inline leaves the style and the paper out, for pages that have Style in their own.
	Inline bool
}

// Draw draws how so many workers run a block, as SVG. It fails as w does.
func Draw(w io.Writer, s repo.Schedule, o Options) error {
	workers := min(max(o.Workers, 1), WorkersMax)
	d := drawing{out: bufio.NewWriter(w), view: NewView(s), colors: map[*repo.ScheduleRow]string{}, drawn: map[string]bool{}, workers: workers}
	for i, row := range d.view.Hot[:min(len(d.view.Hot), svgColors)] {
		d.colors[row.ScheduleRow] = fmt.Sprintf("h%d", i)
	}
	var shifts []Shift
	if s.Transactions > 0 {
		shifts = Shifts(&s.Root, workers)
	}
	for i := range shifts {
		d.span = max(d.span, shifts[i].End)
	}
	d.scale = (svgWidth - 2*svgMargin - svgLabels) / max(float64(d.span), 1)
	d.lane = min(svgLaneMax, svgLanesMax/float64(workers))
	legend := d.legendLines()
	height := d.bottom() + svgAxis + float64(legend)*svgLegendLine + svgFoot
	d.printf(`<svg class="dtt" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f">`+"\n", svgWidth, height, svgWidth, height)
	d.printf("<title>Transactions of block %s, time from left to right</title>\n", s.Block.Short())
	if !o.Inline {
		d.printf("<style>\n%s</style>\n"+`<rect class="paper" width="100%%" height="100%%"/>`+"\n", Style)
	}
	d.head(s)
	if s.Transactions > 0 {
		d.lanes()
		d.leaves(shifts)
		d.axis(s)
		d.legend(s)
	}
	d.printf("</svg>\n")
	return d.out.Flush()
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

func (d *drawing) text(x, y float64, class, text string) {
	d.printf(`<text class="%s" x="%.1f" y="%.1f">%s</text>`+"\n", class, x, y, html.EscapeString(clean(text)))
}

func (d *drawing) x(units uint64) float64 { return svgMargin + svgLabels + float64(units)*d.scale }
func (d *drawing) y(worker int) float64   { return svgHead + float64(worker)*d.lane }
func (d *drawing) bottom() float64        { return d.y(d.workers) }

// head writes the title and the figures.
func (d *drawing) head(s repo.Schedule) {
	d.text(svgMargin, 38, "ink title", fmt.Sprintf("Block %s at height %s", s.Block.Short(), number(s.Height)))
	if s.Transactions == 0 {
		d.text(svgMargin, 62, "soft figures", "It has no transactions.")
		return
	}
	cuts := ""
	if s.Cuts > 0 {
		cuts = ", " + count(uint64(s.Cuts), "cut", "")
	}
	d.text(svgMargin, 62, "soft figures", fmt.Sprintf("%s, of which %s meet others; %s%s; %s of work, critical path %s: at most %.2f times as fast as one worker",
		transactions(uint64(s.Transactions)), number(uint64(s.Meeting)), count(uint64(s.Leaves), "leaf", "leaves"), cuts,
		count(s.Work, "unit", ""), number(s.CriticalPath), s.Bound()))
	d.text(svgMargin, 82, "ink figures", fmt.Sprintf("%s: %s, %.2f times as fast as one, %.0f%% busy",
		count(uint64(d.workers), "worker", ""), count(d.span, "unit", ""), float64(s.Work)/float64(max(d.span, 1)),
		100*float64(s.Work)/float64(max(d.span, 1))/float64(d.workers)))
}

// lanes draws where the leaves of each worker go.
func (d *drawing) lanes() {
	for w := range d.workers {
		y := d.y(w)
		d.printf(`<rect class="lane" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"/>`+"\n", d.x(0), y+1, d.x(d.span)-d.x(0), d.lane-2)
		if d.lane >= svgLetterMin {
			d.text(svgMargin, y+d.lane/2+4, "soft", "worker "+number(uint64(w+1)))
		}
	}
}

// block is leaves of a worker that are drawn as one.
type block struct {
	from, to uint64 // units
	class    string
	critical bool
	claimed  bool
	leaf     *repo.ScheduleNode // if it is only one
	leaves   int
	row      *repo.ScheduleRow // where most meet
	count    int               // transactions
}

// leaves draws what the workers do. What is too narrow to be seen is drawn together, so that
// the drawing is bounded by its width.
func (d *drawing) leaves(shifts []Shift) {
	open := make([]*block, d.workers)
	for i := range shifts {
		sh := &shifts[i]
		next := d.blockOf(sh)
		last := open[sh.Worker]
		narrow := func(b *block) bool { return float64(b.to-b.from)*d.scale < svgDetailMin }
		if last != nil && (narrow(last) || narrow(next)) && float64(sh.Start-last.to)*d.scale < svgDetailMin/4 &&
			(last.class == next.class && last.critical == next.critical || narrow(last)) {
			if next.to-next.from > last.to-last.from {
				last.class, last.row = next.class, next.row
			}
			last.to, last.leaf = next.to, nil
			last.leaves += next.leaves
			last.count += next.count
			last.critical = last.critical || next.critical
			continue
		}
		if last != nil {
			d.block(last, sh.Worker)
		}
		open[sh.Worker] = next
	}
	for w, b := range open {
		if b != nil {
			d.block(b, w)
		}
	}
}

func (d *drawing) blockOf(sh *Shift) *block {
	b := &block{from: sh.Start, to: sh.End, class: "cold", critical: sh.Leaf.Critical, claimed: sh.Claimed, leaf: sh.Leaf, leaves: 1, count: sh.Leaf.Count}
	if hot := sh.Leaf.Hot; len(hot) > 0 && hot[0].Transactions*hotShareMin >= sh.Leaf.Count {
		b.row = hot[0].ScheduleRow
		if b.class = d.colors[b.row]; b.class == "" {
			b.class = "other"
		}
	}
	return b
}

func (d *drawing) block(b *block, worker int) {
	x, y := d.x(b.from), d.y(worker)+2
	width, height := max(d.x(b.to)-x, svgDetailMin/2), d.lane-4
	round := min(3, width/4)
	about := fmt.Sprintf("%s in %s, %s", transactions(uint64(b.count)), count(uint64(b.leaves), "leaf", "leaves"), count(b.to-b.from, "unit", ""))
	if b.leaf != nil {
		about = fmt.Sprintf("%s: %s, %s", label(b.leaf, 0), transactions(uint64(b.count)), count(b.leaf.Cost, "unit", ""))
		for _, row := range b.leaf.Hot {
			about += fmt.Sprintf("\n%s meet at %s", number(uint64(row.Transactions)), clean(HotName(row.ScheduleRow)))
		}
	}
	d.drawn[b.class] = true
	edge := "leaf "
	if width < 2*svgDetailMin {
		edge = ""
	}
	d.printf(`<g><title>%s</title><rect class="%s%s" x="%.2f" y="%.2f" width="%.2f" height="%.2f" rx="%.1f"/>`,
		html.EscapeString(about), edge, b.class, x, y, width, height, round)
	switch {
	case b.critical && width < svgLetterMin/2:
		d.printf(`<rect class="critbar" x="%.2f" y="%.2f" width="%.2f" height="%.1f"/>`, x, y, width, min(4, height/3))
	case b.critical:
		d.printf(`<rect class="crit" x="%.2f" y="%.2f" width="%.2f" height="%.2f" rx="%.1f"/>`, x+1.25, y+1.25, width-2.5, height-2.5, round)
	}
	if b.claimed && b.leaf != nil && width >= svgLetterMin && height >= svgLetterMin {
		d.printf(`<path class="mark" d="M%.2f %.2fl5 %.2fl-5 %.2fz"/>`, x+2.5, y+height/2-5, 5.0, 5.0)
	}
	d.printf("</g>\n")
	if b.leaf == nil || height < svgLetterMin {
		return
	}
	letter := d.view.Letters[b.row]
	switch {
	case width >= svgTextMin:
		if letter != "" {
			letter += "  "
		}
		d.text(x+width/2, y+height/2+4, "on mid", letter+label(b.leaf, 0))
	case letter != "" && width >= svgLetterMin+8:
		d.text(x+width/2+2, y+height/2+4, "on mid", letter)
	}
}

// axis draws the scale of time, and where any number of workers would be done.
func (d *drawing) axis(s repo.Schedule) {
	y := d.bottom() + 4
	d.printf(`<path class="line" d="M%.1f %.1fH%.1f"/>`+"\n", d.x(0), y, d.x(d.span))
	step := tickOf(d.span)
	for at := uint64(0); at <= d.span; at += step {
		d.printf(`<path class="line" d="M%.1f %.1fv5"/>`+"\n", d.x(at), y)
		if svgWidth-d.x(at) < svgMargin+6 {
			d.text(svgWidth-svgMargin+6, y+18, "soft end", number(at))
		} else {
			d.text(d.x(at), y+18, "soft mid", number(at))
		}
	}
	d.text(svgMargin, y+18, "soft", "units")
	x := d.x(min(s.CriticalPath, d.span))
	d.printf(`<path class="bound" d="M%.1f %.1fV%.1f"/>`+"\n", x, svgHead-6, y)
	where, at := "boundtext", x+5
	if x > svgWidth/2 {
		where, at = "boundtext end", x
	}
	d.text(at, svgHead-8, where, "critical path")
}

// tickOf returns a round number of units of which there are four to ten in a span.
func tickOf(span uint64) uint64 {
	step := uint64(1)
	for {
		for _, factor := range []uint64{1, 2, 5} {
			if step > span/10/factor {
				return max(step*factor, 1)
			}
		}
		step *= 10
	}
}

// svgLegendColumns is in how many columns the legend stands.
const svgLegendColumns = 2

// legendLines returns how many lines the legend has: rows, and one for the rest.
func (d *drawing) legendLines() int {
	return (len(d.colors)+svgLegendColumns-1)/svgLegendColumns + 1
}

// legend says what the colours are.
func (d *drawing) legend(s repo.Schedule) {
	top := d.bottom() + svgAxis
	width := (svgWidth - 2*svgMargin) / svgLegendColumns
	lines := d.legendLines() - 1
	for i, row := range d.view.Hot[:len(d.colors)] {
		x, y := svgMargin+float64(i/max(lines, 1))*width, top+float64(i%max(lines, 1))*svgLegendLine
		d.printf(`<rect class="%s" x="%.1f" y="%.1f" width="16" height="16" rx="3"/>`, d.colors[row.ScheduleRow], x, y)
		d.text(x+8, y+12.5, "on mid", d.view.Letters[row.ScheduleRow])
		d.text(x+24, y+12.5, "ink", shortHotName(row.ScheduleRow)+": "+number(uint64(row.Transactions))+" meet")
	}
	x, y := svgMargin, top+float64(lines)*svgLegendLine+6
	for _, item := range []struct {
		shown        bool
		shape, words string
	}{
		{d.drawn["cold"], `<rect class="cold" x="%.1f" y="%.1f" width="16" height="16" rx="3"/>`, "few meet at any row"},
		{d.drawn["other"], `<rect class="other" x="%.1f" y="%.1f" width="16" height="16" rx="3"/>`, "most meet at another row"},
		{true, `<rect class="crit" x="%.1f" y="%.1f" width="16" height="16" rx="3"/>`, "critical path"},
		{s.Cuts > 0, `<path class="ink" d="M%.1f %.1fm4 3l7 5l-7 5z"/>`, "begins at once, with rows as the tree claims"},
	} {
		if !item.shown {
			continue
		}
		d.printf(item.shape+"\n", x, y)
		d.text(x+24, y+12.5, "soft", item.words)
		x += 54 + 6.4*float64(len(item.words))
	}
}

// shortHotName is HotName without the middle of what is long.
func shortHotName(row *repo.ScheduleRow) string {
	name := ShortRowName(row)
	if len(row.Fields) > 0 {
		name += " " + row.Fields[0]
	}
	if len(row.Fields) > 1 {
		name += " and others"
	}
	return name
}
