package oracle

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Two branches that did one thing each to a row, and merge each other's heads with nothing
// left out, end with the same row; but where one set a field to the sum that the other came
// to by adding, or one put an element in a set that the other took out.
func TestWhereTwoSidesEndApart(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	apart := map[string]string{}
	for range 20_000 {
		base := randomStep(rng, Root("root", "ada"), "base")
		one, other := randomStep(rng, base, "one"), randomStep(rng, base, "other")
		if len(one.Entries) == 0 || len(other.Entries) == 0 {
			continue
		}
		how := Merging{Mode: Exclude, Producer: "ada"}
		a, b := Merge(one, other, how), Merge(other, one, how)
		if len(a.Excluded)+len(b.Excluded) == 0 && !a.Block.State.Equal(b.Block.State) {
			kinds := []string{string(one.Entries[0].Tx.Ops[0].Kind), string(other.Entries[0].Tx.Ops[0].Kind)}
			slices.Sort(kinds)
			apart[strings.Join(kinds, " ")] = fmt.Sprintf("%v: %v, %v", base.State, a.Block.State, b.Block.State)
		}
	}
	want := []string{"append remove", "incr insert", "incr put", "incr replace"}
	if got := slices.Sorted(maps.Keys(apart)); !slices.Equal(got, want) {
		t.Errorf("ends apart are %q, want %q: %q", got, want, apart)
	}
}

// randomStep commits one random operation on the row, if it can be done and changes anything.
func randomStep(rng *rand.Rand, head *Block, name string) *Block {
	kinds := []Kind{Put, Put, Insert, Replace, Delete, Add, Append, Remove}
	op := Op{Kind: kinds[rng.IntN(len(kinds))], Key: "r", Fields: map[string]Value{}}
	switch op.Kind {
	case Add:
		op.Fields["n"] = "1"
	case Append, Remove:
		op.Fields["tags"] = []Value{`"x"`, `"y"`}[rng.IntN(2)]
		op.Create = rng.IntN(3) == 0
	case Delete:
	default:
		for range 1 + rng.IntN(2) {
			op.Fields[[]string{"n", "m"}[rng.IntN(2)]] = Integer(rng.IntN(3))
		}
	}
	d := NewDraft(head.State)
	if _, err := d.Do([]Op{op}); err != nil {
		return head
	}
	for _, tx := range d.Txs {
		tx.ID.Batch = name
	}
	return Commit(head, "ada", d.Txs)
}
