package repo

import (
	"cmp"
	"errors"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store/faultfs"
)

// excludedFrom makes a repository in which master has excluded one transaction of feature.
func excludedFrom(t *testing.T, first, theirs, ours string) (*Repo, TxID) {
	t.Helper()
	r := initAt(t, faultfs.New(), "bob")
	apply(t, r, first)
	commit(t, r, "first")
	checkoutNew(t, r, "feature")
	apply(t, r, theirs)
	c, err := r.Commit(t.Context(), CommitRequest{Message: "theirs", As: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	checkout(t, r, "master")
	apply(t, r, ours)
	commit(t, r, "ours")
	if m, err := r.Merge(t.Context(), MergeRequest{Source: "feature"}); err != nil || len(m.Excluded) != 1 {
		t.Fatalf("merged %+v, %v", m, err)
	}
	return r, TxID{c.Batch, 0}
}

// setting is the change of one integer field of a row with a text for its key.
func setting(key, field string, n int64) RowChange {
	return RowChange{Table: "t", Key: []rowkey.Component{rowkey.Text(key)}, Fields: []value.Field{{Name: field, Enc: value.AppendInt(nil, n)}}}
}

// TestRepairDoesWhatWasWanted repairs transactions of each kind and looks at the row.
func TestRepairDoesWhatWasWanted(t *testing.T) {
	const first = `{"op":"put","table":"t","key":"a","fields":{"n":1,"m":1}}`
	cases := map[string]struct {
		theirs, ours string
		set          RowChange
		want         string // fields n, m and k of rows a and b
	}{
		"a put":                   {`{"op":"put","table":"t","key":"a","fields":{"n":2,"m":2}}`, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`, setting("a", "n", 5), "5 2 -, - - -"},
		"a field that it unset":   {`{"op":"put","table":"t","key":"a","fields":{"n":2},"unset":["m"]}`, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`, setting("a", "m", 5), "2 5 -, - - -"},
		"a field that it did not": {`{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`, setting("a", "k", 5), "2 1 5, - - -"},
		"a put of a row gone":     {`{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"del","table":"t","key":"a"}`, setting("a", "n", 5), "5 - -, - - -"},
		"an insert of a row":      {`{"op":"insert","table":"t","key":"b","fields":{"n":2}}`, `{"op":"insert","table":"t","key":"b","fields":{"n":9,"m":9}}`, setting("b", "n", 5), "1 1 -, 5 9 -"},
		"a replace":               {`{"op":"replace","table":"t","key":"a","fields":{"n":2}}`, `{"op":"put","table":"t","key":"a","fields":{"m":9}}`, setting("a", "n", 5), "5 - -, - - -"},
		"an incr":                 {`{"op":"incr","table":"t","key":"a","fields":{"n":5}}`, `{"op":"put","table":"t","key":"a","fields":{"n":"many"}}`, setting("a", "k", 5), "error"},
		"an incr of a row gone":   {`{"op":"incr","table":"t","key":"a","fields":{"n":2}}`, `{"op":"del","table":"t","key":"a"}`, setting("a", "n", 5), "5 - -, - - -"},
		"a del with a put": {
			`{"tx":[{"op":"del","table":"t","key":"a"},{"op":"put","table":"t","key":"b","fields":{"n":2}}]}`,
			`{"op":"del","table":"t","key":"a"}`, setting("b", "n", 5), "- - -, 5 - -",
		},
		"one of two operations": {
			`{"tx":[{"op":"put","table":"t","key":"a","fields":{"n":2}},{"op":"incr","table":"t","key":"a","fields":{"n":3}}]}`,
			`{"op":"put","table":"t","key":"a","fields":{"n":9}}`, setting("a", "n", 10), "12 1 -, - - -",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, tx := excludedFrom(t, first, c.theirs, c.ours)
			before := len(conflicts(t, r))
			done, err := r.Repair(t.Context(), RepairRequest{Transaction: tx.String(), Set: []RowChange{c.set}})
			if c.want == "error" {
				if !errors.Is(err, ErrNoSuchChange) || len(conflicts(t, r)) != before {
					t.Errorf("a repair that sets nothing gives %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var rows []string
			for _, key := range []string{"a", "b"} {
				var fields []string
				for _, name := range []string{"n", "m", "k"} {
					fields = append(fields, cmp.Or(field(t, r, "t", key, name), "-"))
				}
				rows = append(rows, strings.Join(fields, " "))
			}
			if got := strings.Join(rows, ", "); got != c.want {
				t.Errorf("the rows are %q, want %q", got, c.want)
			}
			if len(conflicts(t, r)) != 0 || done.Original != tx || done.Author.Name != "bob" || done.Transactions != 1 {
				t.Errorf("repaired %+v", done)
			}
			validateAll(t, r)
		})
	}
}

// TestRepairIsSignedByTheRepairer, whoever that is, and keeps what is pending.
func TestRepairIsSignedByTheRepairer(t *testing.T) {
	for _, who := range []string{"ada", "bob"} {
		t.Run(who, func(t *testing.T) {
			ctx := t.Context()
			r, tx := excludedFrom(t, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`,
				`{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`)
			apply(t, r, `{"op":"put","table":"t","key":"z","fields":{"n":1}}`)
			r.opts.Identity = who
			done, err := r.Repair(ctx, RepairRequest{Transaction: tx.String(), Set: []RowChange{setting("a", "n", 5)}, Message: "As agreed\n"})
			if err != nil {
				t.Fatal(err)
			}
			if st, err := r.Status(ctx); err != nil || st.Pending != 1 || st.Head != done.Block {
				t.Errorf("status %+v, %v", st, err)
			}
			b, err := r.Show(ctx, "")
			if err != nil || b.ID != done.Block || b.Orders[0].Kind != object.OrderDrop || b.Orders[0].Signer.Name != "ada" {
				t.Fatalf("the block is %+v, %v", b, err)
			}
			made := b.Batches[len(b.Batches)-1]
			if want := "As agreed\n\nIn place of " + tx.Batch.String() + ".0 of bob"; made.Author.Name != who || made.Message != want {
				t.Errorf("the batch is %+v, want the message %q", made, want)
			}
			s, err := r.Why(ctx, tx.String())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range s.Fates {
				if f.Branch == "master" && (f.Verdict != object.VerdictDropped || f.Conflict == nil || f.Conflict.Cells[0].Ours.By == nil) {
					t.Errorf("on master it is %+v", f)
				}
			}
			validateAll(t, r)
			// Back to before, with the transaction excluded again and the row pending.
			if _, err := r.Undo(ctx); err != nil || len(conflicts(t, r)) != 1 {
				t.Errorf("undone: %v", err)
			}
		})
	}
}

// TestRepairRefuses what leaves nothing to do or cannot be, and changes nothing then.
func TestRepairRefuses(t *testing.T) {
	ctx := t.Context()
	r, tx := excludedFrom(t, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`,
		`{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`)
	head, err := r.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		req  RepairRequest
		want error
	}{
		"what is so already":  {RepairRequest{Transaction: tx.String(), Set: []RowChange{setting("a", "n", 9)}}, ErrNothing},
		"another row":         {RepairRequest{Transaction: tx.String(), Set: []RowChange{setting("b", "n", 5)}}, ErrNoSuchChange},
		"a block":             {RepairRequest{Transaction: head.Head.String()}, ErrNothing},
		"nothing":             {RepairRequest{Transaction: "nothing"}, ErrNoRevision},
		"a message too large": {RepairRequest{Transaction: tx.String(), Set: []RowChange{setting("a", "n", 5)}, Message: strings.Repeat("x", object.MaxMessageBytes)}, ErrTooLarge},
	} {
		if _, err := r.Repair(ctx, c.req); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if st, err := r.Status(ctx); err != nil || st.Head != head.Head || len(conflicts(t, r)) != 1 {
		t.Errorf("the branch moved: %v", err)
	}
	if _, err := r.Repair(ctx, RepairRequest{Transaction: tx.String(), Set: []RowChange{setting("a", "n", 5)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Repair(ctx, RepairRequest{Transaction: tx.String(), Set: []RowChange{setting("a", "n", 6)}}); !errors.Is(err, ErrNothing) {
		t.Errorf("a second repair gives %v", err)
	}
}

// TestDropIsExplainedWhereItIsMerged merges a repair into a branch that never excluded the original.
func TestDropIsExplainedWhereItIsMerged(t *testing.T) {
	ctx := t.Context()
	r, tx := excludedFrom(t, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`,
		`{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`)
	if _, err := r.Repair(ctx, RepairRequest{Transaction: tx.String(), Set: []RowChange{setting("a", "n", 5)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.CreateBranch(ctx, "copy", "master~3"); err != nil {
		t.Fatal(err)
	}
	if m, err := r.Merge(ctx, MergeRequest{Source: "master", Into: "copy", Mode: object.ModeOurs}); err != nil || m.Dropped != 1 {
		t.Fatalf("merged %+v, %v", m, err)
	}
	s, err := r.Why(ctx, tx.String())
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Fates[0]; f.Branch != "copy" || f.Verdict != object.VerdictDropped || f.Order.Kind != object.OrderMerge || f.Conflict == nil {
		t.Errorf("on copy it is %+v", f)
	}
}

// TestBaseThatIsNotHere asks for what an author saw where no row is, or another one.
func TestBaseThatIsNotHere(t *testing.T) {
	row, err := table.AppendRow(nil, []value.Field{{Name: "n", Enc: value.AppendInt(nil, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	other := value.Seen(value.AppendInt(nil, 2))
	version := table.Version(row)
	put := table.Op{Code: table.Put, Key: []byte("k"), SawRow: true, Fields: []table.Arg{{Name: "n", Seen: other[:]}}}
	for name, c := range map[string]struct {
		op    table.Op
		row   *heldRow
		field string
		known bool
	}{
		"no state":              {put, nil, "n", false},
		"another value":         {put, &heldRow{row: row}, "n", false},
		"no row":                {put, &heldRow{}, "", false},
		"another version":       {table.Op{Code: table.Del, Key: []byte("k"), RowSeen: other[:]}, &heldRow{row: row}, "", false},
		"the version":           {table.Op{Code: table.Del, Key: []byte("k"), RowSeen: version[:]}, &heldRow{row: row}, "", true},
		"a row that it makes":   {table.Op{Code: table.Insert, Key: []byte("k")}, &heldRow{row: row}, "", true},
		"a number to add to":    {table.Op{Code: table.Incr, Key: []byte("k")}, &heldRow{row: row}, "n", true},
		"a number that is gone": {table.Op{Code: table.Incr, Key: []byte("k")}, nil, "n", false},
	} {
		d := disagreement{ops: []table.Op{c.op}, first: map[string]int{"k": 0}, seen: map[string]*heldRow{}}
		if c.row != nil {
			d.seen["k"] = c.row
		}
		if got := d.base(&d.ops[0], c.field); got.Known != c.known || !c.known && (got.Exists || got.Value != nil) {
			t.Errorf("%s: base is %+v", name, got)
		}
	}
}
