package format

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

// randomText favours what formats must escape.
func randomText(r *rand.Rand) string {
	letters := []string{"a", "1", ",", `"`, "\n", "\r", "\r\n", "é", " ", ".", `\`, "\x00", "\u2028", "\U0001f600", "$bytes", "[", "null", "\ufeff", "\x7f"}
	var b strings.Builder
	for range r.IntN(5) {
		b.WriteString(letters[r.IntN(len(letters))])
	}
	return b.String()
}

func randomNumber(r *rand.Rand) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(r.IntN(255)))
	if r.IntN(2) == 0 {
		n.SetInt64(int64(r.IntN(2000)))
	}
	n.Add(n, big.NewInt(int64(r.IntN(5))))
	if r.IntN(2) == 0 {
		n.Neg(n)
	}
	return n
}

// randomValue returns a value that fits t and is not null, encoded.
func randomValue(t testing.TB, r *rand.Rand, typ value.Type, depth int) []byte {
	var enc []byte
	var err error
	switch typ {
	case value.TypeBool:
		enc = value.AppendBool(nil, r.IntN(2) == 0)
	case value.TypeInteger:
		enc, err = value.AppendBigInt(nil, randomNumber(r))
	case value.TypeDecimal:
		enc, err = value.AppendDecimal(nil, randomNumber(r), r.IntN(30))
	case value.TypeText:
		enc = value.AppendText(nil, randomText(r))
	case value.TypeBytes:
		enc = value.AppendBytes(nil, []byte(randomText(r)))
	case value.TypeList:
		elements := make([][]byte, r.IntN(3))
		for i := range elements {
			elements[i] = randomElement(t, r, depth+1)
		}
		enc = value.AppendList(nil, elements...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return enc
}

func randomElement(t testing.TB, r *rand.Rand, depth int) []byte {
	types := []value.Type{value.TypeBool, value.TypeInteger, value.TypeDecimal, value.TypeText, value.TypeBytes, value.TypeList}
	if depth == 3 {
		types = types[:5]
	}
	if r.IntN(8) == 0 {
		return value.AppendNull(nil)
	}
	return randomValue(t, r, types[r.IntN(len(types))], depth)
}

// randomName returns a field's name, which may be a path.
func randomName(r *rand.Rand) string {
	members := make([]string, 1+r.IntN(3)/2)
	for i := range members {
		members[i] = []string{"a", "b", "c", "x.y", `back\slash`, "$bytes", "$value", "$$value", "이름", " s ", `q"`, ","}[r.IntN(12)]
	}
	return value.JoinPath(members...)
}

// testRow is a row in encoded form.
type testRow struct{ tuple, row []byte }

func sortRows(rows []testRow) []testRow {
	slices.SortFunc(rows, func(a, b testRow) int { return bytes.Compare(a.tuple, b.tuple) })
	return slices.CompactFunc(rows, func(a, b testRow) bool { return bytes.Equal(a.tuple, b.tuple) })
}

func appendRow(t testing.TB, fields []value.Field) []byte {
	slices.SortFunc(fields, func(a, b value.Field) int { return strings.Compare(a.Name, b.Name) })
	fields = slices.CompactFunc(fields, func(a, b value.Field) bool { return a.Name == b.Name })
	row, err := table.AppendRow(nil, fields)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func randomTuple(r *rand.Rand, keyTypes []value.Type) []byte {
	comps := make([]key.Component, len(keyTypes))
	for i, typ := range keyTypes {
		switch typ {
		case value.TypeInteger:
			comps[i] = key.BigInt(randomNumber(r))
		case value.TypeBytes:
			comps[i] = key.Bytes([]byte(randomText(r)))
		default:
			comps[i] = key.Text(randomText(r))
		}
	}
	return key.Append(nil, comps...)
}

func write(t testing.TB, w RowWriter, err error, rows []testRow) {
	t.Helper()
	for _, row := range rows {
		if err == nil {
			err = w.WriteRow(row.tuple, row.row)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// same says how a table's rows differ from those expected.
func same(tab *Table, rows []testRow) error {
	if err := tab.Sort(); err != nil {
		return err
	}
	if tab.Len() != len(rows) {
		return fmt.Errorf("%d rows, want %d", tab.Len(), len(rows))
	}
	return tab.Each(func(i int, tuple, row []byte) error {
		if !bytes.Equal(tuple, rows[i].tuple) || !bytes.Equal(row, rows[i].row) {
			return fmt.Errorf("row %d is %x: %x, want %x: %x", i, tuple, row, rows[i].tuple, rows[i].row)
		}
		return nil
	})
}

var keyTypeChoices = []value.Type{value.TypeText, value.TypeInteger, value.TypeBytes}

func TestJSONRoundTripOfRandomRows(t *testing.T) {
	r := newRand(t)
	for range 400 {
		keyNames, types := []string{"k"}, map[string]value.Type{}
		if r.IntN(2) == 0 {
			keyNames = append(keyNames, "deep.k2")
		}
		var keyTypes []value.Type
		for _, name := range keyNames {
			types[name] = keyTypeChoices[r.IntN(3)]
			keyTypes = append(keyTypes, types[name])
		}
		rows := make([]testRow, r.IntN(6))
		for i := range rows {
			var fields []value.Field
			for range r.IntN(6) {
				enc := randomElement(t, r, 0)
				if r.IntN(9) == 0 {
					enc = value.AppendEmptyRecord(nil)
				}
				fields = append(fields, value.Field{Name: randomName(r), Enc: enc})
			}
			rows[i] = testRow{randomTuple(r, keyTypes), appendRow(t, fields)}
		}
		rows = sortRows(rows)
		var exported, array, plain bytes.Buffer
		write(t, NewJSONLinesWriter(&exported), nil, rows)
		write(t, NewJSONWriter(&array, nil), nil, rows)
		write(t, NewJSONWriter(&plain, keyNames), nil, rows)
		for _, b := range []*bytes.Buffer{&exported, &array, &plain} {
			tab, err := ReadJSON(bytes.NewReader(b.Bytes()), Options{Key: keyNames, Types: types})
			if err == nil {
				err = same(tab, rows)
			}
			if err != nil {
				t.Fatalf("%s\n%v", b, err)
			}
		}
		// Plain rows say the types themselves.
		if tab, err := ReadJSON(&plain, Options{Key: keyNames}); err != nil {
			t.Fatal(err)
		} else if err := same(tab, rows); err != nil {
			t.Fatalf("without types: %v", err)
		}
	}
}

func TestCSVRoundTripOfRandomRows(t *testing.T) {
	r := newRand(t)
	all := []value.Type{value.TypeBool, value.TypeInteger, value.TypeDecimal, value.TypeText, value.TypeBytes, value.TypeList}
	for range 400 {
		types := map[string]value.Type{"k": keyTypeChoices[r.IntN(3)]}
		columns := []Column{{Name: "k", Key: true, Type: types["k"]}}
		for range r.IntN(5) {
			if name := randomName(r); types[name] == 0 {
				types[name] = all[r.IntN(len(all))]
				columns = append(columns, Column{Name: name, Type: types[name], Position: len(columns)})
			}
		}
		null := []string{"", "NULL", "a", " ", "1"}[r.IntN(5)]
		rows := make([]testRow, r.IntN(6))
		for i := range rows {
			var fields []value.Field
			for _, c := range columns[1:] {
				enc := value.AppendNull(nil)
				if r.IntN(5) > 0 {
					enc = randomValue(t, r, c.Type, 0)
				}
				fields = append(fields, value.Field{Name: c.Name, Enc: enc})
			}
			rows[i] = testRow{randomTuple(r, []value.Type{types["k"]}), appendRow(t, fields)}
		}
		rows = sortRows(rows)
		var b bytes.Buffer
		w, err := NewCSVWriter(&b, columns, CSVOptions{Null: &null})
		write(t, w, err, rows)
		tab, err := ReadCSV(bytes.NewReader(b.Bytes()), Options{Key: []string{"k"}, Types: types, Null: &null})
		if err == nil {
			err = same(tab, rows)
		}
		if err != nil {
			t.Fatalf("null %q, types %v\n%s\n%v", null, types, &b, err)
		}
		if !slices.Equal(tab.Columns(), columns) {
			t.Fatalf("columns %v, want %v", tab.Columns(), columns)
		}
		if again := writeCSV(t, tab, CSVOptions{Null: &null}); again != b.String() {
			t.Fatalf("%q is written again as %q", &b, again)
		}
	}
}

func TestSmallNumbersAgreeWithValue(t *testing.T) {
	r := newRand(t)
	cells := []string{"", "-", ".", "0", "-0", "00", "01", "0.0", "-0.0", "-0.1", ".5", "5.", "1..2", "1.2.3", "+1", "1e3",
		"999999999999999999", "9999999999999999999", "-999999999999999999", "0.999999999999999999", "1.999999999999999999"}
	for range 20000 {
		var b strings.Builder
		for range r.IntN(22) {
			b.WriteByte("0123456789-."[r.IntN(12)])
		}
		cells = append(cells, b.String())
	}
	for _, cell := range cells {
		for _, typ := range []value.Type{value.TypeInteger, value.TypeDecimal} {
			var e numberEncoder
			got, gotErr := e.appendValue(nil, typ, []byte(cell))
			want, wantErr := value.ParsePlain(nil, typ, []byte(cell))
			if (gotErr == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
				t.Fatalf("%q as %v is %x (%v), want %x (%v)", cell, typ, got, gotErr, want, wantErr)
			}
		}
	}
}

func TestFieldReaderAgreesWithValue(t *testing.T) {
	r := newRand(t)
	var reader fieldReader
	plain := 0
	for range 20000 {
		var fields []value.Field
		for range r.IntN(4) {
			fields = append(fields, value.Field{Name: randomName(r), Enc: randomElement(t, r, 2)})
		}
		slices.SortFunc(fields, func(a, b value.Field) int { return strings.Compare(a.Name, b.Name) })
		fields = slices.CompactFunc(fields, func(a, b value.Field) bool { return a.Name == b.Name })
		text := value.AppendJSONObject(nil, fields)
		if r.IntN(2) == 0 {
			text = bytes.ReplaceAll(text, []byte(","), []byte(" , "))
		}
		if r.IntN(5) == 0 && len(text) > 2 {
			// A member twice, or members out of order.
			inner := text[1 : len(text)-1]
			text = fmt.Appendf(nil, `{"%c":1,%s}`, 'a'+rune(r.IntN(3)), inner)
		}
		whole := span{0, len(text)}
		want, wantErr := value.ParseJSONObject(text)
		got, err := reader.read(text, place{1, 1}, whole)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%s: %v, want %v", text, err, wantErr)
		}
		if err == nil && !slices.EqualFunc(got, want, func(a, b value.Field) bool { return a.Name == b.Name && bytes.Equal(a.Enc, b.Enc) }) {
			t.Fatalf("%s gives %v, want %v", text, got, want)
		}
		if reader.fields, reader.memory = nil, nil; reader.flat(text) {
			plain++
		}
	}
	if plain == 0 {
		t.Error("no object was plain")
	}
}
