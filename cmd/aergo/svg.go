package main

import (
	"bufio"
	"fmt"
	"io"

	"aergo/repo"
)

// Size of a drawn tree, in pixels.
const (
	svgWidth      = 1200.0
	svgHeightMax  = 1600.0
	svgLaneMax    = 24.0
	svgDetailMin  = 0.5 // narrower nodes are drawn as one
	svgTextMin    = 60.0
	svgTextHeight = 10.0
)

// drawing is a tree on its way to an SVG: time runs from left to right, what runs side by
// side lies one below the other.
type drawing struct {
	out   *bufio.Writer
	scale float64 // pixels per unit
	lane  float64 // pixels
}

func drawSchedule(w io.Writer, s repo.Schedule) error {
	d := drawing{out: bufio.NewWriter(w)}
	span := spanOf(s.Root)
	lanes := lanesOf(s.Root)
	d.scale = svgWidth / max(float64(span), 1)
	d.lane = min(svgLaneMax, svgHeightMax/max(float64(lanes), 1))
	fmt.Fprintf(d.out, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="sans-serif" font-size="%.0f">`+"\n",
		svgWidth, d.lane*float64(lanes), svgTextHeight)
	fmt.Fprintf(d.out, "<title>Transactions of block %s, time from left to right</title>\n", s.Block.Short())
	if s.Transactions > 0 {
		d.node(s.Root, 0, 0)
	}
	fmt.Fprintln(d.out, "</svg>")
	return d.out.Flush()
}

// spanOf is the time that a node takes with as many workers as it likes, in units.
func spanOf(n repo.ScheduleNode) uint64 {
	if len(n.Children) == 0 {
		return n.Cost
	}
	span := uint64(0)
	for _, c := range n.Children {
		if n.Kind == "parallel" {
			span = max(span, spanOf(c))
		} else {
			span += spanOf(c)
		}
	}
	return span
}

// lanesOf is the number of leaves that may run at once.
func lanesOf(n repo.ScheduleNode) int {
	if len(n.Children) == 0 {
		return 1
	}
	lanes := 0
	for _, c := range n.Children {
		if n.Kind == "parallel" {
			lanes += lanesOf(c)
		} else {
			lanes = max(lanes, lanesOf(c))
		}
	}
	return lanes
}

// node draws a node with its corner at x pixels and the given lane.
func (d *drawing) node(n repo.ScheduleNode, x float64, lane int) {
	width := float64(spanOf(n)) * d.scale
	if len(n.Children) == 0 || width < svgDetailMin {
		d.leaf(n, x, lane, width)
		return
	}
	for _, c := range n.Children {
		d.node(c, x, lane)
		if n.Kind == "parallel" {
			lane += lanesOf(c)
		} else {
			x += float64(spanOf(c)) * d.scale
		}
	}
}

func (d *drawing) leaf(n repo.ScheduleNode, x float64, lane int, width float64) {
	y, height := float64(lane)*d.lane, d.lane*float64(lanesOf(n))
	// Neighbours in the block get neighbouring colours.
	fmt.Fprintf(d.out, `<rect x="%.2f" y="%.2f" width="%.2f" height="%.2f" fill="hsl(%d,60%%,70%%)" stroke="white" stroke-width="0.5"><title>%s from %d, %d units</title></rect>`+"\n",
		x, y, max(width, svgDetailMin), height, (n.First*47)%360, transactions(uint64(n.Count)), n.First, n.Cost)
	if width >= svgTextMin && height > svgTextHeight {
		fmt.Fprintf(d.out, `<text x="%.2f" y="%.2f">%d-%d</text>`+"\n", x+3, y+height/2+svgTextHeight/3, n.First, n.First+n.Count-1)
	}
}
