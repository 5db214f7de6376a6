package branch

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"aergo/contract"
	"aergo/dtt"
)

// view confines one transaction to what it declared. It reads the rows of the stage as
// the transactions before it in the tree left them.
type view struct {
	stage    *stage
	space    dtt.Space
	declared []reach // in the order of compareReach
}

// slotOf returns the number of the slot of a row, if the transaction declared any of it.
// Most transactions declare a handful, for which a look at each beats a search.
func (v *view) slotOf(k []byte) (uint32, bool) {
	if len(v.declared) > 16 {
		return v.stage.table.find(k)
	}
	for i := range v.declared {
		id := v.declared[i].slot
		if i > 0 && v.declared[i-1].slot == id {
			continue
		}
		if bytes.Equal(v.stage.slot(id).key, k) {
			return id, true
		}
	}
	return 0, false
}

// Exists implements contract.View. A Delta of existence is the right to make the row, not
// to look whether others have.
func (v *view) Exists(k []byte) (bool, error) {
	id, ok := v.slotOf(k)
	if !ok || !v.reads(reach{slot: id, part: contract.PartExistence}) {
		return false, undeclared(k, "existence")
	}
	_, exists := v.stage.cell(v.space, id).read()
	return exists, nil
}

// Field implements contract.View.
func (v *view) Field(k []byte, name string) ([]byte, bool, error) {
	id, ok := v.slotOf(k)
	if !ok || !v.declares(id, contract.PartField, name, contract.Read) && !v.reads(reach{slot: id, part: contract.PartRow}) {
		return nil, false, undeclared(k, "field "+name)
	}
	row, exists := v.stage.cell(v.space, id).read()
	if !exists {
		return nil, false, nil
	}
	return v.stage.runtime.Lookup(row, name)
}

// Row implements contract.View. A Delta of the row is the right to change fields of its
// own, not to read the others.
func (v *view) Row(k []byte) ([]byte, bool, error) {
	id, ok := v.slotOf(k)
	if !ok || !v.reads(reach{slot: id, part: contract.PartRow}) {
		return nil, false, undeclared(k, "row")
	}
	row, exists := v.stage.cell(v.space, id).read()
	return row, exists, nil
}

// declares says whether the transaction declared a unit at least so strongly.
func (v *view) declares(id uint32, part contract.Part, field string, atLeast contract.Mode) bool {
	want := reach{slot: id, part: part, field: field, mode: atLeast}
	at := v.find(want)
	return at < len(v.declared) && sameUnit(v.declared[at], want)
}

// reads says whether the transaction declared a unit as more than a Delta. want is of mode
// Read, the first in the order of one unit's accesses.
func (v *view) reads(want reach) bool {
	for at := v.find(want); at < len(v.declared) && sameUnit(v.declared[at], want); at++ {
		if v.declared[at].mode != contract.Delta {
			return true
		}
	}
	return false
}

// find returns the first declared access that does not sort before want. Most
// transactions declare a handful, for which a scan beats a search.
func (v *view) find(want reach) int {
	if len(v.declared) > 16 {
		at, _ := slices.BinarySearchFunc(v.declared, want, compareReach)
		return at
	}
	for i := range v.declared {
		if compareReach(v.declared[i], want) >= 0 {
			return i
		}
	}
	return len(v.declared)
}

func sameUnit(a, b reach) bool { return a.slot == b.slot && a.part == b.part && a.field == b.field }

func compareReach(a, b reach) int {
	switch {
	case a.slot != b.slot:
		return cmp.Compare(a.slot, b.slot)
	case a.part != b.part:
		return cmp.Compare(a.part, b.part)
	case a.field != b.field:
		return cmp.Compare(a.field, b.field)
	}
	return cmp.Compare(a.mode, b.mode)
}

// writable returns the slot of an effect's row, if the transaction declared all that the
// effect changes.
func (v *view) writable(e *contract.Effect) (uint32, error) {
	id, ok := v.slotOf(e.Key)
	if !ok {
		return 0, undeclared(e.Key, "row")
	}
	if e.Kind != contract.EffectFields {
		if !v.declares(id, contract.PartRow, "", contract.Write) || !v.declares(id, contract.PartExistence, "", contract.Write) {
			return 0, undeclared(e.Key, "row")
		}
		return id, nil
	}
	if e.Ensure && !v.declares(id, contract.PartExistence, "", contract.Delta) {
		return 0, undeclared(e.Key, "existence")
	}
	if !v.declares(id, contract.PartRow, "", contract.Delta) {
		return 0, undeclared(e.Key, "row")
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		need := contract.Delta
		if f.Kind == contract.FieldSet || f.Kind == contract.FieldUnset {
			need = contract.Write
		}
		if !v.declares(id, contract.PartField, f.Name, need) && !v.declares(id, contract.PartRow, "", contract.Write) {
			return 0, undeclared(e.Key, "field "+f.Name)
		}
	}
	return id, nil
}

func undeclared(k []byte, what string) error {
	return fmt.Errorf("%s of row %x: %w", what, k, contract.ErrUndeclared)
}
