package diagram

import (
	"cmp"
	"slices"
	"strings"

	"aergo/repo"
)

// Limits of the tree in text: what is beyond them is counted.
const (
	treeLines    = 24 // branches that are drawn
	treeBranches = 8  // of one branch
	treeShareMin = 12 // a branch is opened if it is one of so many parts of the work
	hotUnasked   = 5  // hot rows that have letters though the tree does not speak of them
	hotShareMin  = 10 // a branch is hot where a transaction of so many is
	hotNamed     = 2  // rows that a branch is said to be hot at
	claimsNamed  = 2  // rows that a branch is said to begin with
	keyPartMax   = 20 // characters of a part of a key, where there is little room

	hotShareListed = 1000 // a row is worth a letter where a transaction of so many meets others
)

// View is a tree as it is drawn in text: the dearest branches, and what is left counted.
type View struct {
	Lines   []Line
	Hot     []repo.HotRow                // rows that have letters, most transactions first
	Letters map[*repo.ScheduleRow]string // their names
	spoken  map[*repo.ScheduleRow]bool   // rows that lines speak of
	opened  map[*repo.ScheduleNode][]int // which branches of a node are drawn, ascending
}

// Line is a branch, or what is left of one.
type Line struct {
	Prefix string // lines that lead to it
	Label  string // what it is: a leaf by the positions of its transactions
	Note   string // where most of its transactions meet, and what it starts from
	Count  uint64 // transactions
	Cost   uint64 // units
	Span   uint64 // units that any number of workers needs
}

// part is a branch below a node.
type part struct {
	node   *repo.ScheduleNode
	claims []*repo.ScheduleRow // what it starts from
}

// partsOf returns the branches of a node. Cuts inside a cut are cuts of the whole.
func partsOf(n *repo.ScheduleNode) []part {
	parts := make([]part, 0, len(n.Children))
	for i := range n.Children {
		c := &n.Children[i]
		if n.Kind != "cut" || c.Kind != "cut" {
			parts = append(parts, part{node: c})
		} else {
			parts = append(parts, partsOf(c)...)
		}
		if i == 0 && n.Kind == "cut" {
			defer func(second int) { parts[second].claims = n.Claims }(len(parts))
		}
	}
	return parts
}

// NewView chooses what of a tree is drawn.
func NewView(s repo.Schedule) *View {
	v := &View{Letters: map[*repo.ScheduleRow]string{}, spoken: map[*repo.ScheduleRow]bool{}, opened: map[*repo.ScheduleNode][]int{}}
	v.open(&s.Root)
	// Which rows get letters shows when the tree has been drawn once without.
	v.branch(part{node: &s.Root}, "", "")
	for i, row := range s.Hot {
		if notable := row.Transactions*hotShareListed >= s.Transactions; i < hotUnasked && notable || v.spoken[row.ScheduleRow] {
			v.Letters[row.ScheduleRow] = string(rune('A' + len(v.Hot)))
			v.Hot = append(v.Hot, row)
		}
	}
	v.Lines = v.Lines[:0]
	v.branch(part{node: &s.Root}, "", "")
	return v
}

// open chooses what is drawn: the dearest branches of the dearest branches, as many as there
// is room for, and the critical path.
func (v *View) open(root *repo.ScheduleNode) {
	room := treeLines
	for queue := []*repo.ScheduleNode{root}; len(queue) > 0 && room > 0; {
		n := queue[0]
		queue = queue[1:]
		parts := partsOf(n)
		if len(parts) == 0 || n.Cost*treeShareMin < root.Cost {
			continue
		}
		order := make([]int, len(parts))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			if x, y := parts[a].node, parts[b].node; x.Critical == y.Critical {
				return cmp.Compare(y.Cost, x.Cost)
			} else if x.Critical {
				return -1
			}
			return 1
		})
		// One that is left over takes as much room as saying so.
		if limit := min(treeBranches, room); len(order) > limit+1 {
			order = order[:limit]
		}
		room -= len(order)
		for _, i := range order {
			queue = append(queue, parts[i].node)
		}
		slices.SortStableFunc(queue, func(a, b *repo.ScheduleNode) int { return cmp.Compare(b.Cost, a.Cost) })
		if n.Kind != "parallel" {
			slices.Sort(order)
		}
		v.opened[n] = order
	}
}

// branch adds the lines of a branch. prefix stands before it, below before what it consists of.
func (v *View) branch(p part, prefix, below string) {
	parts := partsOf(p.node)
	v.Lines = append(v.Lines, Line{prefix, label(p.node, len(parts)), v.note(p), uint64(p.node.Count), p.node.Cost, p.node.Span})
	opened := v.opened[p.node]
	if len(opened) == 0 {
		return
	}
	var rows []func(prefix, below string)
	var heavy []bool
	add := func(critical bool, row func(prefix, below string)) {
		rows, heavy = append(rows, row), append(heavy, critical)
	}
	for _, i := range opened {
		add(parts[i].node.Critical, func(prefix, below string) { v.branch(parts[i], prefix, below) })
	}
	if rest := without(parts, opened); len(rest) > 0 {
		isCritical := slices.ContainsFunc(rest, func(p part) bool { return p.node.Critical })
		add(isCritical, func(prefix, _ string) { v.fold(rest, p.node.Kind, prefix) })
	}
	for i, row := range rows {
		corner, line := boxes(heavy[i], slices.Contains(heavy[i+1:], true), i+1 < len(rows))
		row(below+corner, below+line)
	}
}

// boxes returns the lines before a branch and before what it consists of.
func boxes(heavy, heavyBelow, more bool) (corner, line string) {
	switch {
	case heavyBelow && heavy:
		return "┣━ ", "┃  "
	case heavyBelow:
		return "┠─ ", "┃  "
	case more && heavy:
		return "┡━ ", "│  "
	case more:
		return "├─ ", "│  "
	case heavy:
		return "┗━ ", "   "
	}
	return "└─ ", "   "
}

func without(parts []part, opened []int) []part {
	shown := make(map[int]bool, len(opened))
	for _, i := range opened {
		shown[i] = true
	}
	var rest []part
	for i, p := range parts {
		if !shown[i] {
			rest = append(rest, p)
		}
	}
	return rest
}

// fold adds the line of branches that are not drawn.
func (v *View) fold(parts []part, kind, prefix string) {
	l := Line{Prefix: prefix, Label: "and " + number(uint64(len(parts))) + " more"}
	longest := uint64(0)
	for _, p := range parts {
		l.Count += uint64(p.node.Count)
		l.Cost += p.node.Cost
		longest = max(longest, p.node.Span)
		l.Span += p.node.Span
	}
	if kind != "series" {
		l.Span = longest
	}
	l.Note = "longest " + count(longest, "unit", "")
	v.Lines = append(v.Lines, l)
}

// label says what a branch is: a leaf by the positions of its transactions.
func label(n *repo.ScheduleNode, parts int) string {
	switch n.Kind {
	case "series":
		return number(uint64(parts)) + " in order"
	case "parallel":
		return number(uint64(parts)) + " side by side"
	case "cut":
		return number(uint64(parts)) + " at once, by cuts"
	}
	if n.Count == 1 {
		return number(uint64(n.First))
	}
	return number(uint64(n.First)) + "–" + number(uint64(n.First+n.Count-1))
}

// note says where most transactions of a branch meet others, or else how long it takes at
// least, and what it starts from.
func (v *View) note(p part) string {
	var words []string
	for _, row := range p.node.Hot[:min(len(p.node.Hot), hotNamed)] {
		if row.Transactions*hotShareMin >= p.node.Count {
			words = append(words, v.name(row.ScheduleRow)+" "+number(uint64(row.Transactions)))
		}
	}
	text := strings.Join(words, ", ")
	if text == "" && len(p.node.Children) > 0 {
		text = "path " + count(p.node.Span, "unit", "")
	}
	if len(p.claims) == 0 {
		return text
	}
	names := make([]string, 0, claimsNamed)
	for _, row := range p.claims[:min(len(p.claims), claimsNamed)] {
		names = append(names, v.name(row))
	}
	slices.Sort(names)
	if text != "" {
		text += "; "
	}
	text += "from " + strings.Join(names, ", ")
	if more := len(p.claims) - len(names); more > 0 {
		text += " +" + number(uint64(more))
	}
	return text
}

// name is the letter of a hot row, or else its name.
func (v *View) name(row *repo.ScheduleRow) string {
	v.spoken[row] = true
	if letter := v.Letters[row]; letter != "" {
		return letter
	}
	return ShortRowName(row)
}

// RowName is a row as people write it.
func RowName(row *repo.ScheduleRow) string {
	switch {
	case row.Table == "":
		return "the whole state"
	case len(row.Key) == 0:
		return "the columns of " + row.Table
	}
	return rowName(row.Table, row.Key)
}

// ShortRowName is RowName without the middle of what is long.
func ShortRowName(row *repo.ScheduleRow) string {
	if row.Table == "" || len(row.Key) == 0 {
		return RowName(row)
	}
	names := make([]string, len(row.Key))
	for i, c := range row.Key {
		name := []rune(c.String())
		if len(name) > keyPartMax {
			name = slices.Concat(name[:keyPartMax/2], []rune("…"), name[len(name)-keyPartMax/4:])
		}
		names[i] = string(name)
	}
	return row.Table + "/" + strings.Join(names, ",")
}

// HotName is a row with the fields at which transactions meet.
func HotName(row *repo.ScheduleRow) string {
	if len(row.Fields) == 0 {
		return RowName(row)
	}
	return RowName(row) + " (" + strings.Join(row.Fields, ", ") + ")"
}
