package table

import (
	"bytes"
	"errors"
	"fmt"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
)

// ErrNoRow is wrapped when an effect changes the fields of a row that is not there. An
// effect that a Runner made on the same state never does.
var ErrNoRow = errors.New("row is not there")

// Apply appends to dst the row that an effect makes of row, or of none if exists is false,
// and says whether there is a row then; if not, nothing is appended. It is a pure function:
// the result shares no memory with row or e. It fails with ErrRowTooLarge, and appends
// nothing then; other errors mean that e was not made for this row.
func Apply(dst, row []byte, exists bool, e *contract.Effect) ([]byte, bool, error) {
	start := len(dst)
	switch e.Kind {
	case contract.EffectDelete:
		return dst, false, nil
	case contract.EffectPut:
		dst = append(dst, e.Row...)
	case contract.EffectFields:
		if !exists && !e.Ensure {
			return dst, false, fmt.Errorf("row: %w", ErrNoRow)
		}
		if !exists {
			row = nil
		}
		var err error
		if dst, err = applyFields(dst, row, e.Fields); err != nil {
			return dst[:start], exists, err
		}
	default:
		return dst, exists, fmt.Errorf("effect of kind %d", e.Kind)
	}
	if size := len(dst) - start; size > MaxRowBytes {
		return dst[:start], exists, fmt.Errorf("row of %d bytes: %w: at most %d", size, ErrRowTooLarge, MaxRowBytes)
	}
	return dst, true, nil
}

// applyFields merges the fields of a row with effects, both ascending by name.
func applyFields(dst, row []byte, effects []contract.FieldEffect) ([]byte, error) {
	w := newRowWriter(dst, FieldCount(row)+len(effects))
	c := cursorOf(row)
	ok := c.next()
	for len(effects) > 0 {
		name := effects[0].Name
		for ok && string(c.name) < name {
			w.copy(c.entry)
			ok = c.next()
		}
		var current []byte
		if ok && string(c.name) == name {
			current = c.value
			ok = c.next()
		}
		n := 1
		for n < len(effects) && effects[n].Name == name {
			n++
		}
		if err := w.change(name, current, effects[:n]); err != nil {
			return w.buf, fmt.Errorf("field %q: %w", name, err)
		}
		effects = effects[n:]
	}
	for ; ok; ok = c.next() {
		w.copy(c.entry)
	}
	return w.end(), nil
}

// changeValue appends what effects of one name make of a field's value, nil if it is
// absent, and says whether the field is there then.
func changeValue(dst, current []byte, effects []contract.FieldEffect) ([]byte, bool, error) {
	e := effects[0]
	switch {
	case e.Kind >= contract.FieldAdd:
		return changeSet(dst, current, effects)
	case len(effects) > 1:
		return dst, false, errors.New("has several effects")
	case e.Kind == contract.FieldUnset:
		return dst, false, nil
	case e.Kind == contract.FieldIncr && len(current) > 0:
		dst, err := value.AppendSum(dst, current, e.Value)
		return dst, true, err
	}
	return append(dst, e.Value...), true, nil
}

// changeSet is changeValue for elements of a list. Removing from none leaves none.
func changeSet(dst, list []byte, effects []contract.FieldEffect) ([]byte, bool, error) {
	there := len(list) > 0
	changes := make([]value.SetChange, 0, len(effects))
	for i := range effects {
		e := &effects[i]
		remove := e.Kind == contract.FieldRemove
		there = there || !remove
		if n := len(changes); n > 0 && bytes.Equal(changes[n-1].Element, e.Value) {
			changes[n-1].Remove = remove
			continue
		}
		changes = append(changes, value.SetChange{Element: e.Value, Remove: remove})
	}
	if !there {
		return dst, false, nil
	}
	dst, err := value.AppendChangedSet(dst, list, changes)
	return dst, true, err
}

// rowWriter appends a row whose number of fields is not known before its end.
type rowWriter struct {
	buf   []byte
	start int
	head  int // bytes left for the head
	count int
}

// newRowWriter begins a row of about n fields.
func newRowWriter(dst []byte, n int) rowWriter {
	start := len(dst)
	dst = object.AppendArray(dst, 2*n)
	return rowWriter{buf: dst, start: start, head: len(dst) - start}
}

// copy appends an encoded name and value.
func (w *rowWriter) copy(entry []byte) {
	w.buf = append(w.buf, entry...)
	w.count++
}

// change appends a field as effects leave it, if they do.
func (w *rowWriter) change(name string, current []byte, effects []contract.FieldEffect) error {
	before := len(w.buf)
	w.buf = object.AppendText(w.buf, name)
	buf, ok, err := changeValue(w.buf, current, effects)
	w.buf = buf
	if !ok || err != nil {
		w.buf = w.buf[:before]
		return err
	}
	w.count++
	return nil
}

// end closes the row, moving it if its head takes other than the bytes left for it.
func (w *rowWriter) end() []byte {
	size := object.HeadSize(uint64(2 * w.count))
	if size != w.head {
		body := bytes.Clone(w.buf[w.start+w.head:])
		w.buf = append(object.AppendArray(w.buf[:w.start], 2*w.count), body...)
		return w.buf
	}
	object.AppendArray(w.buf[:w.start], 2*w.count) // in place: there is room for it
	return w.buf
}
