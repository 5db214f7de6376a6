package branch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"aergo/contract"
	"aergo/dtt"
	"aergo/repo/state"
)

// heat counts, for one stage after another, where transactions meet.
type heat struct {
	Hotness
	stage *stage
	nodes []dtt.Node
	top   int
	from  int // transactions of the stages before
	next  int // the first node that has not been counted

	ids    map[string]int // index in Rows by key; that of the whole state is ""
	totals map[int]int    // of the root, by index in Rows

	// Of the stage: the slots at which each transaction meets others, behind those the whole
	// state as slot number table.count.
	slots []uint32
	ends  []uint32
	units []meeting  // by number of the unit
	reach []dtt.Unit // what each transaction touches of those, and the ends
	upTo  []uint32
	count []int // by slot, of the node that is being counted
	named map[uint32]int
}

// meeting is what the transactions of a stage do to a unit.
type meeting struct {
	transactions         int
	read, delta, written bool
}

// contested says whether two of them do not commute.
func (m meeting) contested() bool {
	return m.transactions > 1 && (m.written || m.read && m.delta)
}

func newHeat(s *stage, tree dtt.Tree, top int) *heat {
	h := &heat{stage: s, ids: map[string]int{}, totals: map[int]int{}, named: map[uint32]int{}}
	h.Claims = map[int][]int{}
	if tree.Len() > 0 {
		h.nodes = make([]dtt.Node, 0, tree.Nodes())
		h.walk(tree.Root())
	}
	h.Counts = make([][]HotCount, len(h.nodes))
	h.top = max(1, min(top, hotRowsMax/max(len(h.nodes), 1)))
	return h
}

func (h *heat) walk(n dtt.Node) {
	h.nodes = append(h.nodes, n)
	for child := range n.Children() {
		h.walk(child)
	}
}

// flush counts what is in the stage, and empties it.
func (h *heat) flush() error {
	s := h.stage
	if len(s.items) == 0 {
		return nil
	}
	h.meet()
	h.gather()
	h.count = append(h.count[:0], make([]int, s.table.count+1)...)
	clear(h.named)
	to := h.from + len(s.items)
	for _, c := range h.hottest(h.from, to, hotStageRows) {
		h.totals[c.Row] += c.Transactions
	}
	for ; h.next < len(h.nodes) && h.nodes[h.next].First() < to; h.next++ {
		n := h.nodes[h.next]
		if n.Kind() == dtt.Cut {
			if err := h.claims(n); err != nil {
				return err
			}
		}
		if h.next == 0 {
			continue // by totals
		}
		if n.First()+n.Len() > to {
			return fmt.Errorf("tree: %w: transactions %d to %d cross a stage", FaultTreeStage, n.First(), n.First()+n.Len()-1)
		}
		h.Counts[h.next] = h.hottest(n.First(), n.First()+n.Len(), h.top)
	}
	h.nameFields()
	h.from = to
	s.reset()
	return nil
}

// meet finds what the transactions of the stage do to each unit that could be contested.
func (h *heat) meet() {
	s := h.stage
	h.units = h.units[:0]
	h.reach, h.upTo = h.reach[:0], append(h.upTo[:0], 0)
	for i := range s.items {
		run := s.reaches[s.starts[i]:s.starts[i+1]]
		for len(run) > 0 {
			// What one transaction does to one unit stands together.
			r, same := run[0], 1
			var does meeting
			for ; ; same++ {
				mode := h.mode(run[same-1])
				does.read = does.read || mode == contract.Read
				does.delta = does.delta || mode == contract.Delta
				does.written = does.written || mode == contract.Write
				if same == len(run) || run[same].unit() != r.unit() {
					break
				}
			}
			run = run[same:]
			if !s.slot(r.slot).contended() {
				continue
			}
			u := s.unitOf(r, i)
			if int(u) == len(h.units) {
				h.units = append(h.units, meeting{})
			}
			m := &h.units[u]
			m.transactions++
			m.read, m.delta = m.read || does.read, m.delta || does.delta
			// Both by one transaction are a write.
			m.written = m.written || does.written || does.read && does.delta
			h.reach = append(h.reach, u)
		}
		h.upTo = append(h.upTo, uint32(len(h.reach)))
	}
}

// mode returns how an access meets others. Changes of a row that it might make too long do
// not commute: see stage.lists. What the row held before the stage is not looked at.
func (h *heat) mode(r reach) contract.Mode {
	if r.part == contract.PartRow && r.mode == contract.Delta && (h.stage.alone > 0 || h.stage.slot(r.slot).growth.Bytes() > state.MaxValueBytes) {
		return contract.Write
	}
	return r.mode
}

// gather finds the rows at which each transaction of the stage meets others.
func (h *heat) gather() {
	s := h.stage
	h.slots, h.ends = h.slots[:0], append(h.ends[:0], 0)
	for i := range s.items {
		from := len(h.slots)
		for _, u := range h.reach[h.upTo[i]:h.upTo[i+1]] {
			slot := s.named[u].slot
			if n := len(h.slots); h.units[u].contested() && (n == from || h.slots[n-1] != slot) {
				h.slots = append(h.slots, slot)
			}
		}
		if s.items[i].alone {
			h.slots = append(h.slots, uint32(s.table.count))
		}
		if len(h.slots) > from || s.alone > 0 && len(s.items) > 1 {
			h.Meeting++
		}
		h.ends = append(h.ends, uint32(len(h.slots)))
	}
}

// hottest returns the rows at which most of some transactions of the stage meet others.
func (h *heat) hottest(from, to, top int) []HotCount {
	var seen []uint32
	for _, slot := range h.slots[h.ends[from-h.from]:h.ends[to-h.from]] {
		if h.count[slot] == 0 {
			seen = append(seen, slot)
		}
		h.count[slot]++
	}
	slices.SortFunc(seen, func(a, b uint32) int { return cmp.Or(cmp.Compare(h.count[b], h.count[a]), cmp.Compare(a, b)) })
	out := make([]HotCount, 0, min(len(seen), top))
	for i, slot := range seen {
		if i < top {
			out = append(out, HotCount{Row: h.row(slot), Transactions: h.count[slot]})
		}
		h.count[slot] = 0
	}
	return out
}

// row returns the index of a slot's row in Rows.
func (h *heat) row(slot uint32) int {
	if id, ok := h.named[slot]; ok {
		return id
	}
	var k []byte
	if int(slot) < h.stage.table.count {
		k = h.stage.slot(slot).key
	}
	id, ok := h.ids[string(k)]
	if !ok {
		id = len(h.Rows)
		h.ids[string(k)] = id
		h.Rows = append(h.Rows, HotRow{Key: slices.Clone(k)})
	}
	h.named[slot] = id
	return id
}

// claims notes the rows that a cut claims. Their names are those of spaces.go.
func (h *heat) claims(n dtt.Node) error {
	s := h.stage
	for _, c := range n.Claims() {
		tx, i := int(c.Unit>>claimBits), int(c.Unit&maxClaimedAt)
		if tx >= len(s.items) || i >= int(s.starts[tx+1]-s.starts[tx]) {
			return fmt.Errorf("tree: %w: a cut claims what nobody declares", FaultTreeCut)
		}
		if row := h.row(s.accessesOf(tx)[i].slot); !slices.Contains(h.Claims[h.next], row) {
			h.Claims[h.next] = append(h.Claims[h.next], row)
		}
	}
	return nil
}

// nameFields adds, to the rows of the stage, the fields that are contested.
func (h *heat) nameFields() {
	for k, u := range h.stage.units {
		id, ok := h.named[k.slot]
		if !ok || k.part != contract.PartField || !h.units[u].contested() {
			continue
		}
		// Behind a byte below a space is a sub-unit: see contract.Access.
		name := k.field
		if end := strings.IndexFunc(name, func(r rune) bool { return r < ' ' }); end >= 0 {
			name = name[:end]
		}
		row := &h.Rows[id]
		if at, has := slices.BinarySearch(row.Fields, name); !has {
			row.Fields = slices.Insert(row.Fields, at, name)
			row.Fields = row.Fields[:min(len(row.Fields), hotFieldsMax)]
		}
	}
}

// result returns what has been found.
func (h *heat) result() *Hotness {
	if len(h.nodes) == 0 {
		return &h.Hotness
	}
	var total []HotCount
	for row, n := range h.totals {
		total = append(total, HotCount{Row: row, Transactions: n})
	}
	slices.SortFunc(total, func(a, b HotCount) int {
		return cmp.Or(cmp.Compare(b.Transactions, a.Transactions), cmp.Compare(a.Row, b.Row))
	})
	h.Counts[0] = total[:min(len(total), hotRootRows)]
	return &h.Hotness
}
