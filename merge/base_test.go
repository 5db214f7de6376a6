package merge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/store"
)

// dag is blocks with nothing but parents, absorbed heads and times.
type dag struct {
	chain  branch.Chain
	blocks []branch.Block
	above  []map[int]bool // the ancestors of each, itself included
	index  map[object.Hash]int
}

// randomDAG returns a random history. Some blocks begin branches, most have one parent,
// some absorb another.
func randomDAG(t testing.TB, rng *rand.Rand, n int) *dag {
	mem := store.NewMemory()
	d := &dag{chain: branch.Chain{Objects: mem}, index: map[object.Hash]int{}}
	w, err := mem.Begin(t.Context())
	must(t, err)
	near := 2 + rng.IntN(n)
	for i := range n {
		h := &object.Header{Lineage: object.Hash{1}, Branch: object.Hash{byte(i), byte(i >> 8)}, TimeMillis: uint64(rng.IntN(3))}
		ancestors := map[int]bool{i: true}
		join := func(to *object.Hash) {
			at := max(0, i-near) + rng.IntN(min(i, near))
			up := d.blocks[at]
			*to = up.ID
			h.TimeMillis = max(h.TimeMillis, up.TimeMillis+1+uint64(rng.IntN(2)))
			for a := range d.above[at] {
				ancestors[a] = true
			}
		}
		if i > 0 && rng.IntN(12) > 0 {
			join(&h.Parent)
			h.Height = 1
			if rng.IntN(3) == 0 {
				join(&h.Absorbed)
			}
		}
		id := object.Sum(h.Encode())
		must(t, w.PutSealed(object.KindHeader, id, h.Encode(), []byte{1}))
		d.blocks = append(d.blocks, branch.Block{ID: id, Header: h})
		d.above = append(d.above, ancestors)
		d.index[id] = i
	}
	must(t, w.Commit(t.Context()))
	return d
}

// bases returns the merge bases of two blocks, by the definition.
func (d *dag) bases(x, y int) map[int]bool {
	best := map[int]bool{}
	for a := range d.above[x] {
		if d.above[y][a] {
			best[a] = true
		}
	}
	for a := range best {
		for b := range best {
			if a != b && d.above[b][a] {
				delete(best, a)
				break
			}
		}
	}
	return best
}

func TestBasesOfRandomHistories(t *testing.T) {
	rng := source(t)
	several, none := 0, 0
	for range 30 {
		d := randomDAG(t, rng, 3+rng.IntN(45))
		for x := range d.blocks {
			for y := range d.blocks {
				bases, sourceOnly, err := walk(t.Context(), d.chain, d.blocks[x], d.blocks[y])
				must(t, err)
				want := d.bases(x, y)
				if len(bases) != len(want) {
					t.Fatalf("%d and %d have %d bases, want %v", x, y, len(bases), want)
				}
				for i, b := range bases {
					if !want[d.index[b.ID]] || i > 0 && bases[i-1].TimeMillis < b.TimeMillis {
						t.Fatalf("base %d of %d and %d is %d, want %v, latest first", i, x, y, d.index[b.ID], want)
					}
				}
				switch len(want) {
				case 0:
					none++
				case 1:
				default:
					several++
				}
				for a := range d.above[y] {
					if _, only := sourceOnly[d.blocks[a].ID]; only == d.above[x][a] {
						t.Fatalf("is %d only in the source %d, not in %d? walk says %v", a, y, x, only)
					}
				}
				if len(sourceOnly)+common(d.above[x], d.above[y]) != len(d.above[y]) {
					t.Fatalf("%d blocks are said to be only in the source", len(sourceOnly))
				}
				is, err := IsAncestor(t.Context(), d.chain, d.blocks[x], d.blocks[y])
				must(t, err)
				if is != d.above[y][x] {
					t.Fatalf("IsAncestor(%d, %d) = %v", x, y, is)
				}
			}
		}
	}
	if several == 0 || none == 0 {
		t.Errorf("%d pairs with several bases, %d with none: the histories are too simple", several, none)
	}
}

func common(a, b map[int]bool) (n int) {
	for x := range a {
		if b[x] {
			n++
		}
	}
	return n
}

// Finding the base costs what the heads have diverged, not what lies behind.
func TestBaseDoesNotWalkTheWholeHistory(t *testing.T) {
	mem := store.NewMemory()
	w, err := mem.Begin(t.Context())
	must(t, err)
	put := func(h object.Header, parent *branch.Block) branch.Block {
		if parent != nil {
			h.Parent, h.Height, h.TimeMillis = parent.ID, parent.Height+1, parent.TimeMillis+1
		}
		h.Lineage = object.Hash{1}
		id := object.Sum(h.Encode())
		must(t, w.PutSealed(object.KindHeader, id, h.Encode(), []byte{1}))
		return branch.Block{ID: id, Header: &h}
	}
	at := put(object.Header{}, nil)
	for range 1000 {
		at = put(object.Header{}, &at)
	}
	x, y := put(object.Header{Branch: object.Hash{1}}, &at), put(object.Header{Branch: object.Hash{2}}, &at)
	counted := &counting{Reader: w}
	bases, err := Base(t.Context(), branch.Chain{Objects: counted}, x, y)
	must(t, err)
	if len(bases) != 1 || bases[0].ID != at.ID {
		t.Fatalf("bases are %v", bases)
	}
	if counted.reads > 5 {
		t.Errorf("%d blocks were read", counted.reads)
	}
	if is, err := IsAncestor(t.Context(), branch.Chain{Objects: counted}, x, y); is || err != nil || counted.reads > 10 {
		t.Errorf("IsAncestor: %v, %v, after %d reads", is, err, counted.reads)
	}
	must(t, w.Rollback())
}

func BenchmarkBase(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{100, 10_000} {
		d := randomDAG(b, rng, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Base(b.Context(), d.chain, d.blocks[n-1], d.blocks[n-2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// counting counts reads.
type counting struct {
	store.Reader
	reads int
}

func (c *counting) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	c.reads++
	return c.Reader.Get(ctx, h)
}
