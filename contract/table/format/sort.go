package format

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"aergo/repo/state/key"
)

// Sort puts the rows in the order of their encoded keys and makes sure that no key stands
// twice: it fails with an *Error wrapping ErrDuplicate, at the second place, which names the
// first. Rows that are in order already, as in an export, cost one pass.
func (t *Table) Sort() error {
	total, common, ascending, err := t.surveyKeys()
	if err != nil || ascending {
		return err
	}
	order, keys, err := t.sortedKeys(total, common)
	if err != nil {
		return err
	}
	if err := t.findDuplicate(order, keys); err != nil {
		return err
	}
	for i, o := range order {
		t.rows.starts[i] = o.ref
	}
	return nil
}

// surveyKeys returns the total length of the keys, the length of the prefix that they all
// share, and whether they ascend strictly.
func (t *Table) surveyKeys() (total, common int, ascending bool, err error) {
	ascending = true
	var first, last, tuple []byte
	for i, ref := range t.rows.starts {
		line, rest := takeLine(t.rows.at(ref))
		if tuple, _, err = t.appendTuple(tuple[:0], line, rest); err != nil {
			return 0, 0, false, err
		}
		total += len(tuple)
		if i == 0 {
			first = bytes.Clone(tuple)
			common = len(first)
		} else {
			ascending = ascending && bytes.Compare(last, tuple) < 0
			common = commonPrefix(first[:common], tuple)
		}
		last, tuple = tuple, last
	}
	return total, common, ascending, nil
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// keyOrder is a row and where its key is.
type keyOrder struct {
	prefix uint64 // the first bytes of the key behind what all keys share, zeros behind it
	from   uint64 // of the key in the keys' memory, its length in front of it
	ref    arenaRef
}

// sortedKeys returns the rows in the order of their keys, those of one key in the order of
// the input, and the memory that holds the keys.
func (t *Table) sortedKeys(total, common int) ([]keyOrder, []byte, error) {
	order := make([]keyOrder, t.Len())
	keys := make([]byte, 0, total+2*t.Len()) // a key is shorter than 2^14 bytes
	var tuple []byte
	for i, ref := range t.rows.starts {
		line, rest := takeLine(t.rows.at(ref))
		var err error
		if tuple, _, err = t.appendTuple(tuple[:0], line, rest); err != nil {
			return nil, nil, err
		}
		var head [8]byte
		copy(head[:], tuple[common:])
		order[i] = keyOrder{binary.BigEndian.Uint64(head[:]), uint64(len(keys)), ref}
		keys = binary.AppendUvarint(keys, uint64(len(tuple)))
		keys = append(keys, tuple...)
	}
	slices.SortFunc(order, func(a, b keyOrder) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		if c := bytes.Compare(a.key(keys), b.key(keys)); c != 0 {
			return c
		}
		return cmp.Compare(a.ref, b.ref)
	})
	return order, keys, nil
}

func (o keyOrder) key(keys []byte) []byte {
	n, size := binary.Uvarint(keys[o.from:])
	from := o.from + uint64(size)
	return keys[from : from+n]
}

// findDuplicate reports, of the keys that stand twice, the one whose second place comes
// first in the input.
func (t *Table) findDuplicate(order []keyOrder, keys []byte) error {
	second := -1
	for i := 1; i < len(order); i++ {
		a, b := order[i-1], order[i]
		if a.prefix != b.prefix || second >= 0 && order[second].ref < b.ref {
			continue
		}
		if bytes.Equal(a.key(keys), b.key(keys)) {
			second = i
		}
	}
	if second < 0 {
		return nil
	}
	firstLine, _ := takeLine(t.rows.at(order[second-1].ref))
	line, _ := takeLine(t.rows.at(order[second].ref))
	return &Error{Line: line, Err: because(ErrDuplicate, "key %s stands on line %d already", describe(order[second].key(keys)), firstLine)}
}

// describe returns a row's key for people.
func describe(tuple []byte) string {
	comps, err := key.Decode(tuple)
	if err != nil {
		return fmt.Sprintf("%x", tuple)
	}
	return short(FormatKey(comps))
}
