package branch

import (
	"bytes"
	"context"
	"slices"

	"aergo/contract"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/state"
)

// item is one transaction on its way through a stage.
type item struct {
	tx    *object.Transaction
	dict  any
	span  int
	index uint64 // in its batch
	alone bool   // it declared contract.PartAll
}

// decision is what became of an item.
type decision struct {
	verdict   object.Verdict
	exclusion *object.Exclusion
	cost      uint64
}

// reach is one declared access with its row resolved to a slot.
type reach struct {
	field string
	slot  uint32
	part  contract.Part
	mode  contract.Mode
}

// unitKey names a unit inside a stage.
type unitKey struct {
	field string
	slot  uint32
	part  contract.Part
}

// stage is the working memory of one stage: its transactions, the rows they touch and
// what they declared. It is reused from stage to stage.
type stage struct {
	runtime   Runtime
	items     []item
	decisions []decision
	starts    []uint32 // of each item's reaches, and the end
	reaches   []reach
	table     slotTable
	sorted    []uint32 // slots by key
	units     map[unitKey]dtt.Unit
	named     []unit    // by number
	spaces    []space   // of the tree that runs
	changes   []changes // by slot, of the transactions judged last
	lastKey   []byte
	lastSlot  uint32
	builder   dtt.ListBuilder
	hands     []hand     // of the workers
	base      state.Tree // before the stage
	alone     int        // items that run alone
	late      bool       // some of those touched rows that nobody had declared
}

func newStage(runtime Runtime, workers int) *stage {
	s := &stage{runtime: runtime, table: newSlotTable(), units: map[unitKey]dtt.Unit{}, hands: make([]hand, workers)}
	s.reset()
	return s
}

func (s *stage) reset() {
	clear(s.items)
	clear(s.decisions)
	clear(s.units)
	s.named, s.spaces = s.named[:0], s.spaces[:0]
	s.items, s.decisions = s.items[:0], s.decisions[:0]
	s.starts, s.reaches = append(s.starts[:0], 0), s.reaches[:0]
	s.table.reset()
	s.lastKey, s.alone, s.late = nil, 0, false
}

func (s *stage) slot(id uint32) *slot { return s.table.slots[id] }

// add appends a transaction and what it declares.
func (s *stage) add(it item, declared []contract.Access) {
	for i := range declared {
		if declared[i].Part == contract.PartAll {
			it.alone = true
			continue
		}
		s.take(&declared[i])
	}
	if it.alone {
		s.alone++
	}
	sortReaches(s.reaches[s.starts[len(s.items)]:])
	s.items = append(s.items, it)
	s.starts = append(s.starts, uint32(len(s.reaches)))
}

// take appends an access of the transaction that is being added.
func (s *stage) take(a *contract.Access) {
	// Operations of one table all name the same schema row, and each its own row a few
	// times over, so the last key is worth remembering.
	if s.lastKey == nil || !bytes.Equal(a.Key, s.lastKey) {
		s.lastSlot = s.table.intern(a.Key)
		s.lastKey = s.slot(s.lastSlot).key
	}
	sl := s.slot(s.lastSlot)
	if tx := int32(len(s.items)); sl.lastTx != tx {
		sl.lastTx = tx
		sl.touches++
	}
	sl.written = sl.written || a.Mode != contract.Read
	sl.growth.Add(a)
	s.reaches = append(s.reaches, reach{slot: s.lastSlot, part: a.Part, mode: a.Mode, field: a.Field})
}

// sortReaches puts the accesses of one transaction in order. Most have a handful, and in
// order already.
func sortReaches(run []reach) {
	for i := 1; i < len(run); i++ {
		if compareReach(run[i-1], run[i]) > 0 {
			slices.SortFunc(run, compareReach)
			return
		}
	}
}

// load reads the rows as they are before the stage.
func (s *stage) load(ctx context.Context, tree state.Tree, workers int) error {
	s.base = tree
	s.decisions = slices.Grow(s.decisions[:0], len(s.items))[:len(s.items)]
	s.sortSlots()
	slots := s.table.all()
	keys := make([][]byte, len(s.sorted))
	for i, id := range s.sorted {
		keys[i] = slots[id].key
	}
	return tree.GetMany(ctx, keys, workers, func(i int, value []byte, ok bool) error {
		sl := slots[s.sorted[i]]
		sl.before, sl.existed = value, ok
		sl.row, sl.exists = value, ok
		return nil
	})
}

// sortSlots puts the slots in the order of their keys.
func (s *stage) sortSlots() {
	s.sorted = s.sorted[:0]
	slots := s.table.all()
	ascending := true
	for i, sl := range slots {
		s.sorted = append(s.sorted, uint32(i))
		ascending = ascending && (i == 0 || bytes.Compare(slots[i-1].key, sl.key) < 0)
	}
	if !ascending {
		slices.SortFunc(s.sorted, func(a, b uint32) int { return bytes.Compare(slots[a].key, slots[b].key) })
	}
}

// lists gives the access lists in dense units. Rows that only one transaction touches, or
// that all only read, cannot carry a conflict and get no units.
//
// Where a row might outgrow its limit, who comes first decides who fits (see
// contract.Access.GrowBytes): if careful is true, no two changes of such a row commute.
func (s *stage) lists(careful bool) (*dtt.Lists, error) {
	s.builder.Reset()
	s.builder.Grow(len(s.items), len(s.reaches))
	for i := range s.items {
		s.builder.Begin()
		s.passAll(i)
		for _, r := range s.reaches[s.starts[i]:s.starts[i+1]] {
			sl := s.slot(r.slot)
			if !sl.contended() {
				continue
			}
			mode := dttMode(r.mode)
			if careful && r.part == contract.PartRow && mode == dtt.Delta && s.isTight(sl) {
				mode = dtt.Write
			}
			s.builder.Add(s.unitOf(r, i), mode)
		}
	}
	return s.builder.Lists()
}

// passAll adds the unit that stands for the whole state, if any item of the stage touches it:
// those write it, and all others read it.
func (s *stage) passAll(i int) {
	if s.alone == 0 {
		return
	}
	mode := dtt.Read
	if s.items[i].alone {
		mode = dtt.Write
	}
	s.builder.Add(s.unitOf(reach{slot: noSlot, part: contract.PartAll}, i), mode)
}

// noSlot is the slot of what is no row.
const noSlot = 1<<32 - 1

// tight says whether any row of the stage is.
func (s *stage) tight() bool { return slices.ContainsFunc(s.table.all(), s.isTight) }

// isTight says whether the stage might make a row longer than a row may be. By how much
// transactions lengthen rows that they did not declare nobody knows.
func (s *stage) isTight(sl *slot) bool { return sl.tight() || s.alone > 0 && sl.contended() }

// tightLists gives the access lists of consecutive transactions, about to run on the rows
// as they are now, as far as the limit of rows goes: changes of a row that these
// transactions might make too long do not commute.
func (s *stage) tightLists(first, count int) (*dtt.Lists, error) {
	growth := map[uint32]*contract.Growth{}
	for i := first; i < first+count; i++ {
		if s.starts[i] == s.starts[i+1] {
			continue
		}
		s.runtime.Declare(s.items[i].tx, s.items[i].dict, nil, func(a contract.Access) {
			if id, ok := s.table.find(a.Key); ok && a.GrowBytes > 0 && s.isTight(s.slot(id)) {
				g := growth[id]
				if g == nil {
					g = &contract.Growth{}
					growth[id] = g
				}
				g.Add(&a)
			}
		})
	}
	s.builder.Reset()
	for i := first; i < first+count; i++ {
		s.builder.Begin()
		s.passAll(i)
		for _, r := range s.reaches[s.starts[i]:s.starts[i+1]] {
			if r.part != contract.PartRow || growth[r.slot] == nil || len(s.slot(r.slot).row)+growth[r.slot].Bytes() <= state.MaxValueBytes {
				continue
			}
			mode := dtt.Write
			if r.mode == contract.Read {
				mode = dtt.Read
			}
			s.builder.Add(s.unitOf(r, i), mode)
		}
	}
	return s.builder.Lists()
}

// unit is what a unit's number stands for.
type unit struct {
	slot uint32
	tx   uint32 // the first item that declares it
}

func (r reach) unit() unitKey { return unitKey{slot: r.slot, part: r.part, field: r.field} }

// unitOf returns the number of the unit that item i reaches.
func (s *stage) unitOf(r reach, i int) dtt.Unit {
	k := r.unit()
	u, ok := s.units[k]
	if !ok {
		u = dtt.Unit(len(s.units))
		s.units[k] = u
		s.named = append(s.named, unit{slot: r.slot, tx: uint32(i)})
	}
	return u
}

func dttMode(m contract.Mode) dtt.Mode {
	switch m {
	case contract.Read:
		return dtt.Read
	case contract.Delta:
		return dtt.Delta
	}
	return dtt.Write
}

// edits returns what the stage changed, in key order.
func (s *stage) edits() []state.Edit {
	if s.late {
		s.sortSlots()
	}
	var edits []state.Edit
	for _, id := range s.sorted {
		sl := s.slot(id)
		switch {
		case sl.exists && (!sl.existed || !bytes.Equal(sl.row, sl.before)):
			edits = append(edits, state.Edit{Key: sl.key, Value: sl.row})
		case !sl.exists && sl.existed:
			edits = append(edits, state.Edit{Key: sl.key, Delete: true})
		}
	}
	return edits
}
