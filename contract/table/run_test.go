package table

import (
	"errors"
	"maps"
	"testing"

	"aergo/repo/object"
)

type rows = map[string]string

// TestRules: an author sees one state and the transaction runs on another.
func TestRules(t *testing.T) {
	const applied, noop, excluded = object.VerdictApplied, object.VerdictNoop, object.VerdictExcluded
	one := func(c Code, k, fields string, flags Flags, unset ...string) []Spec {
		return []Spec{spec(t, c, k, fields, flags, unset...)}
	}
	both := func(a, b []Spec) []Spec { return append(append([]Spec{}, a...), b...) }
	schema := `{"key":["id"],"col":{"id":["text",0],"n":["integer",1],"d":["decimal",2],"s":["text",3],"l":["list",4],"x":["any",5]}}`
	tests := []struct {
		name      string
		saw, runs rows
		do        []Spec
		verdict   object.Verdict
		reason    object.Reason
		op        uint64
		field     string
		want      rows // the state after, if it applied
	}{
		// put
		{name: "put makes a row", do: one(Put, "k", `{"a":1}`, 0), want: rows{"k": `{"a":1}`}},
		{name: "put without fields makes a row", do: one(Put, "k", ``, 0), want: rows{"k": `{}`}},
		{name: "put sets and unsets", saw: rows{"k": `{"a":1,"b":2}`}, runs: rows{"k": `{"a":1,"b":2}`},
			do: one(Put, "k", `{"c":3}`, 0, "a"), want: rows{"k": `{"b":2,"c":3}`}},
		{name: "put of another field applies", saw: rows{"k": `{"a":1,"b":2}`}, runs: rows{"k": `{"a":9,"b":2}`},
			do: one(Put, "k", `{"b":3}`, 0), want: rows{"k": `{"a":9,"b":3}`}},
		{name: "put of a changed field", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":9}`},
			do: one(Put, "k", `{"a":2}`, 0), verdict: excluded, reason: object.ReasonFieldChanged, field: "a"},
		{name: "put names the first field changed", saw: rows{"k": `{"a":1,"b":1,"c":1}`}, runs: rows{"k": `{"a":1,"b":9,"c":9}`},
			do: one(Put, "k", `{"a":2,"b":2,"c":2}`, 0), verdict: excluded, reason: object.ReasonFieldChanged, field: "b"},
		{name: "put of the same value is a no-op", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":2}`},
			do: one(Put, "k", `{"a":2}`, 0), verdict: noop},
		{name: "put converges field by field", saw: rows{"k": `{"a":1,"b":1}`}, runs: rows{"k": `{"a":2,"b":1}`},
			do: one(Put, "k", `{"a":2,"b":2}`, 0), want: rows{"k": `{"a":2,"b":2}`}},
		{name: "exact put does not converge", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":2}`},
			do: one(Put, "k", `{"a":2}`, Exact), verdict: excluded, reason: object.ReasonFieldChanged, field: "a"},
		{name: "put on a row that went", saw: rows{"k": `{"a":1}`}, runs: rows{},
			do: one(Put, "k", `{"a":2}`, 0), verdict: excluded, reason: object.ReasonRowGone},
		{name: "put on a row that came, same", saw: rows{}, runs: rows{"k": `{"a":2}`},
			do: one(Put, "k", `{"a":2}`, 0), verdict: noop},
		{name: "put on a row that came, other field", saw: rows{}, runs: rows{"k": `{"b":2}`},
			do: one(Put, "k", `{"a":2}`, 0), want: rows{"k": `{"a":2,"b":2}`}},
		{name: "put on a row that came, other value", saw: rows{}, runs: rows{"k": `{"a":1}`},
			do: one(Put, "k", `{"a":2}`, 0), verdict: excluded, reason: object.ReasonFieldChanged, field: "a"},
		{name: "exact put on a row that came", saw: rows{}, runs: rows{"k": `{"b":1}`},
			do: one(Put, "k", `{"a":2}`, Exact), verdict: excluded, reason: object.ReasonRowExists},
		{name: "unset of a field unset already", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{}`},
			do: one(Put, "k", ``, 0, "a"), verdict: noop},
		{name: "put of a field that came", saw: rows{"k": `{}`}, runs: rows{"k": `{"a":1}`},
			do: one(Put, "k", `{"a":2}`, 0), verdict: excluded, reason: object.ReasonFieldChanged, field: "a"},
		{name: "put of what was there applies", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":1}`},
			do: one(Put, "k", `{"a":1}`, 0), want: rows{"k": `{"a":1}`}},
		{name: "missing and empty differ", saw: rows{"k": `{}`}, runs: rows{"k": `{"a":""}`},
			do: one(Put, "k", `{"a":"x"}`, 0), verdict: excluded, reason: object.ReasonFieldChanged, field: "a"},
		{name: "forced put", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":9}`},
			do: one(Put, "k", `{"a":2}`, Force), want: rows{"k": `{"a":2}`}},
		{name: "forced put makes a row", saw: rows{"k": `{"a":1}`}, runs: rows{},
			do: one(Put, "k", `{"a":2}`, Force), want: rows{"k": `{"a":2}`}},

		// insert, replace, del
		{name: "insert", do: one(Insert, "k", `{"a":1}`, 0), want: rows{"k": `{"a":1}`}},
		{name: "insert of an equal row", runs: rows{"k": `{"a":1}`}, do: one(Insert, "k", `{"a":1}`, 0), verdict: noop},
		{name: "exact insert of an equal row", runs: rows{"k": `{"a":1}`},
			do: one(Insert, "k", `{"a":1}`, Exact), verdict: excluded, reason: object.ReasonRowExists},
		{name: "insert over another row", runs: rows{"k": `{"a":2}`},
			do: one(Insert, "k", `{"a":1}`, 0), verdict: excluded, reason: object.ReasonRowExists},
		{name: "forced insert", runs: rows{"k": `{"b":2}`}, do: one(Insert, "k", `{"a":1}`, Force), want: rows{"k": `{"a":1}`}},
		{name: "replace", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":1}`},
			do: one(Replace, "k", `{"b":1}`, 0), want: rows{"k": `{"b":1}`}},
		{name: "replace of an empty row", saw: rows{"k": `{}`}, runs: rows{"k": `{}`},
			do: one(Replace, "k", `{"b":1}`, 0), want: rows{"k": `{"b":1}`}},
		{name: "replace of a changed row", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":1,"b":1}`},
			do: one(Replace, "k", `{"a":2}`, 0), verdict: excluded, reason: object.ReasonRowChanged},
		{name: "replace by the row there", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":2}`},
			do: one(Replace, "k", `{"a":2}`, 0), verdict: noop},
		{name: "replace of a row that went", saw: rows{"k": `{"a":1}`}, runs: rows{},
			do: one(Replace, "k", `{"a":2}`, 0), verdict: excluded, reason: object.ReasonRowGone},
		{name: "replace of no row inserts", do: one(Replace, "k", `{"a":2}`, 0), want: rows{"k": `{"a":2}`}},
		{name: "del", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":1}`}, do: one(Del, "k", ``, 0), want: rows{}},
		{name: "del of a changed row", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":2}`},
			do: one(Del, "k", ``, 0), verdict: excluded, reason: object.ReasonRowChanged},
		{name: "del of a row that went", saw: rows{"k": `{"a":1}`}, runs: rows{}, do: one(Del, "k", ``, 0), verdict: noop},
		{name: "exact del of a row that went", saw: rows{"k": `{"a":1}`}, runs: rows{},
			do: one(Del, "k", ``, Exact), verdict: excluded, reason: object.ReasonRowGone},
		{name: "forced del", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":2}`}, do: one(Del, "k", ``, Force), want: rows{}},
		{name: "forced del of nothing", runs: rows{}, do: one(Del, "k", ``, Force), want: rows{}},

		// deltas
		{name: "incr of a changed field", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":6}`},
			do: one(Incr, "k", `{"a":5}`, 0), want: rows{"k": `{"a":11}`}},
		{name: "incr of a missing field", saw: rows{"k": `{}`}, runs: rows{"k": `{}`},
			do: one(Incr, "k", `{"a":-5}`, 0), want: rows{"k": `{"a":-5}`}},
		{name: "incr keeps the larger scale", saw: rows{"k": `{"a":1.5}`}, runs: rows{"k": `{"a":1.5}`},
			do: one(Incr, "k", `{"a":0.50}`, 0), want: rows{"k": `{"a":2.00}`}},
		{name: "incr of a text", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":"1"}`},
			do: one(Incr, "k", `{"a":5}`, 0), verdict: excluded, reason: object.ReasonType, field: "a"},
		{name: "incr of a null", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":null}`},
			do: one(Incr, "k", `{"a":5}`, 0), verdict: excluded, reason: object.ReasonType, field: "a"},
		{name: "incr of a row that went", saw: rows{"k": `{"a":1}`}, runs: rows{},
			do: one(Incr, "k", `{"a":5}`, 0), verdict: excluded, reason: object.ReasonRowMissing},
		{name: "incr creates", do: one(Incr, "k", `{"a":5}`, 0), want: rows{"k": `{"a":5}`}},
		{name: "incr that may create meets a row", saw: rows{}, runs: rows{"k": `{"a":5}`},
			do: one(Incr, "k", `{"a":5}`, 0), want: rows{"k": `{"a":10}`}},
		{name: "append", saw: rows{"k": `{"l":["b"]}`}, runs: rows{"k": `{"l":["b"]}`},
			do: one(Append, "k", `{"l":"a"}`, 0), want: rows{"k": `{"l":["a","b"]}`}},
		{name: "append of what is there", saw: rows{"k": `{"l":["b"]}`}, runs: rows{"k": `{"l":["b"]}`},
			do: one(Append, "k", `{"l":"b"}`, 0), want: rows{"k": `{"l":["b"]}`}},
		{name: "exact append of what is there", saw: rows{"k": `{"l":[]}`}, runs: rows{"k": `{"l":["b"]}`},
			do: one(Append, "k", `{"l":"b"}`, Exact), verdict: excluded, reason: object.ReasonFieldChanged, field: "l"},
		{name: "append creates", do: one(Append, "k", `{"l":"a"}`, 0), want: rows{"k": `{"l":["a"]}`}},
		{name: "append to a number", saw: rows{"k": `{}`}, runs: rows{"k": `{"l":1}`},
			do: one(Append, "k", `{"l":"a"}`, 0), verdict: excluded, reason: object.ReasonType, field: "l"},
		{name: "remove", saw: rows{"k": `{"l":["a","b"]}`}, runs: rows{"k": `{"l":["a","b","c"]}`},
			do: one(Remove, "k", `{"l":"b"}`, 0), want: rows{"k": `{"l":["a","c"]}`}},
		{name: "exact remove of what went", saw: rows{"k": `{"l":["a"]}`}, runs: rows{"k": `{"l":[]}`},
			do: one(Remove, "k", `{"l":"a"}`, Exact), verdict: excluded, reason: object.ReasonFieldChanged, field: "l"},

		// several operations
		{name: "all or nothing", saw: rows{"k": `{"a":1}`, "m": `{"a":1}`}, runs: rows{"k": `{"a":1}`, "m": `{"a":9}`},
			do:      both(one(Put, "k", `{"a":2}`, 0), one(Put, "m", `{"a":2}`, 0)),
			verdict: excluded, reason: object.ReasonFieldChanged, op: 1, field: "a"},
		{name: "several do not converge one by one", saw: rows{"k": `{"a":1}`, "m": `{"a":1}`}, runs: rows{"k": `{"a":2}`, "m": `{"a":1}`},
			do:      both(one(Put, "k", `{"a":2}`, 0), one(Put, "m", `{"a":2}`, 0)),
			verdict: excluded, reason: object.ReasonFieldChanged, op: 0, field: "a"},
		{name: "several are a no-op together", saw: rows{"k": `{"a":1}`, "m": `{"a":1}`}, runs: rows{"k": `{"a":2}`, "m": `{"a":2}`},
			do: both(one(Put, "k", `{"a":2}`, 0), one(Put, "m", `{"a":2}`, 0)), verdict: noop},
		{name: "no-op looks at what is left behind", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":3}`},
			do: both(one(Put, "k", `{"a":2}`, 0), one(Put, "k", `{"a":3}`, 0)), verdict: noop},
		{name: "no-op by a list", saw: rows{"k": `{"a":1,"l":[]}`}, runs: rows{"k": `{"a":2,"l":["x","y"]}`},
			do: both(one(Put, "k", `{"a":2}`, 0), one(Append, "k", `{"l":"x"}`, 0)), verdict: noop},
		{name: "an exact one among several", saw: rows{"k": `{"a":1}`, "m": `{"a":1}`}, runs: rows{"k": `{"a":2}`, "m": `{"a":2}`},
			do:      both(one(Put, "k", `{"a":2}`, Exact), one(Put, "m", `{"a":2}`, 0)),
			verdict: excluded, reason: object.ReasonFieldChanged, op: 0, field: "a"},
		{name: "an incr is never a no-op", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":2,"b":1}`},
			do:      both(one(Put, "k", `{"a":2}`, 0), one(Incr, "k", `{"b":1}`, 0)),
			verdict: excluded, reason: object.ReasonFieldChanged, op: 0, field: "a"},
		{name: "a transfer", saw: rows{"k": `{"a":5}`, "m": `{"a":5}`}, runs: rows{"k": `{"a":7}`, "m": `{"a":9}`},
			do: both(one(Incr, "k", `{"a":-3}`, 0), one(Incr, "m", `{"a":3}`, 0)), want: rows{"k": `{"a":4}`, "m": `{"a":12}`}},
		{name: "operations see the ones before", do: both(both(one(Insert, "k", `{"a":1}`, 0), one(Put, "k", `{"a":2,"b":1}`, 0)),
			both(one(Incr, "k", `{"a":3}`, 0), one(Append, "k", `{"l":"x"}`, 0))), want: rows{"k": `{"a":5,"b":1,"l":["x"]}`}},
		{name: "del and insert again", saw: rows{"k": `{"a":1}`}, runs: rows{"k": `{"a":1}`},
			do: both(one(Del, "k", ``, 0), one(Put, "k", `{"b":1}`, 0)), want: rows{"k": `{"b":1}`}},
		{name: "insert and del leave nothing", do: both(one(Insert, "k", `{"a":1}`, 0), one(Del, "k", ``, 0)), want: rows{}},
		{name: "append and remove fold", saw: rows{"k": `{"l":["a","b"]}`}, runs: rows{"k": `{"l":["a","b","c"]}`},
			do:   both(one(Append, "k", `{"l":"d"}`, 0), both(one(Remove, "k", `{"l":"d"}`, 0), one(Remove, "k", `{"l":"a"}`, 0))),
			want: rows{"k": `{"l":["b","c"]}`}},

		// schemas
		{name: "schema allows", saw: rows{"": schema}, runs: rows{"": schema},
			do: one(Put, "k", `{"n":1,"d":2,"s":"x","l":[],"x":true}`, 0), want: rows{"": "", "k": `{"d":2,"l":[],"n":1,"s":"x","x":true}`}},
		{name: "schema takes null", saw: rows{"": schema}, runs: rows{"": schema},
			do: one(Insert, "k", `{"n":null}`, 0), want: rows{"": "", "k": `{"n":null}`}},
		{name: "no such column", runs: rows{"": schema}, do: one(Put, "k", `{"n":1,"z":1}`, 0),
			verdict: excluded, reason: object.ReasonNoColumn, field: "z"},
		{name: "key column is no field", runs: rows{"": schema}, do: one(Insert, "k", `{"id":"k"}`, 0),
			verdict: excluded, reason: object.ReasonNoColumn, field: "id"},
		{name: "wrong type", runs: rows{"": schema}, do: one(Insert, "k", `{"n":1.5}`, 0),
			verdict: excluded, reason: object.ReasonType, field: "n"},
		{name: "wrong type is not saved by convergence", runs: rows{"": schema, "k": `{"n":"x"}`}, do: one(Put, "k", `{"n":"x"}`, 0),
			verdict: excluded, reason: object.ReasonType, field: "n"},
		{name: "incr by a decimal of an integer column", saw: rows{"k": `{"n":1}`}, runs: rows{"": schema, "k": `{"n":1}`},
			do: one(Incr, "k", `{"n":1.5}`, 0), verdict: excluded, reason: object.ReasonType, field: "n"},
		{name: "append to a text column", saw: rows{"k": `{}`}, runs: rows{"": schema, "k": `{}`},
			do: one(Append, "k", `{"s":"x"}`, 0), verdict: excluded, reason: object.ReasonType, field: "s"},
		{name: "key does not fit", runs: rows{"": `{"key":["id"],"col":{"id":["integer",0],"a":["any",1]}}`},
			do: one(Put, "k", `{"a":1}`, 0), verdict: excluded, reason: object.ReasonBadKey},
		{name: "key of several columns", runs: rows{"": `{"key":["id","sub"]}`},
			do: one(Put, "k", `{"a":1}`, 0), verdict: excluded, reason: object.ReasonBadKey},
		{name: "define makes a schema", do: one(Define, "", `{"key":["id"],"col":{"a":["integer",1]}}`, 0, "col.z"),
			want: rows{"": `{"col":{"a":["integer",1]},"key":["id"]}`}},
		{name: "defines merge by cell", saw: rows{"": `{"col":{"a":["integer",1]}}`}, runs: rows{"": `{"col":{"a":["integer",1],"b":["text",2]}}`},
			do: one(Define, "", `{"col":{"c":["text",2]}}`, 0), want: rows{"": `{"col":{"a":["integer",1],"b":["text",2],"c":["text",2]}}`}},
		{name: "define against define", saw: rows{"": `{"col":{"a":["integer",1]}}`}, runs: rows{"": `{"col":{"a":["text",1]}}`},
			do: one(Define, "", `{"col":{"a":["decimal",1]}}`, 0), verdict: excluded, reason: object.ReasonFieldChanged, field: "col.a"},
		{name: "define, then put, in one", do: both(one(Define, "", `{"col":{"a":["integer",1]}}`, 0), one(Put, "k", `{"a":1}`, 0)),
			want: rows{"": `{"col":{"a":["integer",1]}}`, "k": `{"a":1}`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			saw := stateOf(t, test.saw)
			names, payload := author(t, saw, test.do...)
			b := newBench()
			b.state = stateOf(t, test.runs)
			before := b.state.rows(t)
			out := b.run(t, names, payload)
			if out.Verdict != test.verdict {
				t.Fatalf("verdict %v (%+v), want %v", out.Verdict, out.Exclusion, test.verdict)
			}
			after := b.state.rows(t)
			if test.verdict != applied {
				if !maps.Equal(before, after) {
					t.Errorf("state went from %v to %v", before, after)
				}
			} else {
				if schema, ok := test.want[""]; ok && schema == "" {
					test.want[""] = after[""]
				}
				if !maps.Equal(test.want, after) {
					t.Errorf("state is %v, want %v", after, test.want)
				}
			}
			if test.verdict == excluded {
				x := out.Exclusion
				if x.Reason != test.reason || x.Op != test.op || x.Field != test.field {
					t.Errorf("excluded by %v, operation %d, field %q; want %v, %d, %q", x.Reason, x.Op, x.Field, test.reason, test.op, test.field)
				}
			}
		})
	}
}

func TestAuthorRefuses(t *testing.T) {
	s := stateOf(t, rows{"": `{"col":{"a":["integer",0]}}`, "k": `{"a":1}`})
	tests := []struct {
		name string
		spec Spec
		want error
	}{
		{"insert over a row", spec(t, Insert, "k", `{"a":2}`, 0), ErrRowExists},
		{"del of no row", spec(t, Del, "m", ``, 0), ErrNoRow},
		{"remove from no row", spec(t, Remove, "m", `{"a":1}`, 0), ErrNoRow},
		{"wrong type", spec(t, Put, "k", `{"a":"x"}`, 0), &RefusedError{}},
		{"no column", spec(t, Put, "k", `{"b":"x"}`, 0), &RefusedError{}},
	}
	for _, test := range tests {
		_, err := NewAuthor(newDictionary()).AppendPayload(nil, s, []Spec{test.spec})
		var refused *RefusedError
		if _, want := test.want.(*RefusedError); want != errors.As(err, &refused) || !want && !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
	}
}
