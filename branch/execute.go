package branch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aergo/consensus/directory"
	"aergo/contract"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// StageTransactions is how many transactions of a block run as one stage. A block of more
// runs stage after stage: its tree is a series none of whose children crosses a multiple
// of StageTransactions. So memory follows the stage, not the block, and everyone who
// executes a block cuts it alike.
const StageTransactions = 1 << 17

// Runtime decides what a transaction does. It is a pure function of the transaction and
// the view, and safe for concurrent use.
type Runtime interface {
	// Prepare turns the dictionary of a chunk into what the other methods take as dict.
	Prepare(names []string) (dict any)
	// Declare calls add for every unit that the transaction may touch, if the resolver, which
	// may be nil, decides its conflicts. A transaction that cannot be read declares nothing.
	Declare(tx *object.Transaction, dict any, resolver contract.Resolver, add func(contract.Access))
	// Run decides the transaction on the view. m is what a merge knows beforehand; it is nil
	// outside merges. An error is a failure to execute, never a verdict.
	Run(tx *object.Transaction, dict any, view contract.View, m *contract.Merging, out *contract.Outcome) error
	// Lookup returns the encoded value of a field of a row.
	Lookup(row []byte, name string) (value []byte, ok bool, err error)
	// Apply returns a row after an effect. It fails with contract.ErrEffect if the effect
	// does not fit the row.
	Apply(row []byte, exists bool, e *contract.Effect) ([]byte, bool, error)
	// Settle prepares what a merge settles before it replays.
	Settle() contract.Settler
	// Force adds to a chunk the transaction that does what tx does without preconditions,
	// but for what a merge settled.
	Force(tx *object.Transaction, dict any, settled *contract.Settlement, to *object.ChunkBuilder) error
}

// Span is consecutive transactions of a batch that a block takes.
type Span struct {
	Batch Batch
	Order uint64 // 1 + index of the order it comes by; 0 if its author may write
	First uint64
	Count uint64
	Mode  object.Mode // what the order says of inconsistent ones
	// Merged says that the order is a merge: then Settled applies.
	Merged bool

	// Decided says that the verdict does not depend on what the transactions do, so that they
	// do not run. It was given on the source of a merge and is taken over: excluded (with
	// Block, which decided) or dropped; or they are excluded, without a Block, because their
	// author's key is revoked.
	Decided bool
	Verdict object.Verdict
	Block   object.Hash
	// Settled is what the merge settled beforehand, Resolving what it knows for a resolver.
	Settled   *contract.Settlement
	Resolving *Resolving
}

// LeaveOut marks the spans whose authors' keys are revoked as excluded for that reason.
func (l *Ledger) LeaveOut(spans []Span) {
	for i := range spans {
		if s := &spans[i]; !s.Decided && l.Directory.KeyState(s.Batch.Author.Key) == directory.Revoked {
			s.Decided, s.Verdict = true, object.VerdictExcluded
		}
	}
}

// Executor runs the transactions of one block, in block order, and gathers what its body,
// tree and receipts say. It is used by one goroutine; it runs transactions on many.
type Executor struct {
	chain             Chain
	runtime           Runtime
	pool              *dtt.Pool
	nodes             *state.Cache
	writer            state.NodeWriter
	options           dtt.Options
	stageTransactions int // StageTransactions, but for tests
	cutTransactions   int // cutTransactions, but for tests

	tree     state.Tree
	entries  []object.Entry
	receipts object.Receipts
	stages   []dtt.Tree
	count    int
	follows  int                    // transactions of the tree that is followed
	decided  func()                 // called when all of those have their verdicts, before the last new state is made; may be nil
	marks    map[object.Hash]uint64 // mark height of each batch in the block
	planner  dtt.Planner
	checker  dtt.Checker
	scratch  *stage
}

// executorCacheBytes is for the nodes that a stage reads before it runs, and again when it
// writes what it changed. The rows of a stage keep most of those nodes in memory anyway, so
// forgetting them sooner saves little, and reading them twice costs more memory than it.
const executorCacheBytes = 192 << 20

// NewExecutor returns an executor that starts from the state of the given root. It reads and
// writes through w, and uses the ledger's workers.
func (l *Ledger) NewExecutor(w store.Writer, root object.Hash) *Executor {
	return l.newExecutor(Chain{w}, w, root, newStage(l.Runtime, l.Workers.Workers()))
}

// newExecutor is NewExecutor that finds transactions on a chain of its own, and uses working
// memory that no other executor uses any more.
func (l *Ledger) newExecutor(chain Chain, w store.Writer, root object.Hash, scratch *stage) *Executor {
	x := &Executor{
		chain: chain, runtime: l.Runtime, pool: l.Workers, writer: w, stageTransactions: StageTransactions, cutTransactions: cutTransactions,
		scratch: scratch, marks: map[object.Hash]uint64{},
	}
	if l.Nodes == nil {
		x.nodes = state.NewCache(w, executorCacheBytes)
	} else {
		x.nodes = l.Nodes.Over(w)
	}
	x.tree = state.New(x.nodes, root)
	return x
}

// Account writes the account that follows from that of the given root by what the executor
// has run.
func (x *Executor) Account(ctx context.Context, root object.Hash) (Account, error) {
	base := Account{state.New(x.nodes, root)}
	return base.update(ctx, x.writer, x.entries, x.marks, x.pool.Workers())
}

// State returns the state so far.
func (x *Executor) State() state.Tree { return x.tree }

// Entries returns the entries so far, with their verdicts.
func (x *Executor) Entries() []object.Entry { return x.entries }

// Receipts returns the receipts so far.
func (x *Executor) Receipts() *object.Receipts { return &x.receipts }

// Tree returns the tree of everything run so far.
func (x *Executor) Tree() dtt.Tree {
	t := dtt.Seq(x.stages...)
	if t.Len() <= x.stageTransactions || t.Root().Kind() == dtt.Series {
		return t
	}
	// Too many nodes for one tree: each stage as one leaf is always right, and still cut
	// where stages end.
	var leaves []dtt.Tree
	for n := t.Len(); n > 0; n -= x.stageTransactions {
		leaves = append(leaves, dtt.Serial(min(n, x.stageTransactions)))
	}
	return dtt.Seq(leaves...)
}

// Count returns the number of transactions so far.
func (x *Executor) Count() int { return x.count }

// Propose runs spans in an order of its own choice that equals their serial order, and
// keeps the tree of it. It may be called again; the next spans run after these.
func (x *Executor) Propose(ctx context.Context, spans []Span) error {
	return x.run(ctx, spans, func(int) (*dtt.Tree, error) { return nil, nil })
}

// Follow runs spans by a published tree, which it checks first. It is called once, with
// the whole block.
func (x *Executor) Follow(ctx context.Context, spans []Span, published dtt.Tree) error {
	stages, err := cutStages(published, x.stageTransactions)
	if err != nil {
		return err
	}
	x.follows = published.Len()
	err = x.run(ctx, spans, func(stage int) (*dtt.Tree, error) {
		if stage >= len(stages) {
			return nil, fmt.Errorf("tree: %w: it ends before the block does, after %d transactions", FaultTreeLength, published.Len())
		}
		return &stages[stage], nil
	})
	if err != nil {
		return err
	}
	if x.count != published.Len() {
		return fmt.Errorf("tree: %w: it runs %d transactions, the block has %d", FaultTreeLength, published.Len(), x.count)
	}
	return nil
}

// cutStages cuts a published tree at the multiples of so many transactions.
func cutStages(t dtt.Tree, stageTransactions int) ([]dtt.Tree, error) {
	if t.Len() <= stageTransactions {
		return []dtt.Tree{t}, nil
	}
	if t.Root().Kind() != dtt.Series {
		return nil, fmt.Errorf("tree: %w: a block of %d transactions must run in stages of %d", FaultTreeStage, t.Len(), stageTransactions)
	}
	var stages, part []dtt.Tree
	for child := range t.Root().Children() {
		first, last := child.First(), child.First()+child.Len()-1
		if first/stageTransactions != last/stageTransactions {
			return nil, fmt.Errorf("tree: %w: transactions %d to %d cross a stage", FaultTreeStage, first, last)
		}
		if first%stageTransactions == 0 && len(part) > 0 {
			stages = append(stages, dtt.Seq(part...))
			part = nil
		}
		part = append(part, child.Tree())
	}
	return append(stages, dtt.Seq(part...)), nil
}

// run fills stages with the transactions of spans and runs each, by the tree that is given
// for it or, if that is nil, by one of its own. Stages continue across calls: a block
// proposed in two calls is cut at the same places as one followed in one.
func (x *Executor) run(ctx context.Context, spans []Span, given func(stage int) (*dtt.Tree, error)) error {
	s, stages := x.scratch, 0
	s.reset()
	flush := func() error {
		if len(s.items) == 0 {
			return nil
		}
		tree, err := given(stages)
		if err == nil {
			err = x.runStage(ctx, spans, tree)
		}
		stages++
		s.reset()
		return err
	}
	for i := range spans {
		x.marks[spans[i].Batch.ID] = spans[i].Batch.Mark.Height
	}
	in := newFeed(x.chain, x.runtime, spans, x.pool.Workers())
	defer in.drain()
	for {
		p, err := in.next(ctx)
		if err != nil {
			return err
		}
		if p == nil {
			return flush()
		}
		for i := range p.items {
			s.add(p.items[i], p.declared(i))
			if (x.count+len(s.items))%x.stageTransactions == 0 {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
}

// runStage orders, runs and applies one stage.
func (x *Executor) runStage(ctx context.Context, spans []Span, given *dtt.Tree) error {
	s := x.scratch
	if err := s.load(ctx, x.tree, x.pool.Workers()); err != nil {
		return err
	}
	lists, err := s.lists(given == nil)
	if err != nil {
		return err
	}
	var tree dtt.Tree
	if given == nil {
		tree, err = x.lead(ctx, spans, lists)
	} else {
		tree = *given
		err = x.follow(ctx, spans, lists, tree)
	}
	if err != nil {
		return err
	}
	x.record(spans)
	x.stages = append(x.stages, tree)
	x.count += len(s.items)
	if x.decided != nil && x.count == x.follows {
		x.decided()
	}
	x.tree, err = x.tree.Update(ctx, x.writer, s.edits(), x.pool.Workers())
	return err
}

// cutTransactions is from how many transactions on that have to wait for each other it is
// worth cutting a tree.
const cutTransactions = 128

// claimedRowBytes is the size of the largest row that is worth claiming: each cut across it
// has a copy of it in the block.
const claimedRowBytes = 4 << 10

// lead builds a tree for the stage, runs it, and returns it as it is to be published.
func (x *Executor) lead(ctx context.Context, spans []Span, lists *dtt.Lists) (dtt.Tree, error) {
	s := x.scratch
	tree := x.planner.Build(lists, nil, x.options)
	if path := tree.CriticalPath(nil); int(path) < x.cutTransactions || int(path) < len(s.items)/4 {
		return tree, x.runTree(ctx, spans, tree, 0)
	}
	offset := x.count % x.stageTransactions
	s.judge(0, len(s.items))
	options := x.options
	options.Claimable = func(u dtt.Unit) bool {
		if !s.claimable(u) || len(s.slot(s.named[u].slot).before) > claimedRowBytes {
			return false
		}
		_, err := s.nameOfUnit(u, offset)
		return err == nil
	}
	cut := x.planner.Checkpoint(tree, lists, nil, options)
	if cut.Cuts() == 0 {
		return tree, x.runTree(ctx, spans, tree, 0)
	}
	recorded, err := x.pool.Record(ctx, cut, s.checkpoints(spans, cut, 0))
	if err != nil {
		return dtt.Tree{}, err
	}
	return recorded.Rename(func(u dtt.Unit) (dtt.Unit, error) { return s.nameOfUnit(u, offset) })
}

// runTree runs a tree of transactions of the stage, the first of which is given. Its claims
// name units by number.
func (x *Executor) runTree(ctx context.Context, spans []Span, tree dtt.Tree, from int) error {
	if tree.Cuts() > 0 {
		err := x.pool.RunCheckpoints(ctx, tree, x.scratch.checkpoints(spans, tree, from))
		if errors.Is(err, dtt.ErrCheckpoint) {
			err = fmt.Errorf("tree: %w: %w", FaultTreeCutFailed, err)
		}
		return err
	}
	return x.pool.Run(ctx, tree, func(ctx context.Context, worker, first, count int) error {
		return x.scratch.runLeaf(ctx, spans, worker, 0, from+first, count)
	})
}

// follow checks a published tree against the stage's access lists and runs it.
//
// Whether a row may become too long depends on its length when transactions begin to run
// side by side. A proposer who ran the stage in several calls looked at each call by
// itself. So if there is such a row, the children of the tree's series are looked at, and
// run, one by one: each begins when all before it are done, and none is more than a call.
func (x *Executor) follow(ctx context.Context, spans []Span, lists *dtt.Lists, tree dtt.Tree) error {
	tree, err := x.scratch.resolveClaims(tree)
	if err != nil {
		return fmt.Errorf("tree: %w: %w", FaultTreeCut, err)
	}
	if err := x.check(spans, lists, tree, 0); err != nil {
		return err
	}
	s := x.scratch
	if !s.tight() {
		return x.runTree(ctx, spans, tree, 0)
	}
	for _, part := range seriesOf(tree) {
		lists, err := s.tightLists(part.First(), part.Len())
		if err != nil {
			return err
		}
		if err := x.check(spans, lists, part.Tree(), part.First()); err != nil {
			return err
		}
		if err := x.runTree(ctx, spans, part.Tree(), part.First()); err != nil {
			return err
		}
	}
	return nil
}

// seriesOf returns what a tree runs one after another.
func seriesOf(t dtt.Tree) []dtt.Node {
	if t.Root().Kind() != dtt.Series {
		return []dtt.Node{t.Root()}
	}
	return slices.Collect(t.Root().Children())
}

// check checks a tree of transactions of the stage, the first of which is given.
func (x *Executor) check(spans []Span, lists *dtt.Lists, tree dtt.Tree, from int) error {
	err := x.checker.Check(lists, tree)
	if conflict := new(dtt.ConflictError); errors.As(err, &conflict) && conflict.First >= 0 {
		s := x.scratch
		return fmt.Errorf("tree: %w: transactions %s and %s run side by side: %w", FaultTreeConflict,
			s.nameOf(spans, from+conflict.First), s.nameOf(spans, from+conflict.Second), dtt.ErrConflict)
	}
	switch {
	case errors.Is(err, dtt.ErrLength):
		return fmt.Errorf("tree: %w: %w", FaultTreeLength, err)
	case err != nil:
		return fmt.Errorf("tree: %w: %w", FaultTree, err)
	}
	return nil
}

// record adds the stage's verdicts to the entries and receipts.
func (x *Executor) record(spans []Span) {
	s := x.scratch
	for i := range s.items {
		it, d := &s.items[i], &s.decisions[i]
		x.receipts.Add(1, object.Receipt{Verdict: d.verdict, Cost: d.cost})
		span := &spans[it.span]
		e := x.entry(span.Batch.ID, span.Order)
		if n := len(e.Runs); n > 0 && e.Runs[n-1].First+e.Runs[n-1].Count == it.index && e.Runs[n-1].Verdict == d.verdict {
			e.Runs[n-1].Count++
		} else {
			e.Runs = append(e.Runs, object.Run{First: it.index, Count: 1, Verdict: d.verdict})
		}
		if d.exclusion != nil {
			d.exclusion.Index = it.index
			e.Excluded = append(e.Excluded, *d.exclusion)
		}
	}
}

// entry returns the last entry if it is of the batch and order, or a new one.
func (x *Executor) entry(batch object.Hash, order uint64) *object.Entry {
	if n := len(x.entries); n > 0 && x.entries[n-1].Batch == batch && x.entries[n-1].Order == order {
		return &x.entries[n-1]
	}
	x.entries = append(x.entries, object.Entry{Batch: batch, Order: order})
	return &x.entries[len(x.entries)-1]
}
