package gateway

import (
	"container/heap"
	"fmt"
	"slices"

	"aergo/repo"
	"aergo/repo/diagram"
	"aergo/repo/object"
)

// Size of the graph, in pixels.
const (
	graphRow  = 60
	graphLane = 16
	graphLeft = 12
	maxLanes  = 12 // drawn side by side; what is beyond runs together

	laneColors = 8
)

// graphLine is a line of the graph: from the edge of a row to its middle, or on to the other edge.
type graphLine struct {
	Path string
	Lane int // which colour
}

// graphStep is a block in the graph.
type graphStep struct {
	Block  repo.Block
	Lines  []graphLine
	X, Y   int
	Lane   int
	Width  int
	Height int
	Merge  bool
	Labels []named

	right int // of all that it draws
}

// graph lays blocks out in lanes. A lane leads down to the block that it holds; one that holds
// none is free.
type graph struct{ lanes []object.Hash }

// step draws a block: lines from above that lead to it or pass by, and lines to its parents.
func (g *graph) step(b repo.Block) graphStep {
	at := slices.Index(g.lanes, b.ID)
	if at < 0 {
		at = g.free()
	}
	s := graphStep{Block: b, X: laneX(at), Y: graphRow / 2, Lane: at % laneColors, right: laneX(at), Height: graphRow, Merge: len(b.Parents) > 1}
	for i, to := range g.lanes {
		switch {
		case to.IsZero():
		case to == b.ID:
			s.line(i, laneX(i), 0, s.X, s.Y)
			g.lanes[i] = object.Hash{}
		default:
			s.line(i, laneX(i), 0, laneX(i), graphRow)
		}
	}
	for i, parent := range b.Parents {
		to := slices.Index(g.lanes, parent)
		switch {
		case to >= 0:
		case i == 0:
			to = at
		default:
			to = g.free()
		}
		for len(g.lanes) <= to {
			g.lanes = append(g.lanes, object.Hash{})
		}
		g.lanes[to] = parent
		s.line(to, s.X, s.Y, laneX(to), graphRow)
	}
	for len(g.lanes) > 0 && g.lanes[len(g.lanes)-1].IsZero() {
		g.lanes = g.lanes[:len(g.lanes)-1]
	}
	return s
}

// free returns a lane that holds nothing.
func (g *graph) free() int {
	if at := slices.Index(g.lanes, object.Hash{}); at >= 0 {
		return at
	}
	g.lanes = append(g.lanes, object.Hash{})
	return len(g.lanes) - 1
}

func laneX(lane int) int { return graphLeft + min(lane, maxLanes)*graphLane }

func (s *graphStep) line(lane, x1, y1, x2, y2 int) {
	path := fmt.Sprintf("M%d %dL%d %d", x1, y1, x2, y2)
	if x1 != x2 {
		middle := (y1 + y2) / 2
		path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, middle, x2, middle, x2, y2)
	}
	s.Lines = append(s.Lines, graphLine{Path: path, Lane: lane % laneColors})
	s.right = max(s.right, x1, x2)
}

// laidOut gives all steps the width of the widest.
func laidOut(steps []graphStep) []graphStep {
	width := 0
	for i := range steps {
		width = max(width, steps[i].right+graphLeft)
	}
	for i := range steps {
		steps[i].Width = width
	}
	return steps
}

// history is what a graph has to draw: lanes that lead down from above, and heads, whose lanes
// begin with them.
type history struct{ lanes, heads []object.Hash }

// graphOf draws a history, at most so many blocks, and returns what is left; ok is false if
// that is nothing.
func (v *visit) graphOf(h history, most int) (steps []graphStep, below history, ok bool, err error) {
	g := graph{lanes: slices.Clone(h.lanes)}
	seen := map[object.Hash]bool{}
	var open diagram.LatestFirst
	add := func(id object.Hash) error {
		if id.IsZero() || seen[id] {
			return nil
		}
		seen[id] = true
		b, err := v.repo.Show(v.ctx, id.String())
		if isLacking(err) {
			return nil // its lane leads out of what this clone has
		}
		if err == nil {
			heap.Push(&open, b)
		}
		return err
	}
	for _, id := range slices.Concat(h.lanes, h.heads) {
		if err := add(id); err != nil {
			return nil, below, false, err
		}
	}
	for open.Len() > 0 && len(steps) < most {
		b := heap.Pop(&open).(repo.Block)
		steps = append(steps, g.step(b))
		for _, p := range b.Parents {
			if err := add(p); err != nil {
				return nil, below, false, err
			}
		}
	}
	below.lanes = g.lanes
	for _, b := range open {
		if !slices.Contains(g.lanes, b.ID) {
			below.heads = append(below.heads, b.ID)
		}
	}
	return laidOut(steps), below, open.Len() > 0, nil
}
