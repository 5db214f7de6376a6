package rpc

import (
	"bytes"
	"context"
	"reflect"
	"strings"
	"unicode/utf8"

	"aergo/repo"
)

// pushed is repo.Pushed on the wire, where an error is a fault.
type pushed struct {
	repo.Pushed
	Behind *fault
}

// onWire returns what stands for a value in JSON: the value itself, but for the few that
// JSON cannot hold.
func onWire(v any) any {
	if p, ok := v.(repo.Pushed); ok {
		w := pushed{Pushed: p}
		if p.Behind != nil {
			w.Behind = faultOf(context.Background(), p.Behind)
		}
		w.Pushed.Behind = nil
		return w
	}
	return v
}

// value returns what a pushed stands for.
func (w pushed) value() repo.Pushed {
	w.Pushed.Behind = w.Behind.err()
	return w.Pushed
}

// shareRows makes rows of a schedule that are equal one row, as they are on the other side.
func shareRows(s *repo.Schedule) {
	known := map[string]*repo.ScheduleRow{}
	share := func(row **repo.ScheduleRow) {
		if *row == nil {
			return
		}
		name, err := encode(*row)
		if err != nil {
			return // what has been decoded can be encoded
		}
		if first := known[string(name)]; first != nil {
			*row = first
		} else {
			known[string(name)] = *row
		}
	}
	for i := range s.Hot {
		share(&s.Hot[i].ScheduleRow)
	}
	var walk func(n *repo.ScheduleNode)
	walk = func(n *repo.ScheduleNode) {
		for i := range n.Hot {
			share(&n.Hot[i].ScheduleRow)
		}
		for i := range n.Claims {
			share(&n.Claims[i])
		}
		for i := range n.Children {
			walk(&n.Children[i])
		}
	}
	walk(&s.Root)
}

// Text that was typed need not be UTF-8, and what is wrong with it is for the door to say.
// JSON has no form for it, so bytes that are none travel as code points that nobody uses.
const firstEscape = 0x10ff00

// mayHideBytes says whether there may be text in JSON that was not UTF-8: encoding/json
// writes U+FFFD for it, escaped.
func mayHideBytes(data []byte) bool { return bytes.Contains(data, []byte(`\ufffd`)) }

// escaped returns a copy of v whose texts are UTF-8.
func escaped(v any) any { return changeTexts(reflect.ValueOf(v), escapeText).Interface() }

func escapeText(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r >= firstEscape {
			for _, c := range []byte(s[i : i+size]) {
				b.WriteRune(firstEscape + rune(c))
			}
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

func unescapeText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= firstEscape {
			b.WriteByte(byte(r - firstEscape))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// changeTexts returns a copy of v with every string in its exported fields changed.
func changeTexts(v reflect.Value, change func(string) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(change(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(changeTexts(v.Elem(), change))
		}
	case reflect.Slice:
		if !v.IsNil() && v.Type().Elem().Kind() != reflect.Uint8 {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(changeTexts(v.Index(i), change))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMap(v.Type()))
			for k, e := range v.Seq2() {
				out.SetMapIndex(changeTexts(k, change), changeTexts(e, change))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := out.Field(i); f.CanSet() {
				f.Set(changeTexts(v.Field(i), change))
			}
		}
	default: // nothing else holds text
	}
	return out
}
