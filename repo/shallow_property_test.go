package repo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"aergo/repo/ref"
)

// wander takes random steps on the branches of a history, with picks, drops and replays of
// what was excluded.
func (h *history) wander(from, steps int) {
	ctx := h.t.Context()
	for i := from; i < from+steps; i++ {
		h.step(i)
		var err error
		switch h.rng.IntN(12) {
		case 0:
			_, err = h.r.DropExcluded(ctx, "", "")
		case 1:
			_, err = h.r.ReplayExcluded(ctx, "", "")
		case 2:
			_, err = h.r.CherryPick(ctx, string(h.branches[h.rng.IntN(len(h.branches))]), "")
		}
		if err != nil && !errors.Is(err, ErrNothing) && !errors.Is(err, ErrConflict) {
			h.t.Fatal(err)
		}
	}
}

// sameStates checks that all branches of a remote are here as they are there.
func sameStates(t *testing.T, up, r *Repo) {
	t.Helper()
	branches, _, err := up.Branches(t.Context())
	must(t, err)
	for _, b := range branches {
		at := "origin/" + string(b.Name)
		there, err := up.Resolve(t.Context(), string(b.Name))
		must(t, err)
		here, err := r.Resolve(t.Context(), at)
		must(t, err)
		if here.ID != there.ID {
			t.Errorf("%s is at %s, there at %s", at, here.ID.Short(), there.ID.Short())
		}
		n := uint64(0)
		must(t, r.Rows(t.Context(), "t", at, func(Row) error { n++; return nil }))
		if tables, err := up.Tables(t.Context(), string(b.Name)); err != nil || tables[0].Rows != n {
			t.Errorf("%s has %d rows, there are %+v: %v", at, n, tables, err)
		}
	}
}

// Whatever the history and the depth: what a shallow clone has is executed from its boundary,
// nothing that it needs is missing, and it follows its remote and grows to all of it.
func TestRandomHistoriesInPart(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for n := range uint64(3) {
		w := newWorld(t, false)
		up := w.init("up", "ada")
		h := &history{t: t, r: up, rng: rand.New(rand.NewPCG(seed, n)), branches: []ref.Name{DefaultBranch}}
		apply(t, up, `{"op":"put","table":"t","key":"k0","fields":{"a":1}}`)
		commit(t, up, "first")
		_, err := up.FoundBranch(t.Context(), "ruled", "", "sum")
		must(t, err)
		h.branches = append(h.branches, "ruled")
		h.wander(0, 40)
		_, err = up.Checkout(t.Context(), DefaultBranch)
		must(t, err)
		var clones []*Repo
		for _, depth := range []uint64{1, 2, 4, 9} {
			r, c := w.cloneOf(fmt.Sprintf("depth %d", depth), "bob", CloneRequest{From: "up", Depth: depth})
			if c.Lacking == nil && depth == 1 {
				t.Fatalf("depth %d: nothing is lacking", depth)
			}
			clones = append(clones, r)
		}
		some, _ := w.cloneOf("some", "bob", CloneRequest{From: "up", Tables: []string{"t"}})
		clones = append(clones, some)
		for round := range 2 {
			for _, r := range clones {
				_, err := r.Fetch(t.Context(), "", "")
				must(t, err)
				sameStates(t, up, r)
				sound(t, r)
				_, err = r.GC(t.Context())
				must(t, err)
				sound(t, r)
			}
			h.wander(100+100*round, 12)
		}
		whole, err := up.Verify(t.Context(), VerifyRequest{All: true})
		must(t, err)
		for i, r := range clones[:4] {
			_, err := r.Deepen(t.Context(), DeepenRequest{Depth: uint64(6 * i)})
			must(t, ignore(err, ErrDepth))
			sound(t, r)
			_, err = r.Deepen(t.Context(), DeepenRequest{Depth: Unshallow})
			must(t, err)
			sameStates(t, up, r)
			if v := sound(t, r); v.Beyond != 0 || v.Blocks < whole.Blocks || r.Lacking() != nil {
				t.Errorf("in the end: verified %+v, of all %+v", v, whole)
			}
		}
	}
}
