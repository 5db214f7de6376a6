package branch

import (
	"errors"
	"testing"

	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// parcel is an object as it comes over a wire.
type parcel struct {
	kind       object.Kind
	data, seal []byte
}

// recorder keeps a copy of everything but state nodes that passes it.
type recorder struct {
	store.Writer
	parcels []parcel
}

func (r *recorder) Put(kind object.Kind, h object.Hash, data []byte) error {
	return r.PutSealed(kind, h, data, nil)
}

func (r *recorder) PutSealed(kind object.Kind, h object.Hash, data, seal []byte) error {
	if kind != object.KindStateNode {
		r.parcels = append(r.parcels, parcel{kind, append([]byte(nil), data...), append([]byte(nil), seal...)})
	}
	return r.Writer.PutSealed(kind, h, data, seal)
}

// TestAcceptAll gives a ledger that has a chain's first block, and none of the states after
// it, the blocks that follow.
func TestAcceptAll(t *testing.T) {
	author := newBook(t, 2)
	rng := source(t)
	people := &crowd{rng: rng, rows: 40, hot: 2}
	base := author.commit(author.root, put("first", num("n", 1)))
	fork := store.NewMemory()
	copyObjects(t, author.mem, fork)

	var parcels []parcel
	var chain []Block
	head := base
	for range 9 {
		author.write(func(inner store.Writer) {
			w := &recorder{Writer: inner}
			p := NewPending(head)
			people.fill(author, w, p, head, 1+rng.IntN(60))
			must(t, p.CloseChunk(w, true))
			batch, err := PutBatch(w, &object.Batch{
				Lineage: author.Directory.Lineage, Mark: object.Mark{Block: head.ID, Height: head.Height}, Count: p.Count(), Chunks: p.Closed,
			}, author.ada)
			must(t, err)
			x := author.NewExecutor(w, head.Header.State)
			must(t, x.Propose(t.Context(), []Span{{Batch: batch, Count: batch.Count}}))
			head, err = author.Seal(t.Context(), w, Draft{Branch: author.branch, Parent: &head, Now: author.tick(), Run: x}, author.ada)
			must(t, err)
			parcels = append(parcels, w.parcels...)
		})
		chain = append(chain, head)
	}

	for _, nodes := range []int{0, 1 << 20} {
		for bad := -1; bad < len(chain); bad += 3 {
			host := store.NewMemory()
			copyObjects(t, fork, host)
			w, err := host.Begin(t.Context())
			must(t, err)
			for _, p := range parcels {
				id := object.Sum(p.data)
				if bad >= 0 && id == chain[bad].ID {
					p.seal[7] ^= 1
				}
				must(t, w.PutSealed(p.kind, id, p.data, p.seal))
				if bad >= 0 && id == chain[bad].ID {
					p.seal[7] ^= 1
				}
			}
			l := *author.Ledger
			l.Chain, l.Nodes = Chain{w}, nil
			if nodes > 0 {
				l.Nodes = state.NewCache(w, nodes)
			}
			left, accepted := chain, 0
			err = l.AcceptAll(t.Context(), w, func() (Block, bool, error) {
				if len(left) == 0 {
					return Block{}, false, nil
				}
				next := left[0]
				left = left[1:]
				return next, true, nil
			}, func(b Block) error {
				if b.ID != chain[accepted].ID {
					t.Errorf("block %d is accepted out of turn", b.Height)
				}
				accepted++
				return nil
			})
			if bad >= 0 {
				if !errors.Is(err, key.ErrBadSignature) || !errors.Is(err, ErrInvalid) || accepted != bad {
					t.Errorf("block %d is forged: %d are accepted, then %v", bad, accepted, err)
				}
				continue
			}
			must(t, err)
			must(t, w.Commit(t.Context()))
			want, err := author.State(head).Count(t.Context())
			must(t, err)
			if got, err := state.New(host, head.Header.State).Count(t.Context()); err != nil || got != want || accepted != len(chain) {
				t.Errorf("%d of %d rows after %d blocks, %v", got, want, accepted, err)
			}
		}
	}
}

func copyObjects(t *testing.T, from, to store.Store) {
	t.Helper()
	w, err := to.Begin(t.Context())
	must(t, err)
	must(t, from.Each(t.Context(), func(i store.Info) error {
		data, err := from.Get(t.Context(), i.Hash)
		if err != nil {
			return err
		}
		seal, err := from.Seal(t.Context(), i.Hash)
		if err != nil {
			return err
		}
		return w.PutSealed(i.Kind, i.Hash, data, seal)
	}))
	must(t, w.Commit(t.Context()))
}

// The error of each is that of the lowest number, and nothing is left out before it.
func TestEach(t *testing.T) {
	rng := source(t)
	for range 200 {
		n, bad := rng.IntN(1000), rng.IntN(1200)
		called := make([]bool, n)
		fault := errors.New("fault")
		err := each(t.Context(), 1+rng.IntN(4), n, func(i int) error {
			called[i] = true
			if i >= bad {
				return fault
			}
			return nil
		})
		if errors.Is(err, fault) != (bad < n) {
			t.Fatalf("%d calls, bad from %d on: %v", n, bad, err)
		}
		for i := range min(n, bad) {
			if !called[i] {
				t.Fatalf("%d calls, bad from %d on: %d is left out", n, bad, i)
			}
		}
	}
}
