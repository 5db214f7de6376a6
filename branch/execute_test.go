package branch

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/store"
)

// result is everything that an execution comes to.
type result struct {
	root              object.Hash
	entries, receipts []byte
}

func resultOf(x *Executor) result {
	return result{x.State().Root(), (&object.Body{Entries: x.Entries()}).Encode(), x.Receipts().Encode()}
}

func (r result) equal(o result) bool {
	return r.root == o.root && bytes.Equal(r.entries, o.entries) && bytes.Equal(r.receipts, o.receipts)
}

// verdicts returns the verdict of each transaction, in block order.
func verdicts(entries []object.Entry) []object.Verdict {
	var out []object.Verdict
	for _, e := range entries {
		for _, run := range e.Runs {
			out = append(out, slices.Repeat([]object.Verdict{run.Verdict}, int(run.Count))...)
		}
	}
	return out
}

// executor returns an executor on the state of head, of a pool of its own.
func (b *book) executor(head Block, workers int) *Executor {
	b.t.Helper()
	pool := dtt.NewPool(workers)
	b.t.Cleanup(pool.Close)
	l := *b.Ledger
	l.Workers = pool
	return l.NewExecutor(b.scratch(), head.Header.State)
}

// followed runs spans by a tree.
func (b *book) followed(head Block, spans []Span, tree dtt.Tree, workers int) (*Executor, error) {
	x := b.executor(head, workers)
	return x, x.Follow(b.t.Context(), spans, tree)
}

// fill adds the transactions of spans to a stage.
func (b *book) fill(s *stage, spans []Span) {
	b.t.Helper()
	in := newFeed(b.Chain, b.Runtime, spans, 1)
	for {
		p, err := in.next(b.t.Context())
		must(b.t, err)
		if p == nil {
			return
		}
		for i := range p.items {
			s.add(p.items[i], p.declared(i))
		}
	}
}

// listsOf returns the access lists of a stage of spans.
func (b *book) listsOf(head Block, spans []Span) *dtt.Lists {
	b.t.Helper()
	s := newStage(b.Runtime, 1)
	b.fill(s, spans)
	must(b.t, s.load(b.t.Context(), b.State(head), 1))
	lists, err := s.lists(true)
	must(b.t, err)
	return lists
}

// randomTree returns a tree of the transactions first to first+n-1 that hides no conflict.
func randomTree(t testing.TB, rng *rand.Rand, lists *dtt.Lists, first, n, levels int) dtt.Tree {
	if n <= 1 || levels == 0 || rng.IntN(8) == 0 {
		return dtt.Serial(n)
	}
	var parts []dtt.Tree
	for at := 0; at < n; {
		count := min(n-at, 1+rng.IntN(n/2+1))
		parts = append(parts, randomTree(t, rng, lists, first+at, count, levels-1))
		at += count
	}
	side := dtt.Par(parts...)
	rest := lists.Len() - first - n
	if dtt.Check(lists, dtt.Seq(dtt.Serial(first), side, dtt.Serial(rest))) == nil {
		return side
	}
	return dtt.Seq(parts...)
}

// seeded returns a book with some rows, and its head.
func seeded(t testing.TB, rng *rand.Rand) (*book, Block) {
	b := newBook(t, 2)
	var txs [][]table.Spec
	for i := range 60 {
		if rng.IntN(3) > 0 {
			txs = append(txs, put(fmt.Sprintf("row%d", i), num("a", uint64(rng.IntN(4))), num("na", 1)))
		}
	}
	txs = append(txs, put("hot0", num("a", 1)), put("hot1", num("na", 1)))
	return b, b.commit(b.root, txs...)
}

// A block has one result, whatever valid tree it runs by and with however many workers;
// and it is what running one by one on a desk gives.
func TestEveryTreeAndNumberOfWorkersGivesTheSameBlock(t *testing.T) {
	for _, test := range []struct {
		name      string
		n, rows   int
		hot       int
		wild      bool
		line      bool
		stage     int
		randomise int
	}{
		{name: "a line", n: 900, rows: 300, hot: 10, line: true, stage: StageTransactions, randomise: 2},
		{name: "lines", n: 900, rows: 60, hot: 6, line: true, stage: 256},
		{name: "hot", n: 900, rows: 40, hot: 5, wild: true, stage: StageTransactions, randomise: 4},
		{name: "scattered", n: 1500, rows: 5000, hot: 0, stage: StageTransactions, randomise: 4},
		{name: "some of both", n: 1500, rows: 400, hot: 1, wild: true, stage: StageTransactions, randomise: 4},
		{name: "many stages", n: 1200, rows: 400, hot: 1, wild: true, stage: 64},
		{name: "stages of one", n: 150, rows: 20, hot: 2, stage: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			rng := source(t)
			b, head := seeded(t, rng)
			p := NewPending(head)
			c := crowd{rng: rng, rows: test.rows, hot: test.hot, wild: test.wild, line: test.line}
			var want []object.Verdict
			b.write(func(w store.Writer) { want = c.fill(b, w, p, head, test.n) })
			batch := b.sign(b.ada, head, p, nil)
			spans := []Span{{Batch: batch, Count: batch.Count}}
			serial := b.executor(head, 1)
			serial.stageTransactions = test.stage
			serial.options.MinLeaf = uint64(test.n) * 2
			must(t, serial.Propose(t.Context(), spans))
			first := resultOf(serial)
			if got := verdicts(serial.Entries()); !slices.Equal(got, want) {
				t.Fatalf("verdicts are not those of the desk")
			}
			trees := []dtt.Tree{serial.Tree()}
			for workers := 1; workers <= 16; workers *= 2 {
				x := b.executor(head, workers)
				x.stageTransactions, x.cutTransactions, x.options = test.stage, 8, dtt.Options{MinLeaf: uint64(workers), Workers: 1 + workers}
				must(t, x.Propose(t.Context(), cut(rng, spans)))
				if !resultOf(x).equal(first) {
					t.Errorf("%d workers come to another result", workers)
				}
				trees = append(trees, x.Tree())
			}
			for range test.randomise {
				trees = append(trees, randomTree(t, rng, b.listsOf(head, spans), 0, test.n, 5))
			}
			for i, tree := range trees {
				x := b.executor(head, 1+i%16)
				x.stageTransactions = test.stage
				if err := x.Follow(t.Context(), spans, tree); err != nil {
					t.Fatalf("tree %d: %v", i, err)
				}
				if !resultOf(x).equal(first) {
					t.Errorf("tree %d of %d leaves comes to another result", i, tree.Leaves())
				}
			}
			if cuts := trees[3].Cuts(); test.line && cuts == 0 {
				t.Error("the builder's tree has no cuts: nothing ran ahead")
			}
			if leaves := trees[1].Leaves(); leaves < 2 && test.n > 200 {
				t.Errorf("the builder's tree has %d leaves: nothing ran side by side", leaves)
			}
		})
	}
}

// cut returns the same transactions in more spans.
func cut(rng *rand.Rand, spans []Span) []Span {
	var out []Span
	for _, s := range spans {
		for s.Count > 0 {
			part := s
			part.Count = min(s.Count, 1+uint64(rng.IntN(500)))
			out = append(out, part)
			s.First, s.Count = s.First+part.Count, s.Count-part.Count
		}
	}
	return out
}

func TestProposingInPartsIsProposingAtOnce(t *testing.T) {
	rng := source(t)
	b, head := seeded(t, rng)
	p := NewPending(head)
	b.write(func(w store.Writer) {
		(&crowd{rng: rng, rows: 100, hot: 2}).fill(b, w, p, head, 400)
		(&crowd{rng: rng, rows: 100, hot: 9, line: true}).fill(b, w, p, head, 400)
	})
	batch := b.sign(b.ada, head, p, nil)
	whole := []Span{{Batch: batch, Count: batch.Count}}
	for _, stage := range []int{16, 100, StageTransactions} {
		once, parts := b.executor(head, 3), b.executor(head, 3)
		once.stageTransactions, parts.stageTransactions = stage, stage
		parts.cutTransactions, parts.options.MinLeaf = 8, 4
		must(t, once.Propose(t.Context(), whole))
		for _, span := range cut(rng, whole) {
			must(t, parts.Propose(t.Context(), []Span{span}))
		}
		if !resultOf(once).equal(resultOf(parts)) {
			t.Errorf("stages of %d: the results differ", stage)
		}
		x := b.executor(head, 3)
		x.stageTransactions = stage
		must(t, x.Follow(t.Context(), whole, parts.Tree()))
		if !resultOf(x).equal(resultOf(once)) {
			t.Errorf("stages of %d: following the tree of parts gives another result", stage)
		}
	}
}

func TestFreeTransactionsRunByAnyTree(t *testing.T) {
	b := newBook(t, 2)
	var txs [][]table.Spec
	for i := range 200 {
		txs = append(txs, put(fmt.Sprintf("row%d", i), num("a", 1)))
	}
	batch := b.stranded(b.ada, b.root, nil, txs...)
	spans := []Span{{Batch: batch, Count: batch.Count}}
	var first result
	for leaves := 1; leaves <= 200; leaves *= 3 {
		x, err := b.followed(b.root, spans, dtt.Even(200, leaves), 5)
		must(t, err)
		if leaves == 1 {
			first = resultOf(x)
		}
		if !resultOf(x).equal(first) {
			t.Errorf("%d leaves come to another result", leaves)
		}
	}
}

func TestTreesThatDoNotFitAreRefused(t *testing.T) {
	b := newBook(t, 2)
	batch := b.stranded(b.ada, b.root, nil, put("x", num("a", 1)), put("y", num("a", 1)), put("x", num("a", 2)), put("z", num("a", 1)))
	spans := []Span{{Batch: batch, Count: 4}}
	seq, par, leaf := dtt.Seq, dtt.Par, dtt.Serial
	for _, test := range []struct {
		name  string
		tree  dtt.Tree
		stage int
		want  error
		says  []string
	}{
		{"serial", leaf(4), 8, nil, nil},
		{"the middle side by side", seq(leaf(1), par(leaf(1), leaf(1)), leaf(1)), 8, nil, nil},
		{"hidden conflict", par(leaf(2), leaf(2)), 8, dtt.ErrConflict, []string{batch.ID.Short() + ".0", batch.ID.Short() + ".2"}},
		{"hidden deeper", par(seq(leaf(1), par(leaf(1), leaf(1))), leaf(1)), 8, nil, nil},
		{"too short", leaf(3), 8, dtt.ErrLength, nil},
		{"too long", leaf(5), 8, dtt.ErrLength, nil},
		{"empty", leaf(0), 8, dtt.ErrLength, nil},
		{"too long by a stage", seq(leaf(2), leaf(2), leaf(2)), 2, nil, []string{"it runs 6"}},
		{"too short by a stage", leaf(2), 2, nil, []string{"ends before"}},
		{"in stages", seq(leaf(2), leaf(2)), 2, nil, nil},
		{"in more parts than stages", seq(leaf(1), leaf(1), leaf(1), leaf(1)), 2, nil, nil},
		{"one leaf across stages", leaf(4), 2, nil, []string{"in stages of 2"}},
		{"side by side across stages", par(leaf(2), leaf(2)), 2, nil, []string{"in stages of 2"}},
		{"a checkpoint", dtt.Halves(leaf(2), leaf(2), []dtt.Claim{{Unit: 0, Value: []byte{1}}}), 8, nil, []string{"unit 0", "may not be claimed"}},
		{"a child across stages", seq(leaf(1), leaf(2), leaf(1)), 2, nil, []string{"1 to 2 cross"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := b.executor(b.root, 3)
			x.stageTransactions = test.stage
			err := x.Follow(t.Context(), spans, test.tree)
			if test.want == nil && test.says == nil {
				must(t, err)
				return
			}
			if !errors.Is(err, ErrInvalid) || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error is %v", err)
			}
			for _, s := range test.says {
				if !strings.Contains(fmt.Sprint(err), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
		})
	}
}

func TestTreeOfTooManyNodesFallsBackToStages(t *testing.T) {
	x := newBook(t, 1).executor(Block{Header: &object.Header{}}, 1)
	x.stageTransactions = 8
	wide := make([]dtt.Tree, 0, dtt.MaxNodes/2)
	for range dtt.MaxNodes/2 - 1 {
		wide = append(wide, dtt.Par(dtt.Serial(1), dtt.Serial(1)))
	}
	x.stages = wide
	tree := x.Tree()
	if tree.Len() != 2*len(wide) {
		t.Fatalf("the tree has %d transactions, not %d", tree.Len(), 2*len(wide))
	}
	if _, err := cutStages(tree, 8); err != nil {
		t.Error(err)
	}
}
