package value

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"aergo/repo/object"
)

// Elements returns the encoded elements of a list, in order, as slices of enc; none if enc
// is no list.
func Elements(enc []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if KindOf(enc) != KindList {
			return
		}
		r := object.ReaderOf(enc)
		n := r.Array(len(enc))
		r.Uint()
		for ; n > 1 && r.Err() == nil; n-- {
			if e := r.Skip(MaxDepth + 1); e != nil && !yield(e) {
				return
			}
		}
	}
}

// Contains says whether a list has an element.
func Contains(list, element []byte) bool {
	for e := range Elements(list) {
		if bytes.Equal(e, element) {
			return true
		}
	}
	return false
}

// SetChange adds an encoded element to a set, or removes it.
type SetChange struct {
	Element []byte
	Remove  bool
}

// AppendChangedSet appends the list that holds the elements of list and of changes, without
// those removed, ascending by encoding and without duplicates: append and remove treat a
// list as a set, so that changes of different elements commute. changes ascend by element,
// one for each. An empty list stands for one that is missing. It fails with ErrType if list
// is neither empty nor a list.
func AppendChangedSet(dst, list []byte, changes []SetChange) ([]byte, error) {
	if len(list) > 0 && KindOf(list) != KindList {
		return dst, fmt.Errorf("set in %v: %w", KindOf(list), ErrType)
	}
	old := slices.Collect(Elements(list))
	slices.SortFunc(old, bytes.Compare)
	old = slices.CompactFunc(old, bytes.Equal)
	merged := make([][]byte, 0, len(old)+len(changes))
	for len(old) > 0 || len(changes) > 0 {
		switch {
		case len(changes) == 0 || len(old) > 0 && bytes.Compare(old[0], changes[0].Element) < 0:
			merged, old = append(merged, old[0]), old[1:]
			continue
		case len(old) > 0 && bytes.Equal(old[0], changes[0].Element):
			old = old[1:]
		}
		if !changes[0].Remove {
			merged = append(merged, changes[0].Element)
		}
		changes = changes[1:]
	}
	return AppendList(dst, merged...), nil
}

// Members returns the names and encoded values of a record, in order, as slices of enc;
// none if enc is no record.
func Members(enc []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, v []byte) bool) {
		if KindOf(enc) != KindRecord {
			return
		}
		r := object.ReaderOf(enc)
		n := r.Array(len(enc))
		r.Uint()
		for ; n > 2 && r.Err() == nil; n -= 2 {
			name := r.TextBytes(len(enc))
			if v := r.Skip(MaxDepth + 1); v != nil && !yield(name, v) {
				return
			}
		}
	}
}
