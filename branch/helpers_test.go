package branch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

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

// person returns a signer whose key follows from the name.
func person(name string) Signer {
	var seed [key.SeedSize]byte
	copy(seed[:], name)
	private := key.FromSeed(seed)
	return Signer{Identity: object.Identity{Key: private.Public(), Name: name}, Private: private}
}

// book is a ledger in memory, owned by ada, with one branch.
type book struct {
	*Ledger
	t          testing.TB
	mem        store.Store
	ada        Signer
	branch     object.Hash
	root       Block
	timeMillis uint64
}

func newBook(t testing.TB, workers int) *book {
	t.Helper()
	return newBookIn(t, store.NewMemory(), workers)
}

// newBookIn is newBook with the objects in a store of its own.
func newBookIn(t testing.TB, objects store.Store, workers int) *book {
	t.Helper()
	b := &book{t: t, mem: objects, ada: person("ada"), timeMillis: 1_000_000}
	pool := dtt.NewPool(workers)
	t.Cleanup(pool.Close)
	b.Ledger = &Ledger{Chain: Chain{b.mem}, Runtime: table.NewRuntime(), Workers: pool, Keys: key.NewCache(16), Directories: directory.NewSet()}
	b.write(func(w store.Writer) {
		genesis, err := PutGenesis(w, b.ada, [directory.NonceSize]byte{1}, b.tick(), nil)
		must(t, err)
		b.Directory, err = directory.Load(context.Background(), w, genesis.ID)
		must(t, err)
		b.branch = object.BranchID(b.Directory.ID, object.Hash{}, "master", 1)
		b.root, err = b.PutRoot(context.Background(), w, b.branch, b.tick(), b.ada)
		must(t, err)
	})
	return b
}

func (b *book) tick() uint64 {
	b.timeMillis += 1000
	return b.timeMillis
}

// write stores what fn puts.
func (b *book) write(fn func(w store.Writer)) {
	b.t.Helper()
	w, err := b.mem.Begin(context.Background())
	must(b.t, err)
	defer func() { _ = w.Rollback() }()
	fn(w)
	must(b.t, w.Commit(context.Background()))
}

// scratch returns a writer over the book's objects that keeps nothing.
func (b *book) scratch() *Scratch {
	b.t.Helper()
	s, err := NewScratch(context.Background(), b.mem)
	must(b.t, err)
	return s
}

// commit adds transactions to a block on head, in the name of ada, and returns it. They
// are authored on the state of head, each on top of the ones before it.
func (b *book) commit(head Block, transactions ...[]table.Spec) Block {
	b.t.Helper()
	block, _ := b.commitOn(b.branch, head, b.ada, transactions...)
	return block
}

func (b *book) commitOn(branch object.Hash, head Block, author Signer, transactions ...[]table.Spec) (Block, Batch) {
	b.t.Helper()
	var block Block
	var batch Batch
	b.write(func(w store.Writer) {
		p := NewPending(head)
		b.author(p, NewDesk(b.t.Context(), b.Runtime, b.State(head)), transactions...)
		var err error
		block, batch, err = b.Commit(b.t.Context(), w, p, Commitment{
			Branch: branch, Head: head, Author: author, Sealer: b.ada, Message: "work", Authored: b.timeMillis, Now: b.tick(),
		})
		must(b.t, err)
	})
	return block, batch
}

// author adds transactions to a pool.
func (b *book) author(p *Pending, desk *Desk, transactions ...[]table.Spec) {
	b.t.Helper()
	author := table.NewAuthor(p.Open)
	for _, specs := range transactions {
		payload, err := author.AppendPayload(nil, desk, specs)
		must(b.t, err)
		tx := object.Transaction{Payload: payload}
		if _, x, err := desk.Try(&tx, b.Runtime.Prepare(p.Open.Names())); err != nil || x != nil {
			b.t.Fatalf("transaction is excluded as %v, %v", x, err)
		}
		p.Open.Add(&tx)
	}
}

// stranded signs a batch that no block takes yet.
func (b *book) stranded(author Signer, mark Block, change func(*object.Batch), transactions ...[]table.Spec) Batch {
	b.t.Helper()
	p := NewPending(mark)
	b.author(p, NewDesk(b.t.Context(), b.Runtime, b.State(mark)), transactions...)
	return b.sign(author, mark, p, change)
}

// sign makes a batch of what is pending.
func (b *book) sign(author Signer, mark Block, p *Pending, change func(*object.Batch)) (batch Batch) {
	b.t.Helper()
	b.write(func(w store.Writer) {
		must(b.t, p.CloseChunk(w, true))
		record := &object.Batch{
			Lineage: b.Directory.Lineage, TimeMillis: b.tick(), Mark: object.Mark{Block: mark.ID, Height: mark.Height},
			Count: p.Count(), Chunks: p.Closed,
		}
		if change != nil {
			change(record)
		}
		var err error
		batch, err = PutBatch(w, record, author)
		must(b.t, err)
	})
	return batch
}

// one returns a transaction of one operation.
func one(code table.Code, k string, flags table.Flags, fields ...value.Field) []table.Spec {
	return []table.Spec{spec(code, k, flags, fields...)}
}

func spec(code table.Code, k string, flags table.Flags, fields ...value.Field) table.Spec {
	return table.Spec{Code: code, Table: "t", Key: []rowkey.Component{rowkey.Text(k)}, Flags: flags, Fields: fields}
}

func put(k string, fields ...value.Field) []table.Spec { return one(table.Put, k, 0, fields...) }

func num(name string, n uint64) value.Field {
	return value.Field{Name: name, Enc: value.AppendUint(nil, n)}
}

func text(name, s string) value.Field {
	return value.Field{Name: name, Enc: value.AppendText(nil, s)}
}

// field returns a number in a row, or false.
func (b *book) field(at Block, k, name string) (uint64, bool) {
	b.t.Helper()
	id, err := rowkey.Row("t", rowkey.Text(k))
	must(b.t, err)
	v, ok, err := NewDesk(b.t.Context(), b.Runtime, b.State(at)).Field(id, name)
	must(b.t, err)
	n, isNumber := value.AsUint(v)
	return n, ok && isNumber
}

// crowd writes random transactions, as several authors would who do not see each other.
type crowd struct {
	rng  *rand.Rand
	rows int
	hot  int // of ten, how many go to the same few rows
	wild bool
	line bool // only changes of one field: who comes to a row waits for who came before
}

func (c *crowd) key() string {
	if c.rng.IntN(10) < c.hot {
		return fmt.Sprintf("hot%d", c.rng.IntN(3))
	}
	return fmt.Sprintf("row%d", c.rng.IntN(c.rows))
}

func (c *crowd) fields(delta bool) []value.Field {
	var out []value.Field
	for _, name := range []string{"a", "b", "c"} {
		switch {
		case c.rng.IntN(2) == 0 && (len(out) > 0 || name != "c"):
		case delta:
			out = append(out, num("n"+name, uint64(c.rng.IntN(9))))
		case c.rng.IntN(6) == 0:
			out = append(out, text(name, "word"))
		default:
			out = append(out, num(name, uint64(c.rng.IntN(4))))
		}
	}
	return out
}

func (c *crowd) spec() table.Spec {
	k, flags := c.key(), table.Flags(0)
	if c.line {
		if c.rng.IntN(2) == 0 {
			flags = table.Force
		}
		return spec(table.Put, k, flags, num("a", uint64(c.rng.IntN(4))))
	}
	switch c.rng.IntN(14) {
	case 0:
		return spec(table.Insert, k, 0, c.fields(false)...)
	case 1:
		return spec(table.Replace, k, 0, c.fields(false)...)
	case 2:
		return spec(table.Del, k, 0)
	case 3, 4, 5:
		if c.rng.IntN(2) == 0 {
			flags = table.Create
		}
		return spec(table.Incr, k, flags, c.fields(true)...)
	case 6:
		return spec(table.Append, k, table.Create, text("tags", fmt.Sprint(c.rng.IntN(5))))
	case 7:
		return spec(table.Remove, k, table.Create, text("tags", fmt.Sprint(c.rng.IntN(5))))
	case 8:
		return spec(table.Put, k, table.Force, c.fields(false)...)
	case 9:
		if c.wild && c.rng.IntN(10) == 0 {
			typ := []string{"integer", "text", "any"}[c.rng.IntN(3)]
			cell := value.AppendList(nil, value.AppendText(nil, typ), value.AppendUint(nil, 1))
			return table.Spec{Code: table.Define, Table: "t", Fields: []value.Field{{Name: "col.a", Enc: cell}}}
		}
	}
	return spec(table.Put, k, 0, c.fields(false)...)
}

// fill adds n transactions to a pool: some seen on top of the ones before, some as their
// author saw the rows at first, so that they often conflict. It returns what the desk
// says becomes of each.
func (c *crowd) fill(b *book, w store.Writer, p *Pending, head Block, n int) []object.Verdict {
	b.t.Helper()
	stale, live := NewDesk(b.t.Context(), b.Runtime, b.State(head)), NewDesk(b.t.Context(), b.Runtime, b.State(head))
	var verdicts []object.Verdict
	for len(verdicts) < n {
		specs := []table.Spec{c.spec()}
		for c.rng.IntN(5) == 0 {
			specs = append(specs, c.spec())
		}
		seen := live
		if c.rng.IntN(3) == 0 {
			seen = stale
		}
		payload, err := table.NewAuthor(p.Open).AppendPayload(nil, seen, specs)
		if err != nil {
			continue // such as deleting a row that is not there
		}
		tx := object.Transaction{Payload: payload}
		if c.rng.IntN(200) == 0 {
			tx.Payload = tx.Payload[:len(payload)/2]
		}
		_, _, err = live.Try(&tx, b.Runtime.Prepare(p.Open.Names()))
		must(b.t, err)
		verdicts = append(verdicts, live.out.Verdict)
		p.Open.Add(&tx)
		if p.Open.Count() >= 100 {
			must(b.t, p.CloseChunk(w, true))
		}
	}
	return verdicts
}
