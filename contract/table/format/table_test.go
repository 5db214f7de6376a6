package format

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

func TestTableIsCompact(t *testing.T) {
	in := benchCSV(20_000)
	tab, err := ReadCSV(bytes.NewReader(in), Options{Key: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	sizeBytes := 8 * cap(tab.rows.starts)
	for _, p := range tab.rows.pieces {
		sizeBytes += len(p)
	}
	if most := len(in) * 16 / 10; sizeBytes > most {
		t.Errorf("%d bytes for %d of input", sizeBytes, len(in))
	}
	if last := tab.rows.pieces[:len(tab.rows.pieces)-1]; len(last) == 0 {
		t.Error("input fits one piece of the arena, which shows nothing")
	}
}

func TestSort(t *testing.T) {
	r := newRand(t)
	for _, prefix := range []string{"", "customer-"} {
		for range 30 {
			in, want := "k,n,v\n", [][]byte{}
			for i, n := range r.Perm(1 + r.IntN(300)) {
				in += fmt.Sprintf("%s%d,%d,line %d\n", prefix, n/3, n%3-1, i+2)
				first := key.Text(prefix + fmt.Sprint(n/3))
				if prefix == "" {
					first = key.Int(int64(n / 3))
				}
				want = append(want, key.Append(nil, first, key.Int(int64(n%3-1))))
			}
			slices.SortFunc(want, bytes.Compare)
			tab, err := ReadCSV(strings.NewReader(in), Options{Key: []string{"k", "n"}})
			if err == nil {
				err = tab.Sort()
			}
			if err == nil {
				err = tab.Sort() // again, of what is sorted
			}
			if err != nil {
				t.Fatal(err)
			}
			err = tab.Each(func(i int, tuple, row []byte) error {
				v, _ := table.Lookup(row, "v")
				s, _ := value.AsText(v)
				if !bytes.Equal(tuple, want[i]) || string(s) != fmt.Sprintf("line %d", tab.Line(i)) {
					return fmt.Errorf("row %d has key %x, want %x, and says %s on line %d", i, tuple, want[i], s, tab.Line(i))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestDuplicateKeys(t *testing.T) {
	for in, want := range map[string]string{
		"id,v\n1,a\n2,b\n2,c\n":            "line 4: key 2 stands on line 3 already",
		"id,v\nb,1\na,2\nc,3\na,4\nb,5\n":  "line 5: key a stands on line 3 already",
		"id,v\nb,1\na,2\nb,4\na,5\na,6\n":  "line 4: key b stands on line 2 already",
		"id,v\n\"x\ny\",1\nz,2\n\"x\ny\",": "line 5: key x\ny stands on line 2 already",
	} {
		tab, err := ReadCSV(strings.NewReader(in), Options{Key: []string{"id"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := tab.Sort(); !errors.Is(err, ErrDuplicate) || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
	tab, err := ReadCSV(strings.NewReader("a,b\nx,1\nx,1\n"), Options{Key: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Sort(); err == nil || err.Error() != `line 3: key ["x","1"] stands on line 2 already` {
		t.Error(err)
	}
}

func TestEachValues(t *testing.T) {
	tab, err := ReadCSV(strings.NewReader("id,b,a\n1,x,2.5\n2,NA,3\n"), Options{Key: []string{"id"}, Null: ptr("NA")})
	if err != nil {
		t.Fatal(err)
	}
	names, uniform := tab.FieldNames()
	if !uniform || !slices.Equal(names, []string{"a", "b"}) {
		t.Fatal(names, uniform)
	}
	var rows [][]byte
	if err := tab.Each(func(_ int, _, row []byte) error { rows = append(rows, bytes.Clone(row)); return nil }); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = tab.EachValues(1, 2, func(i int, tuple, values []byte) error {
		seen++
		var want []byte
		for _, f := range table.FieldList(rows[i]) {
			want = append(want, f.Enc...)
		}
		if i != 1 || !bytes.Equal(values, want) || !bytes.Equal(tuple, key.Append(nil, key.Int(2))) {
			t.Errorf("row %d: %x has %x, want %x", i, tuple, values, want)
		}
		return nil
	})
	if err != nil || seen != 1 {
		t.Error(seen, err)
	}
	stop := errors.New("stop")
	if err := tab.Each(func(int, []byte, []byte) error { return stop }); err != stop {
		t.Error(err)
	}
}
