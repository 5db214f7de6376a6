package format

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

func newRand(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func ptr(s string) *string { return &s }

// lines returns the rows of a table as JSON lines.
func lines(t testing.TB, tab *Table) string {
	t.Helper()
	var b bytes.Buffer
	w := NewJSONLinesWriter(&b)
	err := tab.Each(func(_ int, tuple, row []byte) error {
		if err := table.CheckRow(row); err != nil {
			t.Fatal(err)
		}
		if _, err := key.Decode(tuple); err != nil {
			t.Fatal(err)
		}
		return w.WriteRow(tuple, row)
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// typesOf returns the columns of a table as "name:type ...", key columns with a star.
func typesOf(tab *Table) string {
	var parts []string
	for _, c := range tab.Columns() {
		star := ""
		if c.Key {
			star = "*"
		}
		parts = append(parts, star+c.Name+":"+c.Type.String())
	}
	return strings.Join(parts, " ")
}

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, in     string
		opt          Options
		types, lines string
	}{
		{"plain", "id,b,a\n2,x,1\n10,y,-5\n", Options{Key: []string{"id"}}, "*id:integer b:text a:integer",
			`{"key":"2","fields":{"a":1,"b":"x"}}` + "\n" + `{"key":"10","fields":{"a":-5,"b":"y"}}` + "\n"},
		{"key elsewhere and composite", "v,y,x\n1.50,1,a\n", Options{Key: []string{"x", "y"}}, "*x:text *y:integer v:decimal",
			`{"key":["a","1"],"fields":{"v":1.50}}` + "\n"},
		{"crlf, mark, blank lines, no last end", "\ufeffid,v\r\n\r\na,true\r\n\nb,false", Options{Key: []string{"id"}}, "*id:text v:bool",
			`{"key":"a","fields":{"v":true}}` + "\n" + `{"key":"b","fields":{"v":false}}` + "\n"},
		{"quotes", "id,v\n\"a\"\"b\",\"x,\r\ny\"\n\"\",\"\"\"\"\n", Options{Key: []string{"id"}}, "*id:text v:text",
			`{"key":"a\"b","fields":{"v":"x,\r\ny"}}` + "\n" + `{"key":"","fields":{"v":"\""}}` + "\n"},
		{"empty cell is text", "id,v\n1,\n2,7\n", Options{Key: []string{"id"}}, "*id:integer v:text",
			`{"key":"1","fields":{"v":""}}` + "\n" + `{"key":"2","fields":{"v":"7"}}` + "\n"},
		{"empty null word", "id,v,w\n1,,\"\"\n2,7,\n", Options{Key: []string{"id"}, Null: ptr("")}, "*id:integer v:integer w:text",
			`{"key":"1","fields":{"v":null,"w":""}}` + "\n" + `{"key":"2","fields":{"v":7,"w":null}}` + "\n"},
		{"null word", "id,v\n1,NA\n2,\"NA\"\n3,na\n", Options{Key: []string{"id"}, Null: ptr("NA")}, "*id:integer v:text",
			`{"key":"1","fields":{"v":null}}` + "\n" + `{"key":"2","fields":{"v":"NA"}}` + "\n" + `{"key":"3","fields":{"v":"na"}}` + "\n"},
		{"not canonical stays text", "id,v,w,x\n01,1.,+1,-0\n", Options{Key: []string{"id"}}, "*id:text v:text w:text x:text",
			`{"key":"01","fields":{"v":"1.","w":"+1","x":"-0"}}` + "\n"},
		{"big numbers", "id,v\n-18446744073709551617,123456789012345678901234567890.50\n", Options{Key: []string{"id"}}, "*id:integer v:decimal",
			`{"key":"-18446744073709551617","fields":{"v":123456789012345678901234567890.50}}` + "\n"},
		{"bool and decimal keys are text", "a,b\ntrue,1.5\n", Options{Key: []string{"a", "b"}}, "*a:text *b:text",
			`{"key":["true","1.5"],"fields":{}}` + "\n"},
		{"stated types", "id,a,b,c,d\n7,00ff,[1],3,x\n", Options{Key: []string{"id"}, Types: map[string]value.Type{"id": value.TypeText,
			"a": value.TypeBytes, "b": value.TypeList, "c": value.TypeDecimal, "d": value.TypeAny}}, "*id:text a:bytes b:list c:decimal d:any",
			`{"key":"7","fields":{"a":{"$bytes":"AP8="},"b":[1],"c":3,"d":"x"}}` + "\n"},
		{"header given", "x,1\n", Options{Key: []string{"k"}, Header: []string{"k", "v"}}, "*k:text v:integer", `{"key":"x","fields":{"v":1}}` + "\n"},
		{"list of keys", "b\na\n", Options{Key: []string{"k"}, Header: []string{"k"}}, "*k:text", `{"key":"b","fields":{}}` + "\n" + `{"key":"a","fields":{}}` + "\n"},
		{"trim", "id ,\t v\n 1 ,\" x \"\n", Options{Key: []string{"id"}, Trim: true}, "*id:integer v:text", `{"key":"1","fields":{"v":" x "}}` + "\n"},
		{"nested names", "id,n.a,n.b\n1,x,y\n", Options{Key: []string{"id"}}, "*id:integer n.a:text n.b:text", `{"key":"1","fields":{"n":{"a":"x","b":"y"}}}` + "\n"},
		{"header only", "id,v\n", Options{Key: []string{"id"}}, "*id:text v:text", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{"whole": strings.NewReader(c.in), "bytewise": iotest.OneByteReader(strings.NewReader(c.in))} {
				tab, err := ReadCSV(r, c.opt)
				if err != nil {
					t.Fatal(err)
				}
				if got := typesOf(tab); got != c.types {
					t.Errorf("%s: types %s, want %s", name, got, c.types)
				}
				if got := lines(t, tab); got != c.lines {
					t.Errorf("%s: rows\n%swant\n%s", name, got, c.lines)
				}
			}
		})
	}
}

func TestReadCSVRefuses(t *testing.T) {
	integer := map[string]value.Type{"age": value.TypeInteger}
	long := strings.Repeat("x", MaxCellBytes+1)
	aboveCell := fmt.Sprintf("is above the limit of %d", MaxCellBytes)
	overCell := fmt.Sprintf("cell of %d bytes %s", MaxCellBytes+1, aboveCell)
	for _, c := range []struct {
		name, in string
		opt      Options
		want     string
		is       error
	}{
		{"empty", "", Options{}, "line 1: input is empty, want a header line with the columns' names", ErrSyntax},
		{"only a mark", "\ufeff", Options{}, "line 1: input is empty, want a header line with the columns' names", ErrSyntax},
		{"utf-16", "\xff\xfei\x00d\x00", Options{}, "line 1: input is UTF-16, want UTF-8", ErrSyntax},
		{"too few cells", "id,v\na,b\nc\n", Options{}, "line 3: cells in the row: 1, in the header: 2", ErrSyntax},
		{"too many cells", "id,v\n\na,b,c\n", Options{}, "line 3: cells in the row: 3, in the header: 2", ErrSyntax},
		{"bare quote", "id,v\n1,2\n1,a\"b\n", Options{}, "line 3, column 2 (v): bare quote: a cell with a quote in it stands in quotes, and doubles it", ErrSyntax},
		{"text after quote", "id,v\n\"x\ny\"z,1\n", Options{}, "line 3, column 1 (id): text after the closing quote: a quote inside a quoted cell is doubled", ErrSyntax},
		{"open quote", "id,v\n1,\"x\ny", Options{}, "line 2, column 2 (v): quoted cell has no closing quote in 4 bytes", ErrSyntax},
		{"bare quote in the header", "id,a\"b\n", Options{}, "line 1, column 2: bare quote: a cell with a quote in it stands in quotes, and doubles it", ErrSyntax},
		{"not utf-8", "id,v\n1,\"a\n\"\n2,\xff\n", Options{}, "line 4, column 2 (v): cell is not valid UTF-8", ErrSyntax},
		{"column without name", "id,,v\n", Options{}, "line 1, column 2: column has no name", ErrSyntax},
		{"column twice", "id,v,w,v\n", Options{}, `line 1, column 4 (v): column "v" stands in column 2 already`, ErrSyntax},
		{"bad name", "id,a\\b\n", Options{}, `line 1, column 2 (a\b): field name "a\\b": bad literal: write a '\' as '\\'`, value.ErrSyntax},
		{"no key column", "a,b\n", Options{}, `line 1: no column is called "id", the key: the columns are ["a" "b"]`, ErrSyntax},
		{"key named twice", "id\n", Options{Key: []string{"id", "id"}}, `key column "id" is named twice`, ErrSyntax},
		{"no integer", "id,x,age\n1,\"a\nb\",n/a\n", Options{Types: integer}, `line 3, column 3 (age): "n/a" is not an integer`, ErrType},
		{"no integer, later", "id,age\n1,5\n2,5.0\n", Options{Types: integer}, `line 3, column 2 (age): "5.0" is not an integer`, ErrType},
		{"empty integer", "id,age\n1,\n", Options{Types: integer},
			`line 2, column 2 (age): "" is not an integer; if an empty cell is to be null, state the empty word as the null word`, ErrType},
		{"no integer key", "id,age\nx,1\n", Options{Types: map[string]value.Type{"id": value.TypeInteger}}, `line 2, column 1 (id): "x" is not an integer`, ErrType},
		{"no bytes", "id,age\nx,ABC\n", Options{Types: map[string]value.Type{"age": value.TypeBytes}}, `line 2, column 2 (age): "ABC" is not bytes in lower-case hex`, ErrType},
		{"null key", "id,v\nNA,1\n", Options{Null: ptr("NA")}, "line 2, column 1 (id): null has no place in a key", ErrType},
		{"null word in quotes", "id\n", Options{Null: ptr("a,b")}, `null word "a,b" would need quotes`, ErrSyntax},
		{"long cell", "id,v\n1," + long + "\n", Options{}, "line 2, column 2 (v): " + overCell, ErrLimit},
		{"long cell before others", "id,v\n" + long + ",1\n", Options{}, "line 2, column 1 (id): " + overCell, ErrLimit},
		{"long quoted cell", "id,v\n1,\"" + strings.Repeat("\n", MaxCellBytes+1) + "\"\n", Options{}, "line 2, column 2 (v): " + overCell, ErrLimit},
		{"endless cell", "id,v\n1," + strings.Repeat("x", MaxRecordBytes+5), Options{}, "line 2, column 2 (v): cell of 262144 bytes " + aboveCell, ErrLimit},
		{"endless quotes", "id,v\n1,\"" + strings.Repeat("\n", MaxRecordBytes+5), Options{}, "line 2, column 2 (v): quoted cell has no closing quote in 262144 bytes", ErrSyntax},
		{"stray quote at the start", "id,v\n\"1,2\n3,4\n5,\"6\"\n", Options{}, "line 4, column 1 (id): text after the closing quote: a quote inside a quoted cell is doubled", ErrSyntax},
		{"endless row", "id" + strings.Repeat(",x", MaxRecordBytes), Options{}, "line 1: row is above the limit of 262144 bytes", ErrLimit},
		{"large row", "id,v,w\n1," + long[:40000] + "," + long[:40000] + "\n", Options{}, fmt.Sprintf("line 2: row of %d bytes is above the limit of %d", 1+2*(2+3+40000), table.MaxRowBytes), ErrLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.opt.Key == nil {
				c.opt.Key = []string{"id"}
			}
			_, err := ReadCSV(strings.NewReader(c.in), c.opt)
			if err == nil || err.Error() != c.want {
				t.Fatalf("%v\nwant %s", err, c.want)
			}
			if !errors.Is(err, c.is) {
				t.Errorf("%v does not wrap %v", err, c.is)
			}
		})
	}
}

func TestReadersPassErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	in := func() io.Reader { return io.MultiReader(strings.NewReader("id,v\n1,2\n"), iotest.ErrReader(broken)) }
	if _, err := ReadCSV(in(), Options{Key: []string{"id"}}); !errors.Is(err, broken) {
		t.Error(err)
	}
	in = func() io.Reader { return io.MultiReader(strings.NewReader(`{"id":1}`+"\n"), iotest.ErrReader(broken)) }
	if _, err := ReadJSON(in(), Options{Key: []string{"id"}}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := ReadOps(iotest.ErrReader(broken), nil, nil); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestLongKeyIsRefused(t *testing.T) {
	in := "id,v\nb,1\n" + strings.Repeat("x", key.MaxTupleBytes) + ",2\n"
	tab, err := ReadCSV(strings.NewReader(in), Options{Key: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Sort(); !errors.Is(err, ErrLimit) || !strings.HasPrefix(err.Error(), "line 3: key of ") {
		t.Error(err)
	}
}

// multicodec is in the style of a table that people keep by hand, with its cells aligned.
const multicodec = `name,                           tag,            code,           status,     description
cidv1,                          cid,            0x01,           permanent,  CIDv1
identity,                       multihash,      0x00,           permanent,  raw binary
sha2-256,                       multihash,      0x12,           permanent,
shake-128,                      multihash,      0x18,           draft,"SHAKE, an ""XOF"""
`

func TestCSVComesBackByteForByte(t *testing.T) {
	for name, c := range map[string]struct {
		in  string
		opt Options
	}{
		"aligned by hand": {multicodec, Options{Key: []string{"name"}}},
		"numbers":         {"id,n,d,t\n-5,1,1.50,007\n2,-3,2,1e5\n10,0,-0.10,\n", Options{Key: []string{"id"}}},
		"quotes":          {"id,v\n\"a,b\",\"x\ny\"\n\"c\"\"d\",\"\r\"\ne,\" plain \"\n", Options{Key: []string{"id"}}},
		"composite":       {"a,b,v\nx,1,p\nx,10,q\ny,2,\n", Options{Key: []string{"a", "b"}}},
		"null word":       {"id,v\n1,NULL\n2,\"NULL\"\n3,\n", Options{Key: []string{"id"}, Null: ptr("NULL")}},
		"empty null word": {"id,v,w\n1,,\"\"\n2,5,x\n", Options{Key: []string{"id"}, Null: ptr("")}},
		"one column":      {"id\n\"\"\na\nb\n", Options{Key: []string{"id"}}},
		"unicode":         {"id,이름\n1,서울\n2,ÿ\n", Options{Key: []string{"id"}}},
		"no rows":         {"id,v\n", Options{Key: []string{"id"}}},
	} {
		t.Run(name, func(t *testing.T) {
			tab, err := ReadCSV(strings.NewReader(c.in), c.opt)
			if err == nil {
				err = tab.Sort()
			}
			if err != nil {
				t.Fatal(err)
			}
			want := c.in
			if name == "quotes" {
				want = strings.Replace(want, `" plain "`, " plain ", 1)
			}
			if got := writeCSV(t, tab, CSVOptions{Null: c.opt.Null}); got != want {
				t.Errorf("came back as\n%s", got)
			}
		})
	}
}

func writeCSV(t testing.TB, tab *Table, opt CSVOptions) string {
	t.Helper()
	var b bytes.Buffer
	w, err := NewCSVWriter(&b, tab.Columns(), opt)
	if err == nil {
		err = tab.Each(func(_ int, tuple, row []byte) error { return w.WriteRow(tuple, row) })
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestScannerAgreesWithEncodingCSV(t *testing.T) {
	r := newRand(t)
	letters := []string{"a", ",", `"`, "\n", "é", " ", ""}
	for range 3000 {
		width := 1 + r.IntN(4)
		var records [][]string
		for range r.IntN(6) {
			rec := make([]string, width)
			for i := range rec {
				for range r.IntN(5) {
					rec[i] += letters[r.IntN(len(letters))]
				}
			}
			records = append(records, rec)
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.UseCRLF = false
		if err := w.WriteAll(records); err != nil {
			t.Fatal(err)
		}
		theirs := csv.NewReader(bytes.NewReader(b.Bytes()))
		want, err := theirs.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if got := scanAll(t, b.Bytes()); !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q\ngives %q\nwant  %q", b.Bytes(), got, want)
		}
	}
}

func scanAll(t *testing.T, in []byte) [][]string {
	s, err := newCSVScanner(bytes.NewReader(in))
	var records [][]string
	for more := true; more && err == nil; {
		if more, err = s.scan(); more {
			var rec []string
			for _, c := range s.cells {
				rec = append(rec, string(c.data))
			}
			records = append(records, rec)
		}
	}
	if err != nil {
		t.Fatalf("%q: %v", in, err)
	}
	return records
}
