package key

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func newRand(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// compare is the order that the encoding promises, by the components' own values.
func compare(a, b []Component) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if c := cmp.Compare(x.Type(), y.Type()); c != 0 {
			return c
		}
		if x.Type() == TypeInt {
			m, _ := x.BigInt()
			n, _ := y.BigInt()
			if c := m.Cmp(n); c != 0 {
				return c
			}
		} else if c := strings.Compare(x.str, y.str); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// randomComponent favours what lies close together: short strings of few letters among
// them NUL and 0xff, and integers around powers of two.
func randomComponent(r *rand.Rand) Component {
	str := func(alphabet []string) string {
		var b strings.Builder
		for range r.IntN(4) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	switch r.IntN(3) {
	case 0:
		return Bytes([]byte(str([]string{"\x00", "\x01", "a", "\xfe", "\xff"})))
	case 1:
		return Text(str([]string{"\x00", "\x01", "a", "ÿ", "\U0010ffff"}))
	}
	n := new(big.Int).Lsh(big.NewInt(1), uint(r.IntN(90)))
	n.Add(n, big.NewInt(int64(r.IntN(5)-2)))
	if r.IntN(2) == 0 {
		n.Neg(n)
	}
	return BigInt(n)
}

func randomTuple(r *rand.Rand) []Component {
	comps := make([]Component, r.IntN(4))
	for i := range comps {
		comps[i] = randomComponent(r)
	}
	return comps
}

func TestOrderIsThatOfTheTuples(t *testing.T) {
	r := newRand(t)
	tuples := make([][]Component, 700)
	for i := range tuples {
		tuples[i] = randomTuple(r)
	}
	for _, a := range tuples {
		for _, b := range tuples {
			if got, want := bytes.Compare(Append(nil, a...), Append(nil, b...)), compare(a, b); got != want {
				t.Fatalf("encodings of %v and %v compare as %d, tuples as %d", a, b, got, want)
			}
			if got, want := slices.Equal(a, b), compare(a, b) == 0; got != want {
				t.Fatalf("%v == %v is %v", a, b, got)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	r := newRand(t)
	for range 20000 {
		comps := randomTuple(r)
		enc, err := Encode(comps...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(enc)
		if err != nil || !slices.Equal(got, comps) {
			t.Fatalf("%v came back as %v, %v", comps, got, err)
		}
	}
}

func TestEncodingIsAsDocumented(t *testing.T) {
	huge := new(big.Int).Lsh(big.NewInt(1), 64)
	for _, c := range []struct {
		comp Component
		want string
	}{
		{Bytes(nil), "0100"},
		{Bytes([]byte{0, 1}), "0100ff0100"},
		{Text("a\x00b"), "026100ff6200"},
		{Int(0), "14"},
		{Int(1), "1501"},
		{Int(256), "160100"},
		{Int(-1), "13fe"},
		{Int(-256), "12feff"},
		{Int(math.MinInt64), "0c7fffffffffffffff"},
		{Uint(math.MaxUint64), "1cffffffffffffffff"},
		{BigInt(huge), "1d09010000000000000000"},
		{BigInt(new(big.Int).Neg(huge)), "0bf6feffffffffffffffff"},
	} {
		if got := hex.EncodeToString(Append(nil, c.comp)); got != c.want {
			t.Errorf("%v is %s, want %s", c.comp, got, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"unknown tag": "00", "tag above all": "1e", "string without end": "0261", "escape at the end": "0200ff",
		"text not UTF-8": "02ff00", "integer cut": "1601", "leading zero": "160001", "negative leading zero": "12fffe",
		"big cut": "1d", "big cut in the middle": "1d0901", "small big": "1d080100000000000000", "big leading zero": "1d09000000000000000001",
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if comps, err := Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, comps, err)
		}
	}
	if _, err := Decode(make([]byte, MaxBytes+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("long key: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, c := range map[string]Component{
		"zero component": {}, "text not UTF-8": Text("\xff"), "long text": Text(strings.Repeat("a", MaxTupleBytes-1)),
		"huge integer": BigInt(new(big.Int).Lsh(big.NewInt(1), 8*MaxIntBytes)),
		"zeros double": Bytes(make([]byte, MaxTupleBytes/2)),
	} {
		if _, err := Encode(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if enc, err := Encode(Text(strings.Repeat("a", MaxTupleBytes-2))); err != nil || len(enc) != MaxTupleBytes {
		t.Errorf("longest text: %d bytes, %v", len(enc), err)
	}
}

func TestAccessors(t *testing.T) {
	if n, ok := Int(math.MinInt64).Int(); !ok || n != math.MinInt64 {
		t.Error(n, ok)
	}
	if _, ok := Uint(1 << 63).Int(); ok {
		t.Error("2^63 fits int64")
	}
	if s, ok := Text("x").Text(); !ok || s != "x" {
		t.Error(s, ok)
	}
	if _, ok := Text("x").Int(); ok {
		t.Error("text is an integer")
	}
	if b, ok := Bytes([]byte{1}).Bytes(); !ok || !bytes.Equal(b, []byte{1}) {
		t.Error(b, ok)
	}
	for c, want := range map[Component]string{
		Int(-5): "-5", Uint(math.MaxUint64): "18446744073709551615", Text("é"): "é", Bytes([]byte{0xab}): "ab",
		BigInt(new(big.Int).Neg(new(big.Int).SetUint64(math.MaxUint64))): "-18446744073709551615",
	} {
		if c.String() != want {
			t.Errorf("%q, want %q", c.String(), want)
		}
	}
}

func TestTableNames(t *testing.T) {
	for _, name := range []string{"a", "accounts", "two words", "日本", "a.b", "a-b", strings.Repeat("x", MaxTableBytes)} {
		if err := CheckTable(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{
		"", ".", "..", ".a", "-a", " a", "a ", "a/b", `a\b`, "a:b", "a\x00", "a\tb", "a\nb", "a\x7f", "a\u0085", "a\u00a0b",
		"a\u202eb", "a\u200bb", "\ufeffa", "a\u2028", "\xff", strings.Repeat("x", MaxTableBytes+1),
	} {
		if err := CheckTable(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
		if _, err := Row(name, Int(1)); err == nil {
			t.Errorf("row of %q is accepted", name)
		}
		if _, err := Schema(name); err == nil {
			t.Errorf("schema of %q is accepted", name)
		}
	}
}

func TestStateKeys(t *testing.T) {
	comps := []Component{Text("k"), Int(7)}
	row, err := Row("acc", comps...)
	if err != nil {
		t.Fatal(err)
	}
	tuple, err := Encode(comps...)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(row, RowFromEncoded("acc", tuple)) {
		t.Error("RowFromEncoded differs from Row")
	}
	kind, table, rest, err := Split(row)
	if kind != KindRow || table != "acc" || !bytes.Equal(rest, tuple) || err != nil {
		t.Errorf("row splits into %v %q %x %v", kind, table, rest, err)
	}
	schema, err := Schema("acc")
	if err != nil {
		t.Fatal(err)
	}
	kind, table, rest, err = Split(schema)
	if kind != KindSchema || table != "acc" || len(rest) != 0 || err != nil {
		t.Errorf("schema splits into %v %q %x %v", kind, table, rest, err)
	}
	if _, err := Row("acc"); err == nil {
		t.Error("row without a key is accepted")
	}
	for _, in := range []string{"", "\x03", "\x03\x02", "\x03\x02acc", "\x03\x02acc\x00", "\x01\x02acc\x00\x14", "\x10\x02acc\x00", "\x03\x01acc\x00\x14", "\x03\x02a/c\x00\x14"} {
		if _, _, _, err := Split([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("Split(%q): %v", in, err)
		}
	}
}

func TestTablePrefixHoldsTheTableAndNothingElse(t *testing.T) {
	r := newRand(t)
	tables := []string{"a", "aa", "ab", "b", "a b", "é"}
	for _, table := range tables {
		from := TablePrefix(table)
		to := PrefixEnd(from)
		for range 500 {
			other := tables[r.IntN(len(tables))]
			row, err := Row(other, append(randomTuple(r), Int(1))...)
			if err != nil {
				t.Fatal(err)
			}
			inside := bytes.Compare(row, from) >= 0 && bytes.Compare(row, to) < 0
			if inside != (other == table) {
				t.Fatalf("row %x of %q in the range of %q: %v", row, other, table, inside)
			}
		}
	}
	if end := PrefixEnd([]byte{1, 0xff}); !bytes.Equal(end, []byte{2}) {
		t.Errorf("end %x", end)
	}
	if end := PrefixEnd([]byte{0xff, 0xff}); end != nil {
		t.Errorf("end %x", end)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, Text("a\x00b"), Bytes([]byte{0xff, 0}), Int(-300), Uint(math.MaxUint64)))
	f.Add(Append(nil, BigInt(new(big.Int).Lsh(big.NewInt(-3), 100))))
	f.Fuzz(func(t *testing.T, b []byte) {
		comps, err := Decode(b)
		if err != nil {
			return
		}
		if again := Append(nil, comps...); !bytes.Equal(again, b) {
			t.Fatalf("%x encodes again as %x", b, again)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add(RowFromEncoded("acc", Append(nil, Int(5))))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, table, tuple, err := Split(b)
		if err != nil {
			return
		}
		again := RowFromEncoded(table, tuple)
		if kind == KindSchema {
			again, err = Schema(table)
		}
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x builds again as %x, %v", b, again, err)
		}
	})
}

func BenchmarkRowFromEncoded(b *testing.B) {
	tuple := Append(nil, Text("account-0000001"))
	buf := make([]byte, 0, MaxBytes)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendRow(buf[:0], "accounts", tuple)
	}
}

func BenchmarkAppendText(b *testing.B) {
	buf := make([]byte, 0, MaxBytes)
	s := []byte("account-0000001")
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendText(buf[:0], s)
	}
}
