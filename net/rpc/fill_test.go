package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"aergo/contract/table"
	"aergo/repo"
	"aergo/repo/oplog"
	"aergo/repo/state/key"
)

// filler fills values of any type with what may stand there.
type filler struct {
	*rand.Rand
	notUTF8 bool // some text is not
}

func newFiller(t *testing.T) filler {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return filler{rand.New(rand.NewPCG(seed, 1)), false}
}

func (f filler) text() string {
	var b strings.Builder
	for range f.IntN(8) {
		b.WriteRune([]rune("abc é\"\\<&>\u2028😀\n\x00\ufffd\U0010ff81")[f.IntN(16)])
	}
	if f.notUTF8 && f.IntN(3) == 0 {
		b.WriteByte(0xf0 | byte(f.IntN(16)))
	}
	return b.String()
}

func (f filler) bytes() []byte {
	b := make([]byte, f.IntN(6))
	for i := range b {
		b[i] = byte(f.Uint32())
	}
	return b
}

// special fills the types that have no plain fields.
func (f filler) special(v reflect.Value) bool {
	var x any
	switch v.Interface().(type) {
	case time.Time:
		x = time.UnixMilli(f.Int64N(1 << 44)).UTC()
	case json.RawMessage:
		x = json.RawMessage([]string{`null`, `{"a":1}`, `[1,"x"]`}[f.IntN(3)])
	case key.Component:
		x = []any{key.Text(f.text()), key.Int(f.Int64() - f.Int64()), key.Bytes(f.bytes())}[f.IntN(3)]
	case table.Schema:
		data, _ := json.Marshal(map[string]any{"Key": []string{f.text()}, "Columns": []table.Column{{Name: f.text()}}})
		var s table.Schema
		_ = json.Unmarshal(data, &s)
		x = s
	default:
		if v.Type() != reflect.TypeFor[error]() {
			return false
		}
		x = fmt.Errorf("%s: %w", f.text(), repo.ErrConflict)
	}
	v.Set(reflect.ValueOf(x))
	return true
}

// fill sets v, which is settable, to something. depth bounds trees.
func (f filler) fill(v reflect.Value, depth int) {
	if f.special(v) {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(f.Int64() >> f.IntN(64))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(f.Uint64() >> (64 - f.IntN(v.Type().Bits()+1)))
	case reflect.String:
		v.SetString(f.text())
	case reflect.Pointer:
		if depth > 0 && f.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth-1)
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), depth)
		}
	case reflect.Slice:
		if f.IntN(4) == 0 {
			return
		}
		n := 0
		if depth > 0 {
			n = f.IntN(3)
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), depth-1)
		}
	case reflect.Map:
		if f.IntN(4) == 0 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range f.IntN(3) {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(k, 0)
			f.fill(e, depth-1)
			v.SetMapIndex(k, e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Field(i); field.CanSet() {
				f.fill(field, depth-1)
			} else {
				panic(fmt.Sprintf("%s hides field %s: how does it travel?", v.Type(), v.Type().Field(i).Name))
			}
		}
	default:
		panic(fmt.Sprintf("cannot fill %s", v.Type()))
	}
}

// value returns a value of a type, filled.
func (f filler) value(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	f.fill(v, 8)
	return v
}

// sameValue compares values that have travelled with what they were.
func sameValue(got, want any) bool {
	if want, ok := want.(oplog.Entry); ok { // whose empty lists and none are one
		got, ok := got.(oplog.Entry)
		return ok && reflect.DeepEqual(tidy(got), tidy(want))
	}
	g, ok := got.(repo.Pushed)
	if !ok {
		return reflect.DeepEqual(got, want)
	}
	w, ok := want.(repo.Pushed)
	if !ok || (g.Behind == nil) != (w.Behind == nil) {
		return false
	}
	if w.Behind != nil && (g.Behind.Error() != w.Behind.Error() || !errors.Is(g.Behind, repo.ErrConflict)) {
		return false
	}
	g.Behind, w.Behind = nil, nil
	return reflect.DeepEqual(g, w)
}

// tidy returns an entry whose empty lists are nil.
func tidy(e oplog.Entry) oplog.Entry {
	if len(e.Args) == 0 {
		e.Args = nil
	}
	if len(e.Refs) == 0 {
		e.Refs = nil
	}
	if len(e.Pools) == 0 {
		e.Pools = nil
	}
	return e
}
