package branch

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"aergo/contract"
	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/store"
)

// dispute is a branch with merge logic and another that is to be merged into it.
type dispute struct {
	*book
	logic        MergeLogic
	base         Block // of both, the founding block
	ours, theirs Block
}

// quarrel founds a branch and lets two sides work on it: each a list of blocks.
func quarrel(t testing.TB, source string, base, ours, theirs []([]table.Spec)) *dispute {
	t.Helper()
	b := newRuledBook(t, 2)
	m := &dispute{book: b, logic: rules(source)}
	m.base = b.found(b.commit(b.root, base...), "shop", m.logic)
	m.ours, _ = b.commitOn(m.base.Branch, m.base, b.ada, ours...)
	m.theirs, _ = b.commitOn(object.Hash{3}, m.base, person("ben"), theirs...)
	return m
}

// resolve merges source into target by the logic and seals what comes of it.
func (m *dispute) resolve(target, source Block, grounds ...Block) (block Block, err error) {
	m.t.Helper()
	order := m.order(target, object.OrderMerge, m.ada, func(o *object.Order) {
		o.Source, o.Branch, o.Mode = source.ID, m.base.Branch, object.ModeResolve
	})
	m.write(func(w store.Writer) {
		spans := m.mergeSpans(target, source)
		for i := range spans {
			spans[i].Mode = object.ModeResolve
		}
		x := m.NewExecutor(w, target.Header.State)
		must(m.t, SettleSpans(m.t.Context(), Chain{w}, m.Runtime, x.State(), spans, 2))
		var r *Resolving
		r, err = m.PrepareResolving(m.t.Context(), Resolve{Logic: &m.logic, Owner: m.ada.Identity, Target: target, Source: source, Grounds: grounds}, spans)
		must(m.t, err)
		defer func() { must(m.t, r.Close()) }()
		if err = x.Propose(m.t.Context(), spans); err != nil {
			return
		}
		block, err = m.Seal(m.t.Context(), w, Draft{
			Branch: m.base.Branch, Parent: &target, Absorbed: &source, Mode: object.ModeResolve, Orders: []object.Hash{order}, Now: m.tick(), Run: x,
			Resolver: m.logic.Hash(), Extensions: []object.Extension{EncodeGrounds(grounds)},
		}, m.ada)
	})
	return block, err
}

func (m *dispute) resolved(t testing.TB) Block {
	t.Helper()
	block, err := m.resolve(m.ours, m.theirs, m.base)
	must(t, err)
	return block
}

func simple(t testing.TB, source string) *dispute {
	return quarrel(t, source, [][]table.Spec{put("a", num("n", 10)), put("b", num("n", 10))},
		[][]table.Spec{put("a", num("n", 8)), put("c", num("n", 5))},
		[][]table.Spec{put("a", num("n", 13)), put("b", num("n", 11)), put("c", num("n", 4)), put("a", num("n", 14))})
}

func TestResolvedBlock(t *testing.T) {
	m := simple(t, "on *: sum;")
	block := m.resolved(t)
	must(t, m.Validate(t.Context(), block))
	for k, want := range map[string]uint64{"a": 12, "b": 11, "c": 9} {
		if n, _ := m.field(block, k, "n"); n != want {
			t.Errorf("%s is %d, want %d", k, n, want)
		}
	}
	body := m.open(block).body
	want := []object.Run{{First: 0, Count: 1, Verdict: object.VerdictResolved}, {First: 1, Count: 1}, {First: 2, Count: 2, Verdict: object.VerdictResolved}}
	if len(body.Entries) != 1 || fmt.Sprint(body.Entries[0].Runs) != fmt.Sprint(want) {
		t.Errorf("the entries are %+v", body.Entries)
	}
	runs, err := m.Account(block).Runs(t.Context(), m.base.Height, body.Entries[0].Batch)
	must(t, err)
	for i := range uint64(4) {
		if v, ok := VerdictOf(runs, i); !ok || !v.Applied() {
			t.Errorf("the account says %v of transaction %d", v, i)
		}
	}
}

// What a resolver needs is in the header, and everything there is checked.
func TestHeadersOfResolvedBlocks(t *testing.T) {
	m := simple(t, "on *: sum;")
	block := m.resolved(t)
	next, _ := m.commitOn(m.base.Branch, m.ours, m.ada, put("z", num("n", 1)))
	// Another branch on the same blocks has no logic.
	bare := m.order(m.ours, object.OrderMerge, m.ada, func(o *object.Order) { o.Source, o.Mode = m.theirs.ID, object.ModeResolve })
	plain := m.make(plan{parent: &m.ours, branch: m.base.Branch, absorbed: &m.theirs, spans: m.mergeSpans(m.ours, m.theirs),
		orders: []object.Hash{m.order(m.ours, object.OrderMerge, m.ada, func(o *object.Order) { o.Source, o.Branch = m.theirs.ID, m.base.Branch })}})
	must(t, m.Validate(t.Context(), plain)) // a merge without the resolver stays one
	grounds := func(data []byte) func(*draft) { return func(d *draft) { d.header.Extensions[0].Data = data } }
	for _, test := range []struct {
		name, says string
		of         Block
		do         func(*draft)
	}{
		{"nothing", "", block, func(*draft) {}},
		{"another resolver", "its branch has", block, func(d *draft) { d.header.Resolver = rules("ours").Hash() }},
		{"no resolver", "names a resolver", block, func(d *draft) { d.header.Resolver = object.Hash{} }},
		{"resolver of a plain merge", "names a resolver", plain, func(d *draft) { d.header.Resolver = m.logic.Hash() }},
		{"another mode", "merges by", block, func(d *draft) {
			d.header.MergeMode, d.header.Resolver, d.header.Extensions = object.ModeExclude, object.Hash{}, nil
		}},
		{"a branch without logic", "no merge logic", block, func(d *draft) { d.header.Branch, d.body.Orders = m.branch, []object.Hash{bare} }},
		{"unknown grounds", "not found", block, grounds(encodeGrounds([]object.Hash{{9}}))},
		{"grounds on the source", "not a block of its branch", block, grounds(encodeGrounds([]object.Hash{m.theirs.ID}))},
		{"later grounds", "not a block of its branch", block, grounds(encodeGrounds([]object.Hash{next.ID}))},
		{"one of the grounds elsewhere", "not a block of its branch", block, grounds(encodeGrounds([]object.Hash{m.base.ID, m.theirs.ID}))},
		{"too many grounds", "grounds", block, grounds(encodeGrounds([]object.Hash{m.base.ID, m.ours.ID, m.base.Parent}))},
		{"grounds that are none", "grounds", block, grounds([]byte{0x81})},
		{"more than grounds", "grounds", block, grounds(append(encodeGrounds([]object.Hash{m.base.ID}), 0))},
		{"grounds twice", "", block, grounds(encodeGrounds([]object.Hash{m.base.ID, m.base.ID}))},
		{"other grounds", "its verdict is not what execution gives", block, grounds(encodeGrounds([]object.Hash{m.ours.ID}))},
		{"no grounds", "its verdict is not what execution gives", block, func(d *draft) { d.header.Extensions = nil }},
		{"grounds that are not critical", "not critical", block, func(d *draft) { d.header.Extensions[0].Critical = false }},
		{"grounds of a plain merge", "names grounds", plain, func(d *draft) { d.header.Extensions = []object.Extension{EncodeGrounds([]Block{m.base})} }},
		{"another answer", "state root", block, func(d *draft) { d.header.State = plain.Header.State }},
		{"plain verdicts", "its verdict is not", block, func(d *draft) { d.body.Entries = m.open(plain).body.Entries }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := m.open(test.of)
			test.do(d)
			err := m.Validate(t.Context(), m.seal(d, m.ada))
			if test.says == "" {
				must(t, err)
				return
			}
			wantRefusal(t, err, test.says)
		})
	}
}

// A merge whose resolver gives no answer does not come about, and a block that says it did
// is refused, both with the place in the rules.
func TestResolversThatGiveNoAnswer(t *testing.T) {
	for _, test := range []struct{ name, source, says string }{
		{"fails", "\non t.n: fail('ask');", "line 2, column 9: on t.n: the rule gives up: ask"},
		{"loops", "\non *: WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;", "line 2, column 7: on *: out of steps"},
		{"answers nonsense", "\non *: 'x';", `line 2, column 7: on *: not an answer: text "x"`},
		{"answers what the column does not take", "\non t.n: decimal_add(ours, '0.5');", "line 2, column 9: on t.n: not an answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := simple(t, test.source)
			_, err := m.resolve(m.ours, m.theirs, m.base)
			if !errors.Is(err, contract.ErrResolver) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "transaction ") {
				t.Errorf("the merge says %v", err)
			}
			// The same by another logic, passed off as this one's work.
			own := m.logic
			m.logic = rules("on *: theirs;")
			d := m.open(m.resolved(t))
			d.header.Resolver = own.Hash()
			err = m.Validate(t.Context(), m.seal(d, m.ada))
			wantRefusal(t, err, test.says)
			if !errors.Is(err, contract.ErrResolver) {
				t.Errorf("the block is refused with %v", err)
			}
		})
	}
}

// The answers of one that is no pure function are not those of the block.
func TestResolversAreExecutedAgain(t *testing.T) {
	m := simple(t, "on *: sum;")
	block := m.resolved(t)
	liar := *m.Ledger
	liar.Logics = func([]byte) (Logic, error) { return sqlLogic([]byte("on *: theirs;")) }
	wantRefusal(t, liar.Validate(t.Context(), block), "execution gives")
	none := *m.Ledger
	none.Logics = nil
	if err := none.Validate(t.Context(), block); !errors.Is(err, ErrNoLogic) {
		t.Errorf("a ledger that runs no logics says %v", err)
	}
}

// Who owns the repository where the merge is made has a role there, for whoever executes it
// again.
func TestTheOwnerIsWhoMadeTheBlock(t *testing.T) {
	source := "CASE WHEN has_role('owner') THEN theirs ELSE exclude('not you') END"
	b := newRuledBook(t, 1)
	m := &dispute{book: b, logic: rules(source)}
	m.base = b.found(b.commit(b.root, put("a", num("n", 1)), put("b", num("n", 1))), "shop", m.logic)
	m.ours, _ = b.commitOn(m.base.Branch, m.base, b.ada, put("a", num("n", 2)), put("b", num("n", 2)))
	m.theirs, _ = b.commitOn(object.Hash{3}, m.base, b.ada, put("a", num("n", 3)))
	m.theirs, _ = b.commitOn(object.Hash{3}, m.theirs, person("ben"), put("b", num("n", 3)))
	block := m.resolved(t)
	must(t, m.Validate(t.Context(), block))
	a, _ := m.field(block, "a", "n")
	if n, _ := m.field(block, "b", "n"); a != 3 || n != 2 {
		t.Errorf("a is %d and b %d", a, n)
	}
	x := m.open(block).body.Entries[1].Excluded
	if len(x) != 1 || x[0].Reason != object.ReasonResolver || string(x[0].Found) != "not you" || x[0].Field != "n" {
		t.Errorf("excluded are %+v", x)
	}
	// A clone's owner executes it again as what it is.
	clone := *m.Ledger
	directory := *m.Directory
	directory.Owner = person("cleo").Identity
	clone.Directory = &directory
	if got, err := clone.foreseen(t, block); err != nil || got != m.ada.Identity.Key {
		t.Errorf("to a clone the owner is %x, %v", got[:4], err)
	}
}

// foreseen returns whom the ledger takes for the owner of the repository of a resolved block.
func (l *Ledger) foreseen(t *testing.T, b Block) ([object.PublicSize]byte, error) {
	t.Helper()
	parent, err := l.Block(t.Context(), b.Parent)
	must(t, err)
	body, err := l.Body(t.Context(), b)
	must(t, err)
	order, err := l.Order(t.Context(), body.Orders[0])
	must(t, err)
	r, err := l.foresee(t.Context(), &prepared{Block: b, cited: l.Directory, parent: &parent, body: body, orders: []*object.Order{order}}, l.State(parent), nil)
	if err != nil {
		return [object.PublicSize]byte{}, err
	}
	return r.owner, r.Close()
}

// Random histories: any number of workers makes the same block of a merge, and takes that of
// any other, in its tree or one after the other.
func TestResolvedHistoriesAreTheSameForAll(t *testing.T) {
	rng := source(t)
	decided := 0
	for i, source := range []string{"on *: theirs;", "on *: ours;", "on *: newest;", "on t.a: ours; on *: CASE WHEN cell.row_key LIKE '%hot%' THEN theirs ELSE exclude('cold') END;"} {
		b := newRuledBook(t, 1+i)
		m := &dispute{book: b, logic: rules(source)}
		c := &crowd{rng: rng, rows: 12, hot: 6}
		m.base = b.found(m.crowded(c, b.branch, b.root, 40), "shop", m.logic)
		m.ours = m.crowded(c, m.base.Branch, m.base, 120)
		m.theirs = m.crowded(c, object.Hash{3}, m.base, 200)
		block, err := m.resolve(m.ours, m.theirs, m.base)
		must(t, err)
		for _, v := range verdicts(m.open(block).body.Entries) {
			if v == object.VerdictResolved {
				decided++
			}
		}
		serial := m.open(block)
		serial.tree = dtt.Serial(serial.tree.Len())
		alone := m.seal(serial, m.ada)
		for _, workers := range []int{1, 2, 5} {
			pool := dtt.NewPool(workers)
			t.Cleanup(pool.Close)
			l := *m.Ledger
			l.Workers = pool
			must(t, l.Validate(t.Context(), block))
			must(t, l.Validate(t.Context(), alone))
			other := *m
			other.book = &book{Ledger: &l, t: t, mem: m.mem, ada: m.ada, branch: m.branch, timeMillis: m.timeMillis}
			again, err := other.resolve(m.ours, m.theirs, m.base)
			must(t, err)
			if again.Header.State != block.Header.State || again.Header.Account != block.Header.Account || again.Receipts != block.Receipts ||
				fmt.Sprint(m.open(again).body.Entries) != fmt.Sprint(m.open(block).body.Entries) {
				t.Errorf("%d workers come to something else", workers)
			}
		}
	}
	if decided < 10 {
		t.Errorf("%d resolved only", decided)
	}
}

// crowded is a block of random transactions.
func (m *dispute) crowded(c *crowd, branch object.Hash, head Block, n int) (block Block) {
	m.t.Helper()
	m.write(func(w store.Writer) {
		p := NewPending(head)
		c.fill(m.book, w, p, head, n)
		must(m.t, p.CloseChunk(w, true))
		batch, err := PutBatch(w, &object.Batch{
			Lineage: m.Directory.Lineage, TimeMillis: m.tick(), Mark: object.Mark{Block: head.ID, Height: head.Height}, Count: p.Count(), Chunks: p.Closed,
		}, m.ada)
		must(m.t, err)
		x := m.NewExecutor(w, head.Header.State)
		must(m.t, x.Propose(m.t.Context(), []Span{{Batch: batch, Count: batch.Count}}))
		block, err = m.Seal(m.t.Context(), w, Draft{Branch: branch, Parent: &head, Now: m.tick(), Run: x}, m.ada)
		must(m.t, err)
	})
	return block
}

// Every conflict is asked about once, whatever tree runs the merge: so what all of them take
// together is the same for everyone.
func TestEachConflictIsAskedAboutOnce(t *testing.T) {
	const n = 600
	var ours, theirs [][]table.Spec
	for i := range n {
		theirs = append(theirs, put("hot", num("n", uint64(100+i))))
	}
	ours = append(ours, put("hot", num("n", 7)))
	m := quarrel(t, "on *: sum;", [][]table.Spec{put("hot", num("n", 1))}, ours, theirs)
	for _, workers := range []int{1, 4} {
		pool := dtt.NewPool(workers)
		t.Cleanup(pool.Close)
		l := *m.Ledger
		l.Workers = pool
		counted := &counter{}
		l.Logics = func(source []byte) (Logic, error) {
			logic, err := sqlLogic(source)
			counted.Logic = logic
			return counted, err
		}
		other := *m
		other.book = &book{Ledger: &l, t: t, mem: m.mem, ada: m.ada, branch: m.branch, timeMillis: m.timeMillis}
		block, err := other.resolve(m.ours, m.theirs, m.base)
		must(t, err)
		if got, _ := m.field(block, "hot", "n"); got != 7+100+n-1-1 || counted.calls.Load() != n {
			t.Errorf("%d after %d questions", got, counted.calls.Load())
		}
		counted.calls.Store(0)
		must(t, l.Validate(t.Context(), block))
		if counted.calls.Load() != n {
			t.Errorf("%d questions to check it", counted.calls.Load())
		}
	}
}

// counter counts the questions.
type counter struct {
	Logic
	calls atomic.Int64
}

func (c *counter) Resolve(conflict *contract.Conflict) (contract.Resolution, error) {
	c.calls.Add(1)
	return c.Logic.Resolve(conflict)
}
