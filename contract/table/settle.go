package table

import (
	"bytes"
	"slices"
	"strings"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
)

// Settler finds what the transactions of one merge come to among themselves, in rows that
// several of their operations touch. For each row it follows what the source made of it:
//
//   - A row that was not there before and is not there after is settled as a whole. So is
//     one that leads back to the version that was seen first, one whose last version the
//     target holds already, and one that ends deleted where the target has none.
//   - Else each field whose last value is what was seen first, or what the target holds, is
//     settled.
//   - If nothing but fields that lead back remains, the row is settled as a whole.
//
// Rows with a delta, an exact or a forced operation, or a define in their chain are left
// to the plain rules: deltas are meant to add up, and the others mean what they say.
type Settler struct {
	rt     *Runtime
	named  rowFilter
	chains map[string]*chain
	keys   [][]byte
}

// chain is what the operations on one row come to.
type chain struct {
	ops   int
	plain bool // left to the plain rules

	begun       bool
	sawRow      bool   // whether the row was there at first
	firstRow    []byte // its version then, if the first operation tells
	exists      bool   // whether it is there at last
	whole       bool   // fields are all that it has
	fields      map[string]*cell
	wasReplaced bool // an operation on the row as a whole took part
}

// cell is what the operations on one field come to.
type cell struct {
	seen []byte // at first; nil for absent
	last []byte // encoded; absent or nil for none
}

// Settle returns a Settler for one merge.
func (rt *Runtime) Settle() contract.Settler {
	return &Settler{rt: rt, named: newRowFilter(), chains: map[string]*chain{}}
}

// Count tells of a transaction, in any order, before any is observed.
func (s *Settler) Count(tx *object.Transaction, dict any) {
	h := s.rt.hands.Get().(*hand)
	defer s.rt.hands.Put(h)
	for _, op := range h.decode(tx, dict) {
		s.named.add(op.Key)
	}
}

// Repeats says whether any row may have been named twice.
func (s *Settler) Repeats() bool { return s.named.repeats }

// Observe tells of a transaction again, in the order of the merge.
func (s *Settler) Observe(tx *object.Transaction, dict any) {
	h := s.rt.hands.Get().(*hand)
	defer s.rt.hands.Put(h)
	ops := h.decode(tx, dict)
	for i := range ops {
		op := &ops[i]
		if !s.named.twice(op.Key) {
			continue
		}
		c := s.chains[string(op.Key)]
		if c == nil {
			c = &chain{fields: map[string]*cell{}}
			key := bytes.Clone(op.Key)
			s.chains[string(key)] = c
			s.keys = append(s.keys, key)
		}
		c.observe(op)
	}
}

func (c *chain) observe(op *Op) {
	c.ops++
	if op.Code.delta() || op.Code == Define || op.Flags&(Exact|Force) != 0 {
		c.plain = true
	}
	if c.plain {
		return
	}
	if !c.begun {
		c.begun = true
		c.sawRow = op.SawRow || op.Code == Del || op.Code == Replace
		c.firstRow = bytes.Clone(op.RowSeen)
		c.whole = !c.sawRow
	}
	switch op.Code {
	case Del, Insert, Replace:
		c.wasReplaced = true
		c.whole = true
		for _, f := range c.fields {
			f.last = nil
		}
		c.exists = op.Code != Del
	case Put:
		c.exists = true
	}
	for i := range op.Fields {
		arg := &op.Fields[i]
		f := c.fields[arg.Name]
		if f == nil {
			f = &cell{seen: bytes.Clone(arg.Seen)}
			c.fields[arg.Name] = f
		}
		f.last = bytes.Clone(arg.Value)
	}
}

// Keys returns the state keys of the rows that the settler asks for, ascending.
func (s *Settler) Keys() [][]byte {
	s.keys = slices.DeleteFunc(s.keys, func(k []byte) bool { c := s.chains[string(k)]; return c.plain || c.ops < 2 })
	slices.SortFunc(s.keys, bytes.Compare)
	return s.keys
}

// Decide returns the settlement, given the rows of Keys as the target has them; a nil row
// is none.
func (s *Settler) Decide(rows [][]byte) *contract.Settlement {
	settled := map[string]*contract.SettledRow{}
	for i, k := range s.keys {
		if row := s.chains[string(k)].settle(rows[i]); row != nil {
			settled[string(k)] = row
		}
	}
	return contract.NewSettlement(settled)
}

// settle says what of a chain is settled on a target that holds row, nil for nothing.
func (c *chain) settle(row []byte) *contract.SettledRow {
	all := &contract.SettledRow{All: true}
	switch {
	case !c.exists && (!c.sawRow || row == nil):
		return all
	case !c.exists:
		return nil
	case c.whole:
		last := c.row()
		if row != nil && bytes.Equal(last, row) {
			return all
		}
		if c.firstRow != nil && bytes.Equal(c.firstRow, versionOf(last)) {
			return all
		}
	}
	// Only puts leave out settled fields: what makes or takes the row as a whole would bring
	// them back. And what was there before it is known by its version only.
	if c.wasReplaced {
		return nil
	}
	fields := map[string]bool{}
	for name, f := range c.fields {
		back := seenMatches(f.seen, f.last)
		held := false // a row that is gone holds nothing, not even the absence of a field
		if row != nil {
			v, _ := Lookup(row, name)
			held = same(v, f.last)
		}
		if back || held {
			fields[name] = true
		}
	}
	if len(fields) == 0 {
		return nil
	}
	if c.sawRow && len(fields) == len(c.fields) {
		return all
	}
	return &contract.SettledRow{Fields: fields}
}

// row returns the row that the chain leads to, when all its fields are known.
func (c *chain) row() []byte {
	var fields []value.Field
	for name, f := range c.fields {
		if !value.Absent(f.last) {
			fields = append(fields, value.Field{Name: name, Enc: f.last})
		}
	}
	slices.SortFunc(fields, func(a, b value.Field) int { return strings.Compare(a.Name, b.Name) })
	row, err := AppendRow(nil, fields)
	if err != nil {
		return nil
	}
	return row
}
