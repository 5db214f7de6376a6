package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"

	"aergo/contract/value"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// testClock ticks one second with every look.
func testClock() func() time.Time {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// seeded gives the same random bytes in every run.
type seeded struct{ *rand.Rand }

func (s seeded) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return len(b), nil
}

func testOptions(t testing.TB, names ...string) Options {
	t.Helper()
	random := seeded{rand.New(rand.NewPCG(1, 2))}
	ring := key.NewKeyring(faultfs.New())
	for _, n := range append([]string{"ada"}, names...) {
		if _, err := ring.Create(context.Background(), n, random); err != nil {
			t.Fatal(err)
		}
	}
	return Options{Keys: ring, Identity: "ada", Clock: testClock(), Random: random, Workers: 2, Who: "ada"}
}

func initAt(t testing.TB, fs billy.Filesystem, names ...string) *Repo {
	t.Helper()
	r, err := Init(t.Context(), fs, testOptions(t, names...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func apply(t testing.TB, r *Repo, lines ...string) Prepared {
	t.Helper()
	p, err := r.ApplyLines(t.Context(), strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func commit(t testing.TB, r *Repo, message string) Committed {
	t.Helper()
	c, err := r.Commit(t.Context(), CommitRequest{Message: message})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// field returns a field of a row in JSON, "" if the row or field is not there.
func field(t testing.TB, r *Repo, table, key, name string) string {
	t.Helper()
	row, err := r.Get(t.Context(), table, key, "")
	if err != nil {
		return ""
	}
	for _, f := range row.Fields {
		if f.Name == name {
			return string(value.AppendJSON(nil, f.Enc))
		}
	}
	return ""
}

func TestMainJob(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1,"m":"x"}}`, `{"op":"put","table":"t","key":"b","fields":{"n":2}}`)
	if got := field(t, r, "t", "a", "n"); got != "1" {
		t.Fatalf("pending row reads %q", got)
	}
	first := commit(t, r, "first")
	if first.Transactions != 2 || first.Height != 1 {
		t.Fatalf("committed %+v", first)
	}
	if _, err := r.CheckoutNew(ctx, "feature", ""); err != nil {
		t.Fatal(err)
	}
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":10}}`, `{"op":"incr","table":"t","key":"b","fields":{"n":5}}`)
	commit(t, r, "on feature")
	if _, err := r.Checkout(ctx, "master"); err != nil {
		t.Fatal(err)
	}
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"m":"y"}}`, `{"op":"incr","table":"t","key":"b","fields":{"n":5}}`)
	commit(t, r, "on master")
	m, err := r.Merge(ctx, MergeRequest{Source: "feature"})
	if err != nil {
		t.Fatal(err)
	}
	if m.Applied != 2 || len(m.Excluded) != 0 || m.FastForward {
		t.Fatalf("merged %+v", m)
	}
	for _, want := range [][3]string{{"a", "n", "10"}, {"a", "m", `"y"`}, {"b", "n", "12"}} {
		if got := field(t, r, "t", want[0], want[1]); got != want[2] {
			t.Errorf("row %s field %s is %s, want %s", want[0], want[1], got, want[2])
		}
	}
	again, err := r.Merge(ctx, MergeRequest{Source: "feature"})
	if err != nil || !again.UpToDate {
		t.Errorf("merging again: %+v, %v", again, err)
	}
	if _, err := r.Undo(ctx); err != nil {
		t.Fatal(err)
	}
	if got := field(t, r, "t", "b", "n"); got != "7" {
		t.Errorf("after undo b.n is %s", got)
	}
}

func TestConflictIsExcludedWithItsReason(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	commit(t, r, "first")
	if _, err := r.CheckoutNew(ctx, "feature", ""); err != nil {
		t.Fatal(err)
	}
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":2}}`, `{"op":"put","table":"t","key":"c","fields":{"n":3}}`)
	commit(t, r, "on feature")
	if _, err := r.Checkout(ctx, "master"); err != nil {
		t.Fatal(err)
	}
	apply(t, r, `{"op":"put","table":"t","key":"a","fields":{"n":9}}`)
	commit(t, r, "on master")
	m, err := r.Merge(ctx, MergeRequest{Source: "feature"})
	if err != nil {
		t.Fatal(err)
	}
	if m.Applied != 1 || len(m.Excluded) != 1 || m.Excluded[0].Reason != object.ReasonFieldChanged || m.Excluded[0].Field != "n" {
		t.Fatalf("merged %+v", m)
	}
	if fmt.Sprint(m.Excluded[0].Table) != "t" || field(t, r, "t", "a", "n") != "9" || field(t, r, "t", "c", "n") != "3" {
		t.Error("wrong state after the merge")
	}
}

func lines(s ...string) *strings.Reader { return strings.NewReader(strings.Join(s, "\n")) }

// isRefusal says whether an error means that the rows do not allow an operation.
func isRefusal(err error) bool { return errors.Is(err, ErrRefused) }
