package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"aergo/repo/object"
)

func mustJSON(t testing.TB, text string) []byte {
	t.Helper()
	enc, err := ParseJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return enc
}

func TestJSON(t *testing.T) {
	big255 := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)).String()
	tests := []struct {
		in, want string // want empty: the same
		kind     Kind
	}{
		{`null`, "", KindNull}, {`true`, "", KindBool}, {`false`, "", KindBool},
		{`0`, "", KindInteger}, {`-1`, "", KindInteger}, {`18446744073709551615`, "", KindInteger},
		{`18446744073709551616`, "", KindInteger}, {`-18446744073709551616`, "", KindInteger},
		{`-18446744073709551617`, "", KindInteger}, {`9223372036854775808`, "", KindInteger},
		{`-9223372036854775809`, "", KindInteger}, {big255, "", KindInteger}, {`-` + big255, "", KindInteger},
		{`1.50`, "", KindDecimal}, {`-0.05`, "", KindDecimal}, {`0.00`, "", KindDecimal}, {`-0.0`, `0.0`, KindDecimal},
		{`-0`, `0`, KindInteger}, {`1e2`, `100`, KindInteger}, {`1.5e1`, `15`, KindInteger}, {`1.50E+1`, `15.0`, KindDecimal},
		{`12e-1`, `1.2`, KindDecimal}, {`0e999`, `0`, KindInteger},
		{`"a\u00e9\ud83d\ude00\n\/"`, `"aé😀\n/"`, KindText}, {`""`, "", KindText}, {`"\u0000\u007f"`, "", KindText},
		{`[]`, "", KindList}, {`[1,[2,"x"],null]`, "", KindList}, {`[{"b":1,"a":{}}]`, `[{"a":{},"b":1}]`, KindList},
		{`[[[[[[[[]]]]]]]]`, "", KindList}, {`{}`, "", KindRecord}, {` { "$bytes" : "AAH/" } `, `{"$bytes":"AAH/"}`, KindBytes},
		{`[{"$$$value":1,"$$bytes":"x"}]`, "", KindList},
	}
	for _, test := range tests {
		want := test.want
		if want == "" {
			want = test.in
		}
		enc := mustJSON(t, test.in)
		if got := string(AppendJSON(nil, enc)); got != want || KindOf(enc) != test.kind {
			t.Errorf("%s is %s, a %v; want %s, a %v", test.in, got, KindOf(enc), want, test.kind)
		}
		if err := CheckOperand(enc); err != nil {
			t.Errorf("%s: %v", test.in, err)
		}
		if again := mustJSON(t, want); !bytes.Equal(again, enc) {
			t.Errorf("%s and %s differ", test.in, want)
		}
	}
}

func TestJSONRefuses(t *testing.T) {
	tests := []struct {
		in   string
		want error
	}{
		{``, ErrSyntax}, {`tru`, ErrSyntax}, {`01`, ErrSyntax}, {`+1`, ErrSyntax}, {`1.`, ErrSyntax}, {`.5`, ErrSyntax}, {`-`, ErrSyntax},
		{`1e`, ErrSyntax}, {`1e9999999`, ErrSyntax}, {`--1`, ErrSyntax}, {`1-2`, ErrSyntax}, {`1 2`, ErrSyntax}, {`[1,]`, ErrSyntax}, {`[1`, ErrSyntax},
		{`"\ud800"`, ErrSyntax}, {`"\ud800\u0041"`, ErrSyntax}, {`"\x"`, ErrSyntax}, {"\"\xff\"", ErrSyntax}, {"\"\n\"", ErrSyntax}, {`"`, ErrSyntax}, {`"\`, ErrSyntax},
		{`{"a":1}`, ErrSyntax}, {`[{"a":1,"a":2}]`, ErrSyntax}, {`[{"$value":1}]`, ErrSyntax}, {`{"$bytes":"A"}`, ErrSyntax}, {`{"$bytes":"AB=="}`, ErrSyntax},
		{`{"$bytes":"","x":1}`, ErrSyntax}, {`[[[[[[[[[]]]]]]]]]`, ErrLimit}, {`1e78`, ErrRange}, {`1e-65`, ErrRange}, {`1e99999`, ErrRange}, {`-1e99999`, ErrRange},
		{strings.Repeat("9", 78), ErrRange}, {`"` + strings.Repeat("x", MaxBytes) + `"`, ErrLimit},
	}
	for _, test := range tests {
		if enc, err := ParseJSON([]byte(test.in)); !errors.Is(err, test.want) {
			t.Errorf("%.60s: %x, error %v, want %v", test.in, enc, err, test.want)
		}
	}
}

func TestJSONObject(t *testing.T) {
	tests := []struct{ in, names, want string }{
		{`{"b":1,"a":"x"}`, "a b", `{"a":"x","b":1}`},
		{`{"name":{"first":1,"last":{"x":null}},"e":{}}`, "e name.first name.last.x", `{"e":{},"name":{"first":1,"last":{"x":null}}}`},
		{`{"a.b":1,"a":{"b":2},"c\\d":3}`, `a.b a\.b c\\d`, `{"a":{"b":2},"a.b":1,"c\\d":3}`},
		{`{"a":{"$value":1,"b":2}}`, "a a.b", `{"a":{"$value":1,"b":2}}`},
		{`{"a":{"$bytes":"AA=="},"$$bytes":1,"d":{"$$value":2}}`, "$bytes a d.$value", `{"$$bytes":1,"a":{"$bytes":"AA=="},"d":{"$$value":2}}`},
		{`{"a":{"x":1},"a-b":2}`, "a-b a.x", `{"a":{"x":1},"a-b":2}`},
	}
	for _, test := range tests {
		fields, err := ParseJSONObject([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		var names []string
		for _, f := range fields {
			names = append(names, f.Name)
			if JoinPath(SplitPath(f.Name)...) != f.Name {
				t.Errorf("path %q does not come back", f.Name)
			}
		}
		if got := strings.Join(names, " "); got != test.names {
			t.Errorf("%s has the fields %s, want %s", test.in, got, test.names)
		}
		if got := string(AppendJSONObject(nil, fields)); got != test.want {
			t.Errorf("%s comes back as %s, want %s", test.in, got, test.want)
		}
	}
	for _, bad := range []string{`[]`, `{"a":1,"a":2}`, `{"a":{"b":1},"a":{"c":1}}`, `{"a":{"$value":1},"a":2}`, `{"":1}`, `{"\u0001":1}`, `{"$value":1}`, `{"$bytes":""}`, `{"a":1}x`, strings.Repeat(`{"a":`, 99)} {
		if fields, err := ParseJSONObject([]byte(bad)); err == nil {
			t.Errorf("%s is taken as %v", bad, fields)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.50,{"$bytes":"AA=="}],"b":{"c":{}}}`, `"x\ud83d\ude00"`, `1e-5`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if enc, err := ParseJSON(raw); err == nil {
			if !json.Valid(raw) {
				t.Fatalf("%q is no JSON", raw)
			}
			out := AppendJSON(nil, enc)
			if again, err := ParseJSON(out); err != nil || !bytes.Equal(again, enc) {
				t.Fatalf("%q becomes %s becomes %x, want %x: %v", raw, out, again, enc, err)
			}
		}
		if fields, err := ParseJSONObject(raw); err == nil {
			if !json.Valid(raw) {
				t.Fatalf("%q is no JSON", raw)
			}
			out := AppendJSONObject(nil, fields)
			again, err := ParseJSONObject(out)
			if err != nil || len(again) != len(fields) {
				t.Fatalf("%q becomes %s: %v", raw, out, err)
			}
			for i := range fields {
				if fields[i].Name != again[i].Name || !bytes.Equal(fields[i].Enc, again[i].Enc) {
					t.Fatalf("%q becomes %s: field %q", raw, out, fields[i].Name)
				}
			}
		}
	})
}

// rebuild makes a value again from what the accessors say of it.
func rebuild(t *testing.T, enc []byte) []byte {
	switch KindOf(enc) {
	case KindAbsent:
		return AppendAbsent(nil)
	case KindNull:
		return AppendNull(nil)
	case KindBool:
		v, _ := AsBool(enc)
		return AppendBool(nil, v)
	case KindInteger, KindDecimal:
		n, ok := AsNumber(enc)
		out, err := AppendDecimal(nil, n.Coefficient, n.Scale)
		if !ok || err != nil {
			t.Fatalf("%x: %v, %v", enc, ok, err)
		}
		return out
	case KindText:
		s, _ := AsText(enc)
		return AppendText(nil, string(s))
	case KindBytes:
		s, _ := AsBytes(enc)
		return AppendBytes(nil, s)
	case KindList:
		var elements [][]byte
		for e := range Elements(enc) {
			elements = append(elements, rebuild(t, e))
		}
		return AppendList(nil, elements...)
	case KindRecord:
		n, body := 0, []byte(nil)
		for name, v := range Members(enc) {
			n++
			body = append(object.AppendText(body, string(name)), rebuild(t, v)...)
		}
		return append(append(object.AppendArray(nil, 1+2*n), tagRecord), body...)
	}
	t.Fatalf("%x is of no kind", enc)
	return nil
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`[1,-2.50,{"a":"AA=="}]`, `-99999999999999999999999`, `"x"`, `null`, `{}`} {
		f.Add(mustJSON(f, s))
	}
	f.Fuzz(func(t *testing.T, enc []byte) {
		_ = AppendJSON(nil, enc) // whatever it is, no panic
		_, _ = Add(enc, enc)
		if Check(enc) != nil && CheckOperand(enc) != nil && CheckElement(enc) != nil {
			return
		}
		if again := rebuild(t, enc); !bytes.Equal(again, enc) {
			t.Fatalf("%x is rebuilt as %x", enc, again)
		}
	})
}

func TestCheckRefuses(t *testing.T) {
	for _, bad := range [][]byte{
		{}, {0x80}, {0x82, 0, 0}, {0x82, 1, 2}, {0x81, 1}, {0x83, 3, 0, 0x41, 5}, {0x84, 4, 0, 0, 0x41, 5}, {0x84, 4, 1, 1, 0x40}, {0x84, 4, 1, 0, 0x42, 0, 1},
		{0x84, 4, 0x18, 65, 0, 0x41, 1}, {0x81, 7}, {0x82, 5, 0x80}, {0x83, 6, 0x61, 'a', 1}, {0x82, 6, 0x61}, {0x82, 5, 0x85, 6, 0x61, 'b', 1, 0x61, 'a', 1},
		{0x83, 3, 1, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {0x18, 5}, {0x61, 0xff},
	} {
		if err := Check(bad); err == nil {
			t.Errorf("%x is taken", bad)
		}
	}
	large, err := AppendBigInt(nil, new(big.Int).Lsh(big.NewInt(1), 300))
	if err != nil || Check(large) != nil || CheckOperand(large) == nil {
		t.Errorf("2^300: %v, stored %v, operand %v", err, Check(large), CheckOperand(large))
	}
	if _, err := AppendBigInt(nil, new(big.Int).Lsh(big.NewInt(1), 512)); !errors.Is(err, ErrRange) {
		t.Errorf("2^512: %v", err)
	}
}

func TestAdd(t *testing.T) {
	tests := []struct{ a, b, want string }{
		{"1", "2", "3"}, {"-5", "5", "0"}, {"9223372036854775807", "1", "9223372036854775808"}, {"-9223372036854775808", "-1", "-9223372036854775809"},
		{"18446744073709551615", "1", "18446744073709551616"}, {"18446744073709551616", "-1", "18446744073709551615"},
		{"1.50", "1", "2.50"}, {"1.5", "0.50", "2.00"}, {"0.05", "-0.10", "-0.05"}, {"1", "-1.0", "0.0"},
	}
	for _, test := range tests {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			got, err := Add(mustJSON(t, pair[0]), mustJSON(t, pair[1]))
			if err != nil || string(AppendJSON(nil, got)) != test.want {
				t.Errorf("%s + %s is %s, %v; want %s", pair[0], pair[1], AppendJSON(nil, got), err, test.want)
			}
		}
	}
	for _, bad := range []string{`"1"`, `null`, `[]`, `true`} {
		if _, err := Add(mustJSON(t, bad), mustJSON(t, "1")); !errors.Is(err, ErrType) {
			t.Errorf("%s + 1: %v", bad, err)
		}
	}
}

// TestAddInAnyOrder sums random numbers in two orders, and against math/big.
func TestAddInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for range 2000 {
		var terms [][]byte
		want := new(big.Rat)
		for range 1 + r.IntN(6) {
			c := new(big.Int).Lsh(big.NewInt(r.Int64()), uint(r.IntN(190)))
			if r.IntN(2) == 0 {
				c.Neg(c)
			}
			scale := r.IntN(MaxScale+1) * r.IntN(2)
			enc, err := AppendDecimal(nil, c, scale)
			if err != nil {
				t.Fatal(err)
			}
			terms = append(terms, enc)
			want.Add(want, new(big.Rat).SetFrac(c, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
		}
		sum := func() []byte {
			total := AppendUint(nil, 0)
			for _, term := range terms {
				var err error
				if total, err = Add(total, term); err != nil {
					t.Fatal(err)
				}
			}
			return total
		}
		first := sum()
		r.Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
		if second := sum(); !bytes.Equal(first, second) {
			t.Fatalf("%s and %s", AppendJSON(nil, first), AppendJSON(nil, second))
		}
		got, _ := new(big.Rat).SetString(string(AppendPlain(nil, first)))
		if got.Cmp(want) != 0 || Check(first) != nil {
			t.Fatalf("sum is %v, want %v", got, want)
		}
	}
}

func TestSets(t *testing.T) {
	tests := []struct {
		list    string
		changes string // + or - before each element, ascending by encoding
		want    string
	}{
		{`[]`, `+1 +2`, `[1,2]`}, {`[3,1,1]`, `+2`, `[1,2,3]`}, {`[1,2]`, `-1 -5`, `[2]`}, {`["b"]`, `+1 +"a"`, `[1,"a","b"]`}, {`[1]`, `+1`, `[1]`}, {`[1]`, `-1`, `[]`},
	}
	for _, test := range tests {
		var changes []SetChange
		for c := range strings.FieldsSeq(test.changes) {
			changes = append(changes, SetChange{Element: mustJSON(t, c[1:]), Remove: c[0] == '-'})
		}
		got, err := AppendChangedSet(nil, mustJSON(t, test.list), changes)
		if err != nil || string(AppendJSON(nil, got)) != test.want {
			t.Errorf("%s with %s is %s, %v; want %s", test.list, test.changes, AppendJSON(nil, got), err, test.want)
		}
	}
	if _, err := AppendChangedSet(nil, AppendUint(nil, 1), nil); !errors.Is(err, ErrType) {
		t.Errorf("set in a number: %v", err)
	}
}

func TestPlain(t *testing.T) {
	good := map[Type][]string{
		TypeText: {"", "x", "1", "é"}, TypeInteger: {"0", "-1", "123456789012345678", "1234567890123456789012345678901234567890"},
		TypeDecimal: {"0", "1.50", "-0.001", "0.0"}, TypeBool: {"true", "false"}, TypeBytes: {"", "00ff"}, TypeList: {"[]", `[1,"x"]`},
		TypeAny: {"5", "-1.50", "true", "null", "abc", "[1]", "[x", "01", ""},
	}
	for typ, cells := range good {
		for _, cell := range cells {
			enc, err := ParsePlain(nil, typ, []byte(cell))
			if err != nil || !typ.Fits(enc) || Check(enc) != nil || string(AppendPlain(nil, enc)) != cell {
				t.Errorf("%q of type %v: %x, %v", cell, typ, enc, err)
			}
		}
	}
	bad := map[Type][]string{
		TypeText: {"\xff"}, TypeInteger: {"", "01", "-0", "+1", "1.0", " 1", "1e5", "-"}, TypeDecimal: {"", "1.", ".5", "-0.0", "00.1", "1.1.1"},
		TypeBool: {"", "True", "1"}, TypeBytes: {"0", "FF", "xx"}, TypeList: {"", "{}", "1"},
	}
	for typ, cells := range bad {
		for _, cell := range cells {
			if enc, err := ParsePlain([]byte("x"), typ, []byte(cell)); !errors.Is(err, ErrSyntax) || string(enc) != "x" {
				t.Errorf("%q of type %v: %x, %v", cell, typ, enc, err)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, good := range []string{"a", "a.b", `a\.b`, `a\\b`, "é", ".", "a b"} {
		if err := CheckName(good); err != nil || JoinPath(SplitPath(good)...) != good {
			t.Errorf("%q: %v, %q", good, err, SplitPath(good))
		}
	}
	for _, bad := range []string{"", "a\x00", "\x1f", "\x7f", "\u0085", `a\b`, `a\`, "\xff", strings.Repeat("x", MaxNameBytes+1)} {
		if CheckName(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func BenchmarkParsePlain(b *testing.B) {
	for typ, cell := range map[Type]string{TypeInteger: "1234567", TypeDecimal: "1234.50", TypeText: "somebody@example.org"} {
		b.Run(typ.String(), func(b *testing.B) {
			in, out := []byte(cell), []byte(nil)
			b.ReportAllocs()
			for b.Loop() {
				out, _ = ParsePlain(out[:0], typ, in)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, text := range []string{`1234567`, `"somebody@example.org"`, `-12.50`} {
		b.Run(text, func(b *testing.B) {
			enc := mustJSON(b, text)
			for b.Loop() {
				if Check(enc) != nil {
					b.Fatal()
				}
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, text := range []string{`1234567`, `12.50`} {
		b.Run(text, func(b *testing.B) {
			enc, out := mustJSON(b, text), []byte(nil)
			b.ReportAllocs()
			for b.Loop() {
				out, _ = AppendSum(out[:0], enc, enc)
			}
		})
	}
}
