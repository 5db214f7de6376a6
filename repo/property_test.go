package repo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

// history drives random work on a few branches through the door.
type history struct {
	t        *testing.T
	r        *Repo
	rng      *rand.Rand
	branches []ref.Name
	heads    []object.Hash // every block that was ever a head
}

// randomLine returns a random operation on one of a few rows.
func (h *history) randomLine() string {
	key := fmt.Sprintf("k%d", h.rng.IntN(12))
	n := h.rng.IntN(4)
	switch h.rng.IntN(10) {
	case 0:
		return fmt.Sprintf(`{"op":"incr","table":"t","key":%q,"fields":{"count":%d}}`, key, n+1)
	case 1:
		return fmt.Sprintf(`{"op":"append","table":"t","key":%q,"fields":{"tags":"x%d"},"create":true}`, key, n)
	case 2:
		return fmt.Sprintf(`{"op":"replace","table":"t","key":%q,"fields":{"a":%d}}`, key, n)
	case 3:
		return fmt.Sprintf(`{"tx":[{"op":"put","table":"t","key":%q,"fields":{"a":%d}},{"op":"incr","table":"t","key":"sum","fields":{"count":1}}]}`, key, n)
	case 4:
		return fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"b":%d},"unset":["a"]}`, key, n)
	case 5:
		return fmt.Sprintf(`{"op":"del","table":"t","key":%q}`, key)
	case 6:
		return fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"a":%d},"force":true}`, key, n)
	}
	return fmt.Sprintf(`{"op":"put","table":"t","key":%q,"fields":{"%c":%d}}`, key, 'a'+rune(h.rng.IntN(3)), n)
}

func (h *history) work() {
	for range 1 + h.rng.IntN(6) {
		// What cannot be done to the rows as they are, such as deleting none, is refused.
		_, err := h.r.ApplyLines(h.t.Context(), lines(h.randomLine()))
		if err != nil && !isRefusal(err) {
			h.t.Fatal(err)
		}
	}
	if _, err := h.r.Commit(h.t.Context(), CommitRequest{Message: "work", AllowEmpty: true}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) step(i int) {
	ctx := h.t.Context()
	at := h.branches[h.rng.IntN(len(h.branches))]
	if _, err := h.r.Checkout(ctx, at); err != nil {
		h.t.Fatal(err)
	}
	switch other := h.branches[h.rng.IntN(len(h.branches))]; {
	case h.rng.IntN(6) == 0 && len(h.branches) < 6:
		name := ref.Name(fmt.Sprintf("b%d", i))
		if _, err := h.r.CheckoutNew(ctx, name, ""); err != nil {
			h.t.Fatal(err)
		}
		h.branches = append(h.branches, name)
	case h.rng.IntN(3) == 0 && other != at:
		h.merge(at, other)
	default:
		h.work()
	}
	st, err := h.r.Status(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	h.heads = append(h.heads, st.Head)
}

// merge merges and checks the account: what is applied, excluded or dropped is what the
// source had and the target had not.
func (h *history) merge(into, from ref.Name) {
	ctx := h.t.Context()
	source, target := h.block(string(from)), h.block(string(into))
	had := h.missing(target, source)
	mode := object.Mode(h.rng.IntN(3))
	m, err := h.r.Merge(ctx, MergeRequest{Source: string(from), Mode: mode})
	if err != nil {
		h.t.Fatal(err)
	}
	if m.UpToDate {
		if had != 0 {
			h.t.Fatalf("up to date, but %d transactions are missing", had)
		}
		return
	}
	if got := m.Applied + uint64(len(m.Excluded)) + m.Inherited + m.Dropped; got != had {
		h.t.Fatalf("merge accounts for %d of %d transactions: %+v", got, had, m)
	}
	if left := h.missing(h.block(string(into)), source); left != 0 {
		h.t.Fatalf("%d transactions are missing after the merge", left)
	}
	again, err := h.r.Merge(ctx, MergeRequest{Source: string(from)})
	if err != nil || !again.UpToDate {
		h.t.Fatalf("merging again: %+v, %v", again, err)
	}
}

func (h *history) block(rev string) branch.Block {
	b, err := h.r.Resolve(h.t.Context(), rev)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *history) missing(target, source branch.Block) uint64 {
	var n uint64
	l := h.r.led()
	err := branch.Missing(h.t.Context(), l.Account(target), l.Account(source), func(e branch.AccountEntry) error {
		for _, run := range e.Runs {
			n += run.Count
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func runHistory(t *testing.T, seed uint64, steps, workers int) *history {
	opts := testOptions(t)
	opts.Workers = workers
	r, err := Init(t.Context(), faultfs.New(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	h := &history{t: t, r: r, rng: rand.New(rand.NewPCG(seed, 1)), branches: []ref.Name{DefaultBranch}}
	for i := range steps {
		h.step(i)
	}
	return h
}

// Random histories: every merge accounts for every transaction, every block that was ever
// a head is what its execution gives, and the blocks are the same whatever the number of
// workers that made them.
func TestRandomHistories(t *testing.T) {
	first := uint64(time.Now().UnixNano())
	for seed := first; seed < first+6; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Logf("seed %d", seed)
			h := runHistory(t, seed, 60, 1)
			for _, id := range h.heads {
				b, err := h.r.led().Block(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if err := h.r.led().Validate(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if other := runHistory(t, seed, 60, 7); !slices.Equal(h.heads, other.heads) {
				t.Error("seven workers make other blocks than one")
			}
		})
	}
}
