package branch

import "context"

// aloneView is the state as a transaction sees it that runs alone: all of it. Rows that
// nobody declared get slots when they are first touched; as nothing else runs, nobody sees
// the table of slots change.
type aloneView struct {
	ctx   context.Context
	stage *stage
}

// slotOf returns the number of the slot of a row.
func (v *aloneView) slotOf(k []byte) (uint32, error) {
	s := v.stage
	if id, ok := s.table.find(k); ok {
		return id, nil
	}
	row, exists, err := s.base.Get(v.ctx, k)
	if err != nil {
		return 0, err
	}
	id := s.table.intern(k)
	sl := s.slot(id)
	sl.before, sl.existed = row, exists
	sl.row, sl.exists = row, exists
	s.late = true
	return id, nil
}

// Exists implements contract.View.
func (v *aloneView) Exists(k []byte) (bool, error) {
	id, err := v.slotOf(k)
	if err != nil {
		return false, err
	}
	return v.stage.slot(id).exists, nil
}

// Field implements contract.View.
func (v *aloneView) Field(k []byte, name string) ([]byte, bool, error) {
	id, err := v.slotOf(k)
	if err != nil || !v.stage.slot(id).exists {
		return nil, false, err
	}
	return v.stage.runtime.Lookup(v.stage.slot(id).row, name)
}

// Row implements contract.View.
func (v *aloneView) Row(k []byte) ([]byte, bool, error) {
	id, err := v.slotOf(k)
	if err != nil {
		return nil, false, err
	}
	return v.stage.slot(id).row, v.stage.slot(id).exists, nil
}
