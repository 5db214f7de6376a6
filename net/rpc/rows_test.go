package rpc

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"aergo/repo"
)

// TestRowsAreJSON compares the fast way with encoding/json.
func TestRowsAreJSON(t *testing.T) {
	f := newFiller(t)
	for range 500 {
		rows := make([]repo.Row, 1+f.IntN(4))
		tableName := f.text()
		array := []byte{'['}
		for i := range rows {
			rows[i] = repo.Row{Table: tableName, Tuple: f.bytes(), Data: f.bytes()}
			if f.IntN(20) == 0 {
				rows[i] = f.value(reflect.TypeFor[repo.Row]()).Interface().(repo.Row)
			}
			want, err := encode(rows[i])
			if err != nil {
				t.Fatal(err)
			}
			got, err := appendRow(nil, rows[i])
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s, %v; want %s", got, err, want)
			}
			array = append(append(array, got...), ',')
		}
		array[len(array)-1] = ']'
		var got []repo.Row
		err := eachRow(array, func(row repo.Row) error {
			got = append(got, row)
			return nil
		})
		if err != nil || !reflect.DeepEqual(got, rows) {
			t.Fatalf("%s gives %+v, %v; want %+v", array, got, err, rows)
		}
	}
}

// FuzzRows gives the fast way arrays that are none, or not as it writes them: what it
// accepts means the same to encoding/json.
func FuzzRows(f *testing.F) {
	f.Add([]byte(`[{"Table":"t","Key":null,"Tuple":"AQI=","Data":"","Fields":null}]`))
	f.Add([]byte(`[{"Table":"t","Key":null,"Tuple":"AQI=","Data":"","Fields":null},{"Table":"t","Key":null,"Tuple":"","Data":"AQ==","Fields":null}]`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, items []byte) {
		fast, ok := scanRows(items)
		if !ok {
			return
		}
		var slow []repo.Row
		if err := json.Unmarshal(items, &slow); err != nil {
			t.Fatalf("%q is no JSON: %v", items, err)
		}
		for i := range slow {
			if len(slow) != len(fast) || slow[i].Table != fast[i].Table || !bytes.Equal(slow[i].Tuple, fast[i].Tuple) || !bytes.Equal(slow[i].Data, fast[i].Data) {
				t.Fatalf("%q: %+v, want %+v", items, fast, slow)
			}
		}
	})
}
