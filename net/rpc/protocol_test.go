package rpc

import (
	"context"
	"encoding"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

var update = flag.Bool("update", false, "write the lists of PROTOCOL.md anew")

// TestProtocolIsWritten compares the page about the protocol with every verb of the door and
// every type that its arguments and results have.
func TestProtocolIsWritten(t *testing.T) {
	const file, begin, end = "PROTOCOL.md", "<!-- begin -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("the page has no place for the lists")
	}
	want := verbsAndTypes()
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != want {
		t.Errorf("%s does not say what the door is; go test ./net/rpc -update writes it", file)
	}
}

func verbsAndTypes() string {
	structs := map[string]reflect.Type{}
	var b strings.Builder
	b.WriteString("| verb | arguments | items | values |\n|---|---|---|---|\n")
	for m := range reflect.TypeFor[repo.Door]().Methods() {
		if m.Name == "Close" {
			continue
		}
		var args, items, values []string
		for p := range m.Type.Ins() {
			switch {
			case p == reflect.TypeFor[context.Context]():
			case p == reflect.TypeFor[io.Reader]():
				args = append(args, "*reader*")
			case p.Kind() == reflect.Func:
				items = append(items, word(p.In(0), structs))
			default:
				args = append(args, word(p, structs))
			}
		}
		for r := range m.Type.Outs() {
			switch {
			case r == reflect.TypeFor[error]():
			case r.Kind() == reflect.Func:
				items = append(items, word(r.In(0).In(0), structs))
			default:
				values = append(values, word(r, structs))
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.Name, strings.Join(args, ", "), strings.Join(items, ", "), strings.Join(values, ", "))
	}
	b.WriteString("\n| type | members |\n|---|---|\n")
	var lines []string
	for done := map[string]bool{}; len(done) < len(structs); {
		for _, name := range slices.Sorted(maps.Keys(structs)) {
			if !done[name] {
				done[name] = true
				lines = append(lines, fmt.Sprintf("| %s | %s |\n", name, strings.Join(members(structs[name], structs), ", ")))
			}
		}
	}
	slices.Sort(lines)
	return b.String() + strings.Join(lines, "")
}

// members returns the members of a struct in JSON, those of embedded ones among them.
func members(t reflect.Type, structs map[string]reflect.Type) []string {
	var all []string
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case f.Anonymous && tag == "" && inner.Kind() == reflect.Struct:
			all = append(all, members(inner, structs)...)
		case f.IsExported() && tag != "":
			all = append(all, fmt.Sprintf("`%s` %s", tag, word(f.Type, structs)))
		case f.IsExported():
			all = append(all, fmt.Sprintf("`%s` %s", f.Name, word(f.Type, structs)))
		}
	}
	return all
}

// word names a type, and notes the structs that need a line of their own.
func word(t reflect.Type, structs map[string]reflect.Type) string {
	switch t {
	case reflect.TypeFor[object.Hash]():
		return "hash"
	case reflect.TypeFor[time.Time]():
		return "time"
	case reflect.TypeFor[json.RawMessage]():
		return "JSON"
	case reflect.TypeFor[key.Component]():
		return "component"
	case reflect.TypeFor[error]():
		return "FAULT"
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return "text"
	}
	switch t.Kind() {
	case reflect.Struct:
		structs[t.String()] = t
		return t.String()
	case reflect.Pointer:
		return word(t.Elem(), structs) + " or null"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[" + word(t.Elem(), structs) + "]"
	case reflect.Array:
		return fmt.Sprintf("[%d numbers]", t.Len())
	case reflect.Map:
		return "{" + word(t.Key(), structs) + ": " + word(t.Elem(), structs) + "}"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "bool"
	default:
		return "number"
	}
}
