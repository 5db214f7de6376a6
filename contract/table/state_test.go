package table

import (
	"fmt"
	"maps"
	"testing"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// state is rows by state key, as a View that confines nothing.
type state map[string][]byte

func (s state) Exists(k []byte) (bool, error) {
	_, ok := s[string(k)]
	return ok, nil
}

func (s state) Field(k []byte, name string) ([]byte, bool, error) {
	row, ok := s[string(k)]
	if !ok {
		return nil, false, nil
	}
	v, ok := Lookup(row, name)
	return v, ok, nil
}

func (s state) Row(k []byte) ([]byte, bool, error) {
	row, ok := s[string(k)]
	return row, ok, nil
}

// apply makes the effects of an applied outcome.
func (s state) apply(t testing.TB, out *contract.Outcome) {
	t.Helper()
	for i := range out.Effects {
		e := &out.Effects[i]
		old, exists := s[string(e.Key)]
		row, exists, err := Apply(nil, old, exists, e)
		if err != nil {
			t.Fatalf("apply: %v", err)
		}
		if !exists {
			delete(s, string(e.Key))
			continue
		}
		if err := CheckRow(row); err != nil {
			t.Fatalf("apply made a bad row: %v", err)
		}
		s[string(e.Key)] = row
	}
}

func (s state) clone() state {
	c := state{}
	maps.Copy(c, s)
	return c
}

// confined refuses what a transaction did not declare.
type confined struct {
	contract.View
	declared map[string]contract.Mode
}

func unit(a contract.Access) string { return fmt.Sprintf("%x/%d/%s", a.Key, a.Part, a.Field) }

func confine(v contract.View, list []contract.Access) *confined {
	c := &confined{View: v, declared: map[string]contract.Mode{}}
	for _, a := range list {
		u := unit(a)
		if had, ok := c.declared[u]; ok && had != a.Mode {
			c.declared[u] = contract.Write
		} else {
			c.declared[u] = a.Mode
		}
	}
	return c
}

func (c *confined) allow(a contract.Access, weakest contract.Mode) error {
	mode, ok := c.declared[unit(a)]
	if !ok || mode == contract.Delta && weakest == contract.Read {
		return fmt.Errorf("unit %q of %x: %w", a.Field, a.Key, contract.ErrUndeclared)
	}
	return nil
}

func (c *confined) Exists(k []byte) (bool, error) {
	if err := c.allow(contract.Access{Key: k, Part: contract.PartExistence}, contract.Read); err != nil {
		return false, err
	}
	return c.View.Exists(k)
}

func (c *confined) Field(k []byte, name string) ([]byte, bool, error) {
	err := c.allow(contract.Access{Key: k, Part: contract.PartField, Field: name}, contract.Delta)
	if err != nil {
		if err = c.allow(contract.Access{Key: k, Part: contract.PartRow}, contract.Read); err != nil {
			return nil, false, err
		}
	}
	return c.View.Field(k, name)
}

func (c *confined) Row(k []byte) ([]byte, bool, error) {
	if err := c.allow(contract.Access{Key: k, Part: contract.PartRow}, contract.Read); err != nil {
		return nil, false, err
	}
	return c.View.Row(k)
}

// checkEffects says whether effects stay within what was declared as written.
func (c *confined) checkEffects(t testing.TB, effects []contract.Effect) {
	t.Helper()
	for i := range effects {
		e := &effects[i]
		row := c.declared[unit(contract.Access{Key: e.Key, Part: contract.PartRow})]
		existence := c.declared[unit(contract.Access{Key: e.Key, Part: contract.PartExistence})]
		whole := e.Kind != contract.EffectFields
		switch {
		case whole && (row != contract.Write || existence != contract.Write):
			t.Errorf("whole-row effect with row %v and existence %v", row, existence)
		case e.Ensure && existence == contract.Read:
			t.Errorf("effect ensures a row that is declared as read")
		}
		for _, f := range e.Fields {
			mode := c.declared[unit(contract.Access{Key: e.Key, Part: contract.PartField, Field: f.Name})]
			if row != contract.Write && (mode == contract.Read || f.Kind <= contract.FieldUnset && mode != contract.Write) {
				t.Errorf("effect %d on %q with mode %v", f.Kind, f.Name, mode)
			}
		}
	}
}

// dictionary is a Namer.
type dictionary struct{ *object.ChunkBuilder }

func newDictionary() dictionary { return dictionary{object.NewChunkBuilder()} }

// bench runs payloads the whole way: decode, declare, run confined, apply.
type bench struct {
	state  state
	runner *Runner
	out    contract.Outcome
}

func newBench() *bench { return &bench{state: state{}, runner: NewRunner()} }

// run executes a payload on the bench's state and applies it.
func (b *bench) run(t testing.TB, names []string, payload []byte) *contract.Outcome {
	t.Helper()
	ops, err := NewDecoder(NewDict(names)).Decode(payload)
	if err != nil {
		t.Fatalf("decode %x: %v", payload, err)
	}
	view := confine(b.state, Declare(ops, nil))
	if err := b.runner.Run(ops, view, &b.out); err != nil {
		t.Fatalf("run: %v", err)
	}
	if (b.out.Verdict == object.VerdictExcluded) != (b.out.Exclusion != nil) {
		t.Fatalf("verdict %v with exclusion %v", b.out.Verdict, b.out.Exclusion)
	}
	if b.out.Verdict != object.VerdictApplied && len(b.out.Effects) > 0 {
		t.Fatalf("verdict %v with effects", b.out.Verdict)
	}
	view.checkEffects(t, b.out.Effects)
	b.state.apply(t, &b.out)
	return &b.out
}

// author makes a payload as somebody who sees s does.
func author(t testing.TB, s state, specs ...Spec) (names []string, payload []byte) {
	t.Helper()
	d := newDictionary()
	payload, err := NewAuthor(d).AppendPayload(nil, s, specs)
	if err != nil {
		t.Fatalf("author: %v", err)
	}
	return d.Names(), payload
}

// jsonFields reads a row or the fields of an operation.
func jsonFields(t testing.TB, text string) []value.Field {
	t.Helper()
	fields, err := value.ParseJSONObject([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return fields
}

func rowOf(t testing.TB, text string) []byte {
	t.Helper()
	row, err := AppendRow(nil, jsonFields(t, text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return row
}

func stateKey(t testing.TB, k string) []byte {
	t.Helper()
	b, err := key.Row("t", key.Text(k))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stateOf makes a state of rows of the table t, by key, and perhaps a schema, under "".
func stateOf(t testing.TB, rows map[string]string) state {
	t.Helper()
	s := state{}
	for k, text := range rows {
		at := stateKey(t, k)
		if k == "" {
			at, _ = key.Schema("t")
		}
		s[string(at)] = rowOf(t, text)
	}
	return s
}

func (s state) rows(t testing.TB) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for k, row := range s {
		kind, _, tuple, err := key.Split([]byte(k))
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		if kind == key.KindRow {
			comps, err := key.Decode(tuple)
			if err != nil {
				t.Fatal(err)
			}
			name = comps[0].String()
		}
		rows[name] = string(value.AppendJSONObject(nil, FieldList(row)))
	}
	return rows
}

// spec reads an operation on the table t: fields is JSON or empty.
func spec(t testing.TB, c Code, k, fields string, flags Flags, unset ...string) Spec {
	t.Helper()
	s := Spec{Code: c, Table: "t", Flags: flags, Unset: unset}
	if c != Define {
		s.Key = []key.Component{key.Text(k)}
	}
	if fields != "" {
		s.Fields = jsonFields(t, fields)
	}
	return s
}
