package repo

import (
	"errors"
	"slices"
	"testing"

	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store/faultfs"
)

func TestRowsFromBeginAtTheKey(t *testing.T) {
	r := initAt(t, faultfs.New())
	for _, k := range []string{"a", "b", "c", "d"} {
		apply(t, r, `{"op":"put","table":"t","key":"`+k+`","fields":{"n":1}}`)
	}
	apply(t, r, `{"op":"put","table":"u","key":"a","fields":{"n":1}}`)
	for from, want := range map[string][]string{"": {"a", "b", "c", "d"}, "b": {"b", "c", "d"}, "bb": {"c", "d"}, "e": nil} {
		tuple, err := rowkey.Encode(rowkey.Text(from))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = r.RowsFrom(t.Context(), "t", "", tuple, func(row Row) error {
			comps, err := rowkey.Decode(row.Tuple)
			got = append(got, comps[0].String())
			return err
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("from %q: %q, want %q: %v", from, got, want, err)
		}
	}
}

func TestObjectsByHash(t *testing.T) {
	r := initAt(t, faultfs.New())
	b, err := r.Resolve(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := r.Object(t.Context(), b.ID); err != nil || object.Sum(data) != b.ID {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := r.Object(t.Context(), object.Sum([]byte("nobody"))); !errors.Is(err, ErrNoObject) {
		t.Errorf("error is %v", err)
	}
}
