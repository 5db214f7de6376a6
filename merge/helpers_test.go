package merge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/dtt"
	"aergo/repo/key"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// source returns a random source and logs how to get it again.
func source(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func person(name string) branch.Signer {
	var seed [key.SeedSize]byte
	copy(seed[:], name)
	private := key.FromSeed(seed)
	return branch.Signer{Identity: object.Identity{Key: private.Public(), Name: name}, Private: private}
}

// book is a ledger in memory, owned by ada.
type book struct {
	*branch.Ledger
	t          testing.TB
	mem        *store.Memory
	ada        branch.Signer
	root       branch.Block
	timeMillis uint64
}

func newBook(t testing.TB) *book {
	t.Helper()
	b := &book{t: t, mem: store.NewMemory(), ada: person("ada"), timeMillis: 1_000_000}
	pool := dtt.NewPool(2)
	t.Cleanup(pool.Close)
	b.Ledger = &branch.Ledger{Chain: branch.Chain{Objects: b.mem}, Runtime: table.NewRuntime(), Workers: pool, Keys: key.NewCache(16), Directories: directory.NewSet()}
	b.write(func(w store.Writer) {
		genesis, err := branch.PutGenesis(w, b.ada, [directory.NonceSize]byte{1}, b.tick(), nil)
		must(t, err)
		b.Directory, err = directory.Load(context.Background(), w, genesis.ID)
		must(t, err)
		b.root, err = b.PutRoot(context.Background(), w, object.Hash{1}, b.tick(), b.ada)
		must(t, err)
	})
	return b
}

func (b *book) tick() uint64 {
	b.timeMillis += 1000
	return b.timeMillis
}

func (b *book) write(fn func(w store.Writer)) {
	b.t.Helper()
	w, err := b.mem.Begin(context.Background())
	must(b.t, err)
	defer func() { _ = w.Rollback() }()
	fn(w)
	must(b.t, w.Commit(context.Background()))
}

// line is a branch while a test moves it.
type line struct {
	*book
	id   object.Hash
	head branch.Block
}

func (b *book) line(id byte, head branch.Block) *line { return &line{b, object.Hash{id}, head} }

// commit moves the line on by a block of transactions, each authored on top of the ones
// before it. Those that cannot be authored there are left out.
func (l *line) commit(transactions ...[]table.Spec) branch.Batch {
	l.t.Helper()
	return l.commitAs(l.ada, nil, transactions...)
}

func (l *line) commitAs(author branch.Signer, change func(*object.Batch), transactions ...[]table.Spec) (batch branch.Batch) {
	l.t.Helper()
	l.write(func(w store.Writer) {
		p := branch.NewPending(l.head)
		desk := branch.NewDesk(l.t.Context(), l.Runtime, l.State(l.head))
		for _, specs := range transactions {
			payload, err := table.NewAuthor(p.Open).AppendPayload(nil, desk, specs)
			if err != nil {
				continue
			}
			tx := object.Transaction{Payload: payload}
			if _, x, err := desk.Try(&tx, l.Runtime.Prepare(p.Open.Names())); err != nil || x != nil {
				l.t.Fatalf("transaction is excluded as %v, %v", x, err)
			}
			p.Open.Add(&tx)
		}
		must(l.t, p.CloseChunk(w, true))
		record := &object.Batch{
			Lineage: l.Directory.Lineage, TimeMillis: l.tick(), Mark: object.Mark{Block: l.head.ID, Height: l.head.Height},
			Count: p.Count(), Chunks: p.Closed,
		}
		if change != nil {
			change(record)
		}
		var err error
		batch, err = branch.PutBatch(w, record, author)
		must(l.t, err)
		x := l.NewExecutor(w, l.head.Header.State)
		if batch.Count > 0 {
			must(l.t, x.Propose(l.t.Context(), []branch.Span{{Batch: batch, Count: batch.Count}}))
		}
		parent := l.head
		l.head, err = l.Seal(l.t.Context(), w, branch.Draft{Branch: l.id, Parent: &parent, Now: l.tick(), Run: x}, l.ada)
		must(l.t, err)
	})
	return batch
}

func (l *line) request(mode object.Mode) Request {
	return Request{Branch: l.id, Mode: mode, Signer: l.ada, Now: l.tick()}
}

// merge merges a block into the line.
func (l *line) merge(from branch.Block, mode object.Mode) (*Plan, *Result) {
	l.t.Helper()
	plan, err := NewPlan(l.t.Context(), l.Chain, l.head, from)
	must(l.t, err)
	if plan.UpToDate {
		return plan, nil
	}
	var res *Result
	l.write(func(w store.Writer) {
		res, err = Merge(l.t.Context(), l.Ledger, w, plan, l.request(mode))
		must(l.t, err)
	})
	l.head = res.Block
	must(l.t, l.Validate(l.t.Context(), l.head))
	return plan, res
}

// order runs an order about transactions on the line.
func (l *line) order(kind object.OrderKind, items ...object.Selection) (*Result, error) {
	l.t.Helper()
	w, err := l.mem.Begin(l.t.Context())
	must(l.t, err)
	defer func() { _ = w.Rollback() }()
	res, err := Select(l.t.Context(), l.Ledger, w, l.head, kind, items, l.request(0))
	if err != nil {
		return res, err
	}
	must(l.t, w.Commit(l.t.Context()))
	l.head = res.Block
	must(l.t, l.Validate(l.t.Context(), l.head))
	return res, nil
}

// row returns the fields of a row as text, "" if there is none.
func (l *line) row(k string) string {
	l.t.Helper()
	row, ok, err := l.State(l.head).Get(l.t.Context(), rowID(l.t, k))
	must(l.t, err)
	if !ok {
		return ""
	}
	return string(value.AppendJSONObject(nil, table.FieldList(row)))
}

func rowID(t testing.TB, k string) []byte {
	t.Helper()
	id, err := rowkey.Row("t", rowkey.Text(k))
	must(t, err)
	return id
}

func spec(code table.Code, k string, flags table.Flags, fields ...value.Field) table.Spec {
	return table.Spec{Code: code, Table: "t", Key: []rowkey.Component{rowkey.Text(k)}, Flags: flags, Fields: fields}
}

func one(code table.Code, k string, flags table.Flags, fields ...value.Field) []table.Spec {
	return []table.Spec{spec(code, k, flags, fields...)}
}

func put(k string, fields ...value.Field) []table.Spec { return one(table.Put, k, 0, fields...) }
func insert(k string, fields ...value.Field) []table.Spec {
	return one(table.Insert, k, 0, fields...)
}
func del(k string) []table.Spec { return one(table.Del, k, 0) }

func num(name string, n uint64) value.Field {
	return value.Field{Name: name, Enc: value.AppendUint(nil, n)}
}

// randomSpecs returns a transaction on one of a few rows. Without deltas, it is one that
// two authors can both make.
func randomSpecs(rng *rand.Rand, rows int, deltas bool) []table.Spec {
	var specs []table.Spec
	for len(specs) == 0 || rng.IntN(6) == 0 {
		k := fmt.Sprint("row", rng.IntN(rows))
		f := num(string(rune('a'+rng.IntN(3))), uint64(rng.IntN(3)))
		g := num(string(rune('d'+rng.IntN(2))), uint64(rng.IntN(3)))
		s := spec(table.Put, k, 0, f)
		switch rng.IntN(12) {
		case 0, 1:
			s = spec(table.Del, k, 0)
		case 2, 3:
			s = spec(table.Insert, k, 0, f, g)
		case 4:
			s = spec(table.Replace, k, 0, f)
		case 5:
			s = spec(table.Put, k, 0, f, g)
		case 6:
			s = table.Spec{Code: table.Put, Table: s.Table, Key: s.Key, Unset: []string{f.Name}}
		case 7:
			if deltas {
				s = spec(table.Incr, k, 0, num("n", uint64(rng.IntN(4))))
			}
		case 8:
			if deltas {
				s = spec(table.Append, k, 0, value.Field{Name: "tags", Enc: value.AppendText(nil, f.Name)})
			}
		case 9:
			if deltas {
				s = spec(table.Put, k, []table.Flags{table.Exact, table.Force}[rng.IntN(2)], f)
			}
		}
		specs = append(specs, s)
	}
	return specs
}
