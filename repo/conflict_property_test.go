package repo

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"aergo/contract/table"
	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// randomChange is a transaction on few rows and fields, so that many meet.
func randomChange(random *rand.Rand) string {
	one := func() string {
		op := []string{"put", "put", "put", "incr", "insert", "replace", "del"}[random.IntN(7)]
		row := fmt.Sprintf(`{"op":%q,"table":"t","key":"%d"`, op, random.IntN(5))
		if op == "del" {
			return row + "}"
		}
		return row + fmt.Sprintf(`,"fields":{"f%d":%d}}`, random.IntN(3), random.IntN(4))
	}
	if random.IntN(3) > 0 {
		return one()
	}
	return `{"tx":[` + one() + "," + one() + "]}"
}

// TestConflictsAgreeWithTheBlock merges random histories, and compares what conflicts say
// with what the blocks, decided by another code, committed: the rule and, by its hash, what
// was found in the way.
func TestConflictsAgreeWithTheBlock(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	compared := 0
	for range 25 {
		r := initAt(t, faultfs.New())
		change := func() {
			for range 1 + random.IntN(8) {
				_, err := r.ApplyLines(t.Context(), strings.NewReader(randomChange(random)))
				if err != nil && !errors.Is(err, ErrRefused) {
					t.Fatal(err)
				}
			}
			if _, err := r.Commit(t.Context(), CommitRequest{Message: "change"}); err != nil && !errors.Is(err, ErrNothing) {
				t.Fatal(err)
			}
		}
		change()
		checkoutNew(t, r, "feature")
		change()
		change()
		checkout(t, r, "master")
		change()
		m, err := r.Merge(t.Context(), MergeRequest{Source: "feature"})
		if err != nil {
			t.Fatal(err)
		}
		told := conflicts(t, r)
		if len(told) != len(m.Excluded) {
			t.Fatalf("%d conflicts, %d excluded", len(told), len(m.Excluded))
		}
		if !m.UpToDate {
			compared += compareConflicts(t, r, m.Block, told)
		}
	}
	if t.Logf("%d conflicts", compared); compared == 0 {
		t.Error("nothing was compared")
	}
}

// compareConflicts compares conflicts with the exclusions that a block committed.
func compareConflicts(t *testing.T, r *Repo, block object.Hash, told map[TxID]Conflict) int {
	t.Helper()
	b, err := r.led().Block(t.Context(), block)
	if err != nil {
		t.Fatal(err)
	}
	body, err := r.led().Body(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range body.Entries {
		e := &body.Entries[i]
		for _, x := range e.Excluded {
			c := told[TxID{e.Batch, x.Index}]
			if len(c.Cells) == 0 {
				t.Fatalf("%s.%d: no cell: %+v", e.Batch.Short(), x.Index, c)
			}
			first := c.Cells[0]
			if first.Reason != x.Reason || uint64(first.Op) != x.Op || x.Field != "" && first.Field != x.Field {
				t.Errorf("%s.%d: the first cell is %+v, the block says %+v", e.Batch.Short(), x.Index, first, x)
			}
			// What the transaction did itself before is in what the block found.
			own := slices.ContainsFunc(c.Operations[:first.Op], func(o Operation) bool {
				return rowLabel(o.Table, o.Key) == rowLabel(first.Table, first.Key)
			})
			if v := first.Ours; x.Field != "" && !own {
				if got := foundHash(v); !v.Known || !bytes.Equal(got, x.Found) {
					t.Errorf("%s.%d: ours hashes to %x, the block found %x", e.Batch.Short(), x.Index, got, x.Found)
				}
			}
			for _, cell := range c.Cells {
				if !cell.Base.Known {
					t.Errorf("%s.%d: the base of %+v is not known", e.Batch.Short(), x.Index, cell)
				}
			}
			n++
		}
	}
	return n
}

// foundHash is the hash by which a block names what it found in a field.
func foundHash(v Version) []byte {
	if !v.Exists {
		return nil
	}
	h := table.Version(v.Value) // of a value, too, it is the start of the SHA-256
	return h[:]
}
