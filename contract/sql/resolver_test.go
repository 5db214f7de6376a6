package sql

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
)

// row returns the encoded row of a JSON object, nil for an empty text.
func row(t testing.TB, json string) []byte {
	t.Helper()
	if json == "" {
		return nil
	}
	fields, err := value.ParseJSONObject([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := table.AppendRow(nil, fields)
	if err != nil {
		t.Fatal(err)
	}
	return enc
}

// cell returns the case of the field v in three versions of a row.
func cell(t testing.TB, base, ours, theirs string) *Case {
	t.Helper()
	return &Case{
		Table: "stock", Key: []string{"a1", "7"}, Field: "v",
		Base: row(t, base), Ours: row(t, ours), Theirs: row(t, theirs),
		Author:     Author{Key: "00ff", Name: "Ada", Roles: []string{"editor", "clerk"}},
		TimeMillis: 1700000000000,
	}
}

func resolve(t testing.TB, source string, c *Case) (Answer, error) {
	t.Helper()
	r, err := Compile([]byte(source))
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	s := r.NewSession()
	defer s.Close()
	return s.Resolve(context.Background(), c)
}

// say returns an answer in words, or the error's.
func say(a Answer, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case a.Kind == AnswerExclude:
		return "exclude: " + a.Reason
	case value.Absent(a.Value):
		return "unset"
	}
	return string(value.AppendJSON(nil, a.Value))
}

func TestAnswers(t *testing.T) {
	numbers := [3]string{`{"v":10,"u":1}`, `{"v":12,"u":5}`, `{"v":15,"u":9}`}
	decimals := [3]string{`{"v":1.50}`, `{"v":10}`, `{"v":9.75}`}
	texts := [3]string{`{"v":"a"}`, `{"v":"ab"}`, `{"v":"ac","o":3,"n":"x"}`}
	lists := [3]string{`{"v":["a","b"]}`, `{"v":["a","b","d"]}`, `{"v":["b","c",1.50]}`}
	bools := [3]string{`{"v":false}`, `{"v":true}`, `{"v":false,"w":true}`}
	bytes3 := [3]string{``, `{"v":{"$bytes":"AAE="}}`, `{"v":{"$bytes":"AAI="}}`}
	big := [3]string{`{"v":18446744073709551616}`, `{"v":18446744073709551617}`, `{"v":18446744073709551618}`}
	for _, test := range []struct {
		rows         [3]string
		source, want string
	}{
		{numbers, "ours + theirs - base", "17"},
		{numbers, "on stock.v: ours + theirs - base;", "17"},
		{numbers, "ON *: 1; on *.v: 2; on stock: 3; on stock.v: 4", "4"},
		{numbers, "on *: 1; on *.v: 2; on stock: 3", "3"},
		{numbers, "on *: 1; on *.v: 2; on stock.w: 4", "2"},
		{numbers, "on *: 1; on other.v: 4", "1"},
		{numbers, "CASE WHEN theirs.u > ours.u THEN theirs ELSE ours END", "15"},
		{numbers, "SELECT CASE WHEN theirs.u > ours.u THEN theirs ELSE ours END", "15"},
		{numbers, "SELECT max(ours.v, theirs.v) - base.v FROM ours, theirs", "5"},
		{numbers, "SELECT v FROM (SELECT v, u FROM ours UNION ALL SELECT v, u FROM theirs) ORDER BY u DESC", "line 1, column 55: on *: not a resolver: no such column: v: of a row it is ours.v, theirs.v or base.v"},
		{numbers, "SELECT x FROM (SELECT ours.v AS x, ours.u AS y FROM ours UNION ALL SELECT theirs.v, theirs.u FROM theirs) ORDER BY y DESC", "15"},
		{numbers, "SELECT ours.v FROM ours JOIN theirs ON ours.u < theirs.u", "12"},
		{numbers, "SELECT OURS+/* the other */THEIRS -- done", "27"},
		{numbers, "tx.time / 1000", "1700000000"},
		{numbers, "CASE WHEN has_role('editor') THEN theirs ELSE ours END", "15"},
		{numbers, "CASE WHEN has_role('boss') THEN theirs ELSE ours END", "12"},
		{numbers, "CASE WHEN 'clerk' IN (SELECT value FROM json_each(author.roles)) THEN theirs ELSE exclude('not a clerk') END", "15"},
		{numbers, "CASE WHEN theirs - base > 3 THEN exclude('a change of ' || (theirs - base) || ' by ' || author.name) ELSE theirs END", "exclude: a change of 5 by Ada"},
		{numbers, "fail('ask ' || author.key)", "line 1, column 1: on *: the rule gives up: ask 00ff"},
		{numbers, "unset()", "unset"},
		{numbers, "coalesce(set_null(), 3)", "null"},
		{numbers, "decimal_add(ours, 1)", "13"},
		{numbers, "decimal_add(ours, '1.5')", "line 1, column 1: on *: not an answer: decimal 13.5 where all are integers"},
		{numbers, "'7'", "7"},
		{numbers, "'seven'", `line 1, column 1: on *: not an answer: text "seven" for a integer`},
		{numbers, "ours.none", "line 1, column 1: on *: not an answer: NULL, and neither side is null or missing (base may be: coalesce(base, 0) helps); to say so on purpose there are set_null() and unset()"},
		{numbers, "9223372036854775807 + ours", "line 1, column 1: on *: not an answer: floating point, 9.223372036854776e+18: integers beyond 64 bits and decimals are for decimal_add, decimal_sub and decimal_mul"},
		{numbers, "decimal_add(9223372036854775807, ours)", "9223372036854775819"},
		{numbers, "decimal_add(ours / '2', 1)", "7"},
		{numbers, "decimal_add(ours / '2.5', 1)", "line 1, column 1: on *: the rule can't go on: decimal_add is given floating point"},
		{numbers, "abs(-9223372036854775807 - 1)", "line 1, column 1: on *: the rule can't go on: integer overflow"},
		{numbers, "json_extract('{', '$.a')", "line 1, column 1: on *: the rule can't go on: malformed JSON"},
		{numbers, "1 / 0", "line 1, column 1: on *: not an answer: NULL, and neither side is null or missing (base may be: coalesce(base, 0) helps); to say so on purpose there are set_null() and unset()"},
		{[3]string{``, `{"v":3}`, `{"v":4}`}, "ours + theirs - coalesce(base, 0)", "7"},
		{[3]string{`{"v":2}`, `{}`, `{"v":4}`}, "ours", "unset"},
		{[3]string{`{"v":2}`, `{"v":null}`, `{"v":4}`}, "ours", "null"},
		{[3]string{`{"v":2}`, ``, `{"v":4}`}, "coalesce(ours, theirs)", "4"},
		{decimals, "decimal_sub(decimal_add(ours, theirs), base)", "18.25"},
		{decimals, "decimal_max(ours, theirs)", "10"},
		{decimals, "decimal_min(ours, theirs)", "9.75"},
		{decimals, "CASE WHEN decimal_cmp(ours, theirs) > 0 THEN ours ELSE theirs END", "10"},
		{decimals, "decimal_mul(theirs, '1.20')", "11.70"},
		{decimals, "decimal_mul(theirs, '1.234')", "12.0315"},
		{decimals, "ours + theirs - base", "line 1, column 6: on *: the rule can't go on: theirs is 9.75 here, and + is for integers: use decimal_add, decimal_sub, decimal_mul, decimal_cmp, decimal_min or decimal_max"},
		{decimals, "CASE WHEN ours > theirs THEN ours ELSE theirs END", "line 1, column 16: on *: the rule can't go on: theirs is 9.75 here, and > is for integers: use decimal_add, decimal_sub, decimal_mul, decimal_cmp, decimal_min or decimal_max"},
		{decimals, "max(ours, theirs)", "line 1, column 11: on *: the rule can't go on: theirs is 9.75 here, and max is for integers: use decimal_add, decimal_sub, decimal_mul, decimal_cmp, decimal_min or decimal_max"},
		{decimals, "theirs", "9.75"},
		{big, "theirs", "18446744073709551618"},
		{big, "decimal_sub(decimal_add(ours, theirs), base)", "18446744073709551619"},
		{big, "decimal_sub(theirs, ours)", "1"},
		{texts, "ours || theirs.n || theirs.o", `"abx3"`},
		{texts, "replace(ours, 'b', 'é') || instr(theirs, 'c')", `"aé2"`},
		{texts, "trim('  x ') || ltrim('xxy', 'x') || rtrim('yz', 'zw')", `"xyy"`},
		{texts, "iif(theirs LIKE 'A_' AND NOT ours LIKE '%c', upper(theirs), ours)", `"AC"`},
		{texts, "iif('50%' LIKE '%0!%' ESCAPE '!', 'yes', 'no')", `"yes"`},
		{texts, "length(ours)", "line 1, column 1: on *: not an answer: integer 2 for a text: CAST(... AS TEXT) makes it one"},
		{texts, "theirs.o", "line 1, column 1: on *: not an answer: integer 3 for a text: CAST(... AS TEXT) makes it one"},
		{texts, "CAST(x'ff' AS TEXT)", "line 1, column 1: on *: not an answer: a text that is not valid UTF-8"},
		{texts, "cell.table_name || cell.row_key || cell.field", `"stock[\"a1\",\"7\"]v"`},
		{texts, "cell.row_key ->> 0", `"a1"`},
		{texts, `theirs."o" || 'x'`, `"3x"`},
		{lists, "SELECT json_group_array(value) FROM (SELECT value FROM json_each(ours) UNION SELECT value FROM json_each(theirs) WHERE typeof(value) = 'text')", `["a","b","c","d"]`},
		{lists, "ours", `["a","b","d"]`},
		{lists, "theirs", `["b","c",1.50]`},
		{lists, "(SELECT json_group_array(value) FROM json_each(theirs))", "line 1, column 1: on *: not an answer: a list with the number 1.5, which came through floating point"},
		{lists, "'x'", `line 1, column 1: on *: not an answer: text "x" for a list: want a JSON array`},
		{bools, "ours AND theirs.w", "true"},
		{bools, "NOT ours", "false"},
		{bools, "2", "line 1, column 1: on *: not an answer: integer 2 for a bool"},
		{bytes3, "theirs", `{"$bytes":"AAI="}`},
		{bytes3, "x'0102'", `{"$bytes":"AQI="}`},
		{bytes3, "hex(ours)", `line 1, column 1: on *: not an answer: text "0001" for a bytes`},
		{[3]string{``, `{"v":"a\u0000é"}`, `{"v":""}`}, "ours || theirs || 'x'", `"a\u0000éx"`},
		{[3]string{``, `{"v":"a\u0000é"}`, `{"v":""}`}, "replace(ours, 'é', '') || trim(theirs)", `"a\u0000"`},
		{[3]string{``, `{"v":"a"}`, `{"v":""}`}, "theirs", `""`},
		{[3]string{``, `{"v":{"$bytes":""}}`, `{"v":{"$bytes":"AA=="}}`}, "ours", `{"$bytes":""}`},
		{[3]string{``, `{"v":{}}`, `{"v":"x"}`}, "ours", `{}`},
		{[3]string{``, `{"v":-5}`, `{"v":-9223372036854775808}`}, "theirs", `-9223372036854775808`},
		{[3]string{`{"v":"1"}`, `{"v":"none"}`, `{"v":7}`}, "8", "8"},
		{[3]string{`{"v":null}`, ``, ``}, "'x'", `"x"`},
	} {
		c := cell(t, test.rows[0], test.rows[1], test.rows[2])
		r, err := Compile([]byte(test.source))
		var got string
		if err == nil {
			s := r.NewSession()
			got = say(s.Resolve(context.Background(), c))
			if err := s.Close(); err != nil {
				t.Errorf("%s: close: %v", test.source, err)
			}
		} else {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s on %v\n got %s\nwant %s", test.source, test.rows, got, test.want)
		}
	}
}

func TestCompilePointsAtTheFault(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{"", "line 1, column 1: not a resolver: there is no rule"},
		{" -- nothing\n", "line 1, column 1: not a resolver: there is no rule"},
		{"on stock.v: ours +", "line 1, column 19: on stock.v: not a resolver: the rule ends too early"},
		{"on a.b.c: 1", `line 1, column 7: not a resolver: a rule is about table.field: quote a name with a dot in it, table."a.b"`},
		{"on a: 1;\non a.*: 2", "line 2, column 1: not a resolver: a.* has a rule already, on line 1"},
		{"on a: 1\non b: 2", "line 2, column 5: not a resolver: a colon stands after ON and what the rule is about only: does the rule before lack its semicolon?"},
		{"on a: ;", "line 1, column 7: not a resolver: the rule says nothing"},
		{"on a 1", "line 1, column 6: not a resolver: want a colon after what the rule is about"},
		{"on 5: 1", "line 1, column 4: not a resolver: want the name of a table or field, or *"},
		{"on a: 1; ours", "line 1, column 10: not a resolver: want ON, then what the rule is about"},
		{"ours; theirs", "line 1, column 7: not a resolver: a resolver of several rules begins each with ON"},
		{"on a: (1", "line 1, column 7: not a resolver: the bracket is not closed"},
		{"on a: 1), (2", "line 1, column 8: not a resolver: nothing is open that this bracket could close"},
		{"on a: 'x", "line 1, column 7: not a resolver: the closing ' is missing"},
		{"on a: [x", "line 1, column 7: not a resolver: the closing ] is missing"},
		{"on a: /* x", "line 1, column 7: not a resolver: the comment has no end"},
		{"ours * 1.5", "line 1, column 8: not a resolver: 1.5 would be floating point: write it as text, '1.5', for decimal_add and its like"},
		{"ours * 99999999999999999999", "line 1, column 8: not a resolver: the number has more than 64 bits: write it as text, for decimal_add and its like"},
		{"1x", "line 1, column 1: not a resolver: this is no number"},
		{"ours = ?1", "line 1, column 8: not a resolver: '?' has no meaning here"},
		{"ours\x00", "line 1, column 5: not a resolver: not a text in UTF-8"},
		{"'\xff'", "line 1, column 2: not a resolver: not a text in UTF-8"},
		{"1, 2", "line 1, column 1: on *: not a resolver: row value misused"},
		{"SELECT 1, 2", "line 1, column 1: on *: not a resolver: sub-select returns 2 columns - expected 1"},
		{"on é.v:\n ours +\n random()", "line 3, column 2: on é.v: not a resolver: a rule may not use random"},
		{"ours.*", "line 1, column 6: on *: not a resolver: a row has no fixed columns here: name the ones you want"},
		{"ours.a.b", `line 1, column 6: on *: not a resolver: a name with a dot in it is written in quotes, ours."a.b"`},
		{"author.age", "line 1, column 8: on *: not a resolver: author has no age, only name, key, roles"},
		{"SELECT 1 AS ours", "line 1, column 13: on *: not a resolver: ours has a meaning already: choose another name"},
		{"WITH ours AS (SELECT 1) SELECT 2", "line 1, column 6: on *: not a resolver: ours has a meaning already: choose another name"},
		{"updated", "line 1, column 1: on *: not a resolver: no such column: updated: of a row it is ours.updated, theirs.updated or base.updated"},
		{"on a: ours +\n  updatd", "line 2, column 3: on a: not a resolver: no such column: updatd: of a row it is ours.updatd, theirs.updatd or base.updatd"},
		{"nosuch(1)", "line 1, column 1: on *: not a resolver: no such function: nosuch"},
		{"SELECT ours.a, ours.A FROM ours", "line 1, column 1: on *: not a resolver: ours.A is not the only column of that name in any case of letters: such a rule can't have ours in a FROM"},
		{"EXPLAIN SELECT 1", `line 1, column 9: on *: not a resolver: near "SELECT": syntax error`},
		{"DELETE FROM sqlite_master", `line 1, column 1: on *: not a resolver: near "DELETE": syntax error`},
	} {
		_, err := Compile([]byte(test.source))
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrProgram) || err.Error() != test.want {
			t.Errorf("%q\n got %v\nwant %s", test.source, err, test.want)
		}
	}
	if _, err := Compile([]byte("'" + strings.Repeat("x", maxTextBytes-2) + "'")); err != nil {
		t.Error(err)
	}
	if _, err := Compile([]byte("'" + strings.Repeat("x", maxTextBytes-1) + "'")); !errors.Is(err, ErrProgram) {
		t.Errorf("a text that is too long: %v", err)
	}
	if _, err := Compile([]byte(strings.Repeat(" ", MaxSourceBytes) + "1")); !errors.Is(err, ErrProgram) {
		t.Errorf("a source that is too long: %v", err)
	}
}

func TestRuleTellsWhatItLooksAt(t *testing.T) {
	r, err := Compile([]byte("-- first\non users.name:\n  iif(theirs.updated > ours.\"at.last\", theirs, tx.time);\non *: ours"))
	if err != nil {
		t.Fatal(err)
	}
	rule, ok := r.Rule("users", "name")
	if !ok || rule.Target() != "users.name" || rule.Line() != 3 || strings.Join(rule.Columns(), " ") != "at.last updated" {
		t.Errorf("got %q, line %d, columns %q", rule.Target(), rule.Line(), rule.Columns())
	}
	if len(r.Rules()) != 2 {
		t.Errorf("%d rules", len(r.Rules()))
	}
	one, err := Compile([]byte("on users.name: ours"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := one.Rule("users", "age"); ok {
		t.Error("a rule for what none is about")
	}
	if _, err := one.NewSession().Resolve(context.Background(), cell(t, "", `{"v":1}`, `{"v":2}`)); !errors.Is(err, ErrNoRule) {
		t.Errorf("got %v", err)
	}
}
