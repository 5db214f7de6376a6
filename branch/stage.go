package branch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"aergo/contract"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/state"
)

// slot is one row that a stage touches.
type slot struct {
	key     []byte
	before  []byte // as the stage found it
	existed bool
	row     []byte // as it is now; never changed in place
	exists  bool

	lastTx  int32 // last transaction that declared it, while analysing
	touches int32 // transactions that declare it
	written bool  // some access is not a Read
	growth  int   // bytes by which the stage may lengthen it
	mu      sync.Mutex
}

// reach is one declared access with its row resolved to a slot.
type reach struct {
	slot  uint32
	part  contract.Part
	mode  contract.Mode
	field string
}

// unitKey names a unit inside a stage.
type unitKey struct {
	slot  uint32
	part  contract.Part
	field string
}

// stage is the working memory of one stage: its transactions, the rows they touch and
// what they declared. It is reused from stage to stage.
type stage struct {
	runtime   Runtime
	items     []item
	decisions []decision
	starts    []uint32 // of each item's reaches, and the end
	reaches   []reach
	slots     []*slot
	index     map[string]uint32
	sorted    []uint32 // slots by key
	units     map[unitKey]dtt.Unit
	lastKey   []byte
	lastSlot  uint32
	builder   dtt.ListBuilder
	scratch   sync.Pool
}

func newStage(runtime Runtime) *stage {
	return &stage{
		runtime: runtime, index: map[string]uint32{}, units: map[unitKey]dtt.Unit{},
		scratch: sync.Pool{New: func() any { return new(contract.Outcome) }},
	}
}

func (s *stage) reset() {
	s.items, s.decisions = s.items[:0], s.decisions[:0]
	s.starts, s.reaches = append(s.starts[:0], 0), s.reaches[:0]
	s.slots, s.sorted, s.lastKey = nil, s.sorted[:0], nil
	clear(s.index)
	clear(s.units)
}

// add appends a transaction and what it declares. One that is decided already declares
// nothing, since it does not run.
func (s *stage) add(it item, decided bool) {
	tx := int32(len(s.items))
	if !decided {
		s.runtime.Declare(it.tx, it.dict, func(a contract.Access) { s.declare(tx, a) })
		slices.SortFunc(s.reaches[s.starts[tx]:], compareReach)
	}
	s.items = append(s.items, it)
	s.starts = append(s.starts, uint32(len(s.reaches)))
}

func (s *stage) declare(tx int32, a contract.Access) {
	id := s.intern(a.Key)
	sl := s.slots[id]
	if sl.lastTx != tx {
		sl.lastTx = tx
		sl.touches++
	}
	sl.written = sl.written || a.Mode != contract.Read
	sl.growth += a.GrowBytes
	s.reaches = append(s.reaches, reach{slot: id, part: a.Part, mode: a.Mode, field: a.Field})
}

// intern returns the slot of a row. Operations of one table all name the same schema row
// and each its own row a few times over, so the last key is worth remembering.
func (s *stage) intern(k []byte) uint32 {
	if s.lastKey != nil && bytes.Equal(k, s.lastKey) {
		return s.lastSlot
	}
	id, ok := s.index[string(k)]
	if !ok {
		id = uint32(len(s.slots))
		own := bytes.Clone(k)
		s.slots = append(s.slots, &slot{key: own, lastTx: -1})
		s.index[string(own)] = id
	}
	s.lastKey, s.lastSlot = s.slots[id].key, id
	return id
}

// load reads the rows as they are before the stage.
func (s *stage) load(ctx context.Context, tree state.Tree, workers int) error {
	s.decisions = slices.Grow(s.decisions[:0], len(s.items))[:len(s.items)]
	clear(s.decisions)
	s.sorted = s.sorted[:0]
	ascending := true
	for i := range s.slots {
		s.sorted = append(s.sorted, uint32(i))
		ascending = ascending && (i == 0 || bytes.Compare(s.slots[i-1].key, s.slots[i].key) < 0)
	}
	if !ascending {
		slices.SortFunc(s.sorted, func(a, b uint32) int { return bytes.Compare(s.slots[a].key, s.slots[b].key) })
	}
	keys := make([][]byte, len(s.sorted))
	for i, id := range s.sorted {
		keys[i] = s.slots[id].key
	}
	return tree.GetMany(ctx, keys, workers, func(i int, value []byte, ok bool) error {
		sl := s.slots[s.sorted[i]]
		sl.before, sl.existed = value, ok
		sl.row, sl.exists = value, ok
		return nil
	})
}

// lists gives the access lists in dense units. Rows that only one transaction touches, or
// that all only read, cannot carry a conflict and get no units.
func (s *stage) lists() (*dtt.Lists, error) {
	s.builder.Reset()
	s.builder.Grow(len(s.items), len(s.reaches))
	for i := range s.items {
		s.builder.Begin()
		for _, r := range s.reaches[s.starts[i]:s.starts[i+1]] {
			sl := s.slots[r.slot]
			if sl.touches < 2 || !sl.written {
				continue
			}
			mode := r.mode
			// Where the row might outgrow its limit, who comes first decides who fits:
			// then no two changes of it commute (see contract.Access.GrowBytes).
			if r.part == contract.PartRow && mode == contract.Delta && len(sl.before)+sl.growth > state.MaxValueBytes {
				mode = contract.Write
			}
			s.builder.Add(s.unit(unitKey{r.slot, r.part, r.field}), dttMode(mode))
		}
	}
	return s.builder.Lists()
}

func (s *stage) unit(k unitKey) dtt.Unit {
	u, ok := s.units[k]
	if !ok {
		u = dtt.Unit(len(s.units))
		s.units[k] = u
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

// runLeaf runs consecutive transactions, one after another.
func (s *stage) runLeaf(ctx context.Context, spans []Span, first, count int) error {
	out := s.scratch.Get().(*contract.Outcome)
	defer s.scratch.Put(out)
	for i := first; i < first+count; i++ {
		if i&0x3ff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.runOne(&spans[s.items[i].span], i, out); err != nil {
			it := &s.items[i]
			return fmt.Errorf("transaction %s.%d: %w", spans[it.span].Batch.ID.Short(), it.index, err)
		}
	}
	return nil
}

func (s *stage) runOne(span *Span, i int, out *contract.Outcome) error {
	it, d := &s.items[i], &s.decisions[i]
	if span.Decided {
		d.verdict = span.Verdict
		if d.verdict == object.VerdictExcluded {
			d.exclusion = &object.Exclusion{Reason: object.ReasonInherited, Block: span.Block}
		}
		return nil
	}
	out.Reset()
	v := view{stage: s, declared: s.reaches[s.starts[i]:s.starts[i+1]]}
	if err := s.runtime.Run(it.tx, it.dict, &v, span.Settled, out); err != nil {
		return err
	}
	d.cost = out.CostUnits
	if out.Verdict == object.VerdictApplied {
		if err := s.apply(&v, out); err != nil {
			return err
		}
	}
	d.verdict, d.exclusion = out.Verdict, out.Exclusion
	if d.exclusion != nil {
		d.exclusion.Reason = reasonUnder(span.Mode, d.exclusion.Reason)
	}
	return nil
}

// reasonUnder turns the reason of a conflict into what the order said of conflicts. What
// could apply nowhere keeps its own reason.
func reasonUnder(mode object.Mode, reason object.Reason) object.Reason {
	if !reason.Conflict() {
		return reason
	}
	switch mode {
	case object.ModeOurs:
		return object.ReasonOurs
	case object.ModeTheirs:
		return object.ReasonSuperseded
	}
	return reason
}

// apply makes a transaction's effects, all or none. If one does not fit, the verdict
// becomes excluded.
func (s *stage) apply(v *view, out *contract.Outcome) error {
	ids := make([]uint32, 0, 8)
	for i := range out.Effects {
		id, err := v.writable(&out.Effects[i])
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	// Transactions that run side by side may share rows, in fields of their own: locks in
	// slot order keep each row whole, and the tree keeps the result the same.
	locked := slices.Clone(ids)
	slices.Sort(locked)
	for _, id := range locked {
		s.slots[id].mu.Lock()
		defer s.slots[id].mu.Unlock()
	}
	type after struct {
		row    []byte
		exists bool
	}
	rows := make([]after, len(ids))
	for i, id := range ids {
		row, exists, err := s.runtime.Apply(s.slots[id].row, s.slots[id].exists, &out.Effects[i])
		if err == nil && len(row) > state.MaxValueBytes {
			err = contract.ErrEffect
		}
		if errors.Is(err, contract.ErrEffect) {
			out.Exclude(object.Exclusion{Reason: object.ReasonLimit, Op: out.Effects[i].Op, Key: bytes.Clone(s.slots[id].key)})
			return nil
		}
		if err != nil {
			return err
		}
		rows[i] = after{row, exists}
	}
	for i, id := range ids {
		s.slots[id].row, s.slots[id].exists = rows[i].row, rows[i].exists
	}
	return nil
}

// edits returns what the stage changed, in key order.
func (s *stage) edits() []state.Edit {
	var edits []state.Edit
	for _, id := range s.sorted {
		sl := s.slots[id]
		switch {
		case sl.exists && (!sl.existed || !bytes.Equal(sl.row, sl.before)):
			edits = append(edits, state.Edit{Key: sl.key, Value: sl.row})
		case !sl.exists && sl.existed:
			edits = append(edits, state.Edit{Key: sl.key, Delete: true})
		}
	}
	return edits
}
