package rows

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestRowsAreOfTheirSizeAndOrder(t *testing.T) {
	const n = 10_000
	var buf bytes.Buffer
	if err := WriteCSV(&buf, n); err != nil {
		t.Fatal(err)
	}
	if mean := float64(buf.Len()) / n; mean < 55 || mean > 65 {
		t.Errorf("a row takes %.1f bytes, want about 60", mean)
	}
	records, err := csv.NewReader(&buf).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(records[0], ",") + "\n"; got != Header {
		t.Errorf("header is %q", got)
	}
	for i, r := range records[1:] {
		if r[0] != strconv.Itoa(ID(i)) {
			t.Fatalf("row %d has key %s, want %d", i, r[0], ID(i))
		}
	}
	if len(records) != n+1 {
		t.Errorf("%d records, want %d", len(records), n+1)
	}
}

func TestShuffledHoldsTheSameRows(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 10, 1000} {
		var sorted, shuffled bytes.Buffer
		if err := WriteCSV(&sorted, n); err != nil {
			t.Fatal(err)
		}
		if err := WriteShuffled(&shuffled, n); err != nil {
			t.Fatal(err)
		}
		if n >= 10 && bytes.Equal(sorted.Bytes(), shuffled.Bytes()) {
			t.Errorf("%d rows are not shuffled", n)
		}
		a, b := strings.SplitAfter(sorted.String(), "\n"), strings.SplitAfter(shuffled.String(), "\n")
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%d rows differ when shuffled", n)
		}
	}
}

func TestChangesTouchWhatTheyPromise(t *testing.T) {
	for _, c := range []struct {
		rows, count int
		contiguous  bool
	}{
		{1000, 1, false}, {1000, 100, false}, {100_000, 1000, false}, {100_000, 10_000, false}, {1_000_000, 100_000, false},
		{1000, 1, true}, {100_000, 10_000, true},
	} {
		left := Changes{Rows: c.rows, Count: c.count, Contiguous: c.contiguous}
		right, clash := left, left
		right.Side = Right
		clash.Side, clash.Clash = Right, true
		touched := map[int]bool{}
		for i := range c.count {
			row := left.row(i)
			if i > 0 && row <= left.row(i-1) {
				t.Fatalf("%+v: change %d is on row %d, change %d on %d", left, i-1, left.row(i-1), i, row)
			}
			touched[row] = true
			if clash.row(i) != row {
				t.Fatalf("%+v: change %d clashes on row %d, want %d", clash, i, clash.row(i), row)
			}
			if a, b := left.amount(row), clash.amount(row); a == b || a == At(row).AmountCents || b == At(row).AmountCents {
				t.Fatalf("%+v: row %d has amounts %d and %d, at first %d", c, row, a, b, At(row).AmountCents)
			}
		}
		for i := range c.count {
			row := right.row(i)
			if row < 0 || row >= c.rows || touched[row] || touched[row-1] || touched[row+1] {
				t.Fatalf("%+v: change %d of row %d meets one of the other side", right, i, row)
			}
		}
	}
}

func TestOpsSayWhatLinesSay(t *testing.T) {
	c := Changes{Rows: 1000, Count: 100, Round: 3}
	var before, after, ops bytes.Buffer
	if err := WriteLines(&before, c.Rows); err != nil {
		t.Fatal(err)
	}
	if err := WriteLines(&after, c.Rows, c); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteOps(&ops, "t"); err != nil {
		t.Fatal(err)
	}
	want := strings.Split(before.String(), "\n")
	for line := range strings.Lines(ops.String()) {
		var op struct {
			Op, Table, Key string
			Fields         map[string]json.Number
		}
		if err := json.Unmarshal([]byte(line), &op); err != nil {
			t.Fatal(err)
		}
		id, err := strconv.Atoi(op.Key)
		if err != nil || op.Op != "put" || op.Table != "t" {
			t.Fatalf("operation %s", line)
		}
		cells := strings.Split(want[(id-FirstID)/KeyStep], ",")
		cells[3] = op.Fields["amount"].String()
		want[(id-FirstID)/KeyStep] = strings.Join(cells, ",")
	}
	if got := strings.Split(after.String(), "\n"); !slices.Equal(got, want) {
		t.Error("the changed lines are not what the operations make of the first ones")
	}
}
