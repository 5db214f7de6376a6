package branch

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// validateReport names the file that BenchmarkValidateTransfers writes its table to.
const validateReport = "AERGO_VALIDATE_REPORT"

const (
	bankAccounts = 1_000_000
	bankAuthors  = 10_000
	bankTable    = "account"
	bankWorkers  = 2
)

// bank is a ledger on disk with accounts, and encoded blocks of signed transfers that go on
// from there: each transfer is a batch of its own, and no author has two in a row.
type bank struct {
	*book
	folder string // of the store as it is before the blocks
	parent Block
	people []Signer
	blocks [][]parcel     // each ends with its header
	edits  [][]state.Edit // what each block changes of the state
	count  int            // transfers in all
}

func openDisk(b *testing.B, folder string) *store.Disk {
	b.Helper()
	d, err := store.Open(osfs.New(folder, osfs.WithBoundOS()), store.Options{Quick: true})
	must(b, err)
	return d
}

// newBank opens the accounts.
func newBank(b *testing.B) *bank {
	b.Helper()
	k := &bank{folder: b.TempDir()}
	disk := openDisk(b, k.folder)
	k.book = newBookIn(b, disk, bankWorkers)
	k.write(func(w store.Writer) {
		p := NewPending(k.root)
		in, err := k.NewIngest(b.Context(), w, p, k.root)
		must(b, err)
		for i := range bankAccounts {
			s := table.Spec{Code: table.Insert, Table: bankTable, Key: []rowkey.Component{rowkey.Uint(uint64(i))}, Fields: []value.Field{
				num("balance", 1<<40), text("owner", fmt.Sprintf("owner of the account with number %08d", i)),
			}}
			op, err := table.Draft(believer{}, &s)
			must(b, err)
			builder := table.NewBuilder(in.Names())
			must(b, builder.Add(&op))
			_, err = in.Add(b.Context(), &object.Transaction{Payload: builder.AppendPayload(nil)})
			must(b, err)
		}
		must(b, in.Finish(b.Context()))
		k.parent, _, err = k.Commit(b.Context(), w, p, Commitment{Branch: k.branch, Head: k.root, Author: k.ada, Sealer: k.ada, Message: "open", Authored: 1, Now: k.tick()})
		must(b, err)
	})
	must(b, disk.Close())
	k.people = make([]Signer, bankAuthors)
	for i := range k.people {
		var seed [key.SeedSize]byte
		binary.BigEndian.PutUint64(seed[:], uint64(i)+1)
		private := key.FromSeed(seed)
		k.people[i] = Signer{Identity: object.Identity{Key: private.Public(), Name: fmt.Sprintf("author %d", i)}, Private: private}
	}
	return k
}

// fill makes the blocks, on a copy of the store.
func (k *bank) fill(b *testing.B, blocks, perBlock int) {
	b.Helper()
	work := filepath.Join(b.TempDir(), "work")
	must(b, os.CopyFS(work, os.DirFS(k.folder)))
	disk := openDisk(b, work)
	k.mem, k.Chain = disk, Chain{disk}
	k.blocks, k.edits, k.count = nil, nil, blocks*perBlock
	rng, head, next := rand.New(rand.NewPCG(1, 2)), k.parent, 0
	for range blocks {
		k.write(func(inner store.Writer) {
			w := &recorder{Writer: inner}
			mark := object.Mark{Block: head.ID, Height: head.Height}
			var spans []Span
			var orders []object.Hash
			var items []object.Selection
			for i := range perBlock {
				batch := k.transfer(w, rng, mark, k.people[next%bankAuthors], uint64(next))
				next++
				items = append(items, object.Selection{Batch: batch.ID, Count: 1})
				spans = append(spans, Span{Batch: batch, Order: uint64(len(orders)) + 1, Count: 1})
				if len(items) == object.MaxOrderItems || i == perBlock-1 {
					id, err := PutOrder(w, &object.Order{
						Lineage: k.Directory.Lineage, Kind: object.OrderPick, Branch: k.branch, TimeMillis: k.tick(), Mark: mark, Items: items,
					}, k.ada)
					must(b, err)
					orders, items = append(orders, id), nil
				}
			}
			x := k.NewExecutor(w, head.Header.State)
			must(b, x.Propose(b.Context(), spans))
			var edits []state.Edit
			for _, e := range x.scratch.edits() {
				edits = append(edits, state.Edit{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)})
			}
			var err error
			head, err = k.Seal(b.Context(), w, Draft{Branch: k.branch, Parent: &head, Orders: orders, Now: k.tick(), Run: x}, k.ada)
			must(b, err)
			k.blocks, k.edits = append(k.blocks, w.parcels), append(k.edits, edits)
		})
	}
	must(b, disk.Close())
}

// transfer signs a batch of one transaction that takes from one account and gives to another.
func (k *bank) transfer(w store.Writer, rng *rand.Rand, mark object.Mark, author Signer, number uint64) Batch {
	from, to := rng.IntN(bankAccounts), rng.IntN(bankAccounts)
	for to == from {
		to = rng.IntN(bankAccounts)
	}
	chunk := object.NewChunkBuilder()
	builder := table.NewBuilder(chunk)
	for _, side := range []struct {
		account int
		amount  value.Field
	}{{from, value.Field{Name: "balance", Enc: value.AppendInt(nil, -5)}}, {to, num("balance", 5)}} {
		s := table.Spec{Code: table.Incr, Table: bankTable, Key: []rowkey.Component{rowkey.Uint(uint64(side.account))}, Fields: []value.Field{side.amount}}
		op, err := table.Draft(rich{}, &s)
		must(k.t, err)
		must(k.t, builder.Add(&op))
	}
	chunk.Add(&object.Transaction{Payload: builder.AppendPayload(nil)})
	data := chunk.Encode()
	h := object.Sum(data)
	must(k.t, w.Put(object.KindChunk, h, data))
	batch, err := PutBatch(w, &object.Batch{
		Lineage: k.Directory.Lineage, TimeMillis: number, Mark: mark, Count: 1, Chunks: []object.ChunkRef{{Hash: h, Count: 1}},
	}, author)
	must(k.t, err)
	return batch
}

// rich is a view on which every account is there.
type rich struct{}

func (rich) Exists([]byte) (bool, error)                 { return true, nil }
func (rich) Field([]byte, string) ([]byte, bool, error)  { return value.AppendUint(nil, 1), true, nil }
func (rich) Row([]byte) (row []byte, ok bool, err error) { return nil, false, nil }

// nowhere is a writer of nodes that are not kept.
type nowhere struct{}

func (nowhere) Put(object.Kind, object.Hash, []byte) error { return nil }

// validation is what a run came to.
type validation struct {
	perBlock, count   int
	took, processor   time.Duration
	bound, signatures time.Duration
}

func (v validation) rate(d time.Duration) float64 { return float64(v.count) / d.Seconds() }

// BenchmarkValidateTransfers is all that a validator does for blocks of signed transfers, each
// a batch of its own: from the encoded objects, whose hashes are checked, to the nodes of the
// new states synced to disk. It has the state before in memory, as one that has been running has.
// Beside it stands the bound: the signatures, and the state's new roots, by themselves.
func BenchmarkValidateTransfers(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as a process that has the memory would
	k := newBank(b)
	var results []validation
	for _, size := range []struct{ blocks, perBlock int }{{30, 10_000}, {10, 50_000}} {
		k.fill(b, size.blocks, size.perBlock)
		b.Run(fmt.Sprintf("%d a block", size.perBlock), func(b *testing.B) {
			best := validation{}
			for range max(b.N, 3) {
				v := k.validate(b)
				v.perBlock = size.perBlock
				v.bound, v.signatures = k.bound(b)
				if best.count == 0 || v.took < best.took {
					best = v
				}
			}
			b.ReportMetric(best.rate(best.took), "transfers/s")
			b.ReportMetric(best.rate(best.bound), "bound/s")
			b.ReportMetric(float64(best.processor.Nanoseconds())/float64(best.count)/1000, "cpu-us/transfer")
			b.ReportMetric(best.bound.Seconds()/best.took.Seconds(), "of-bound")
			results = append(results, best)
		})
	}
	if path := os.Getenv(validateReport); path != "" {
		must(b, os.WriteFile(path, validationReport(results), 0o644))
	}
}

// arrivals is what has come over a wire, in front of a store.
type arrivals struct {
	store.Reader
	mu      sync.RWMutex
	parcels map[object.Hash]parcel
}

func (a *arrivals) add(h object.Hash, p parcel) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.parcels[h] = p
}

func (a *arrivals) find(h object.Hash) (parcel, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	p, ok := a.parcels[h]
	return p, ok
}

func (a *arrivals) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	if p, ok := a.find(h); ok {
		return p.data, nil
	}
	return a.Reader.Get(ctx, h)
}

func (a *arrivals) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	if p, ok := a.find(h); ok {
		return p.seal, nil
	}
	return a.Reader.Seal(ctx, h)
}

// validate accepts the blocks on a copy of the store.
func (k *bank) validate(b *testing.B) validation {
	b.Helper()
	folder := b.TempDir()
	must(b, os.CopyFS(folder, os.DirFS(k.folder)))
	disk := openDisk(b, folder)
	defer func() { must(b, disk.Close()) }()
	l := *k.Ledger
	l.Keys, l.Nodes = key.NewCache(1<<15), state.NewCache(disk, 1<<30)
	must(b, state.New(l.Nodes, k.parent.Header.State).Range(b.Context(), nil, nil, func(_, _ []byte) error { return nil }))
	runtime.GC()

	before, start := processorTime(b), time.Now()
	w, err := disk.Begin(b.Context())
	must(b, err)
	at := arrivals{Reader: w, parcels: make(map[object.Hash]parcel, k.count)}
	l.Chain = Chain{&at}
	left := k.blocks
	must(b, l.AcceptAll(b.Context(), w, func() (Block, bool, error) {
		if len(left) == 0 {
			return Block{}, false, nil
		}
		parcels := left[0]
		left = left[1:]
		ids := make([]object.Hash, len(parcels))
		err := each(b.Context(), bankWorkers, len(parcels), func(i int) error {
			p := &parcels[i]
			ids[i] = object.Sum(p.data)
			at.add(ids[i], *p)
			return w.PutSealed(p.kind, ids[i], p.data, p.seal)
		})
		if err != nil {
			return Block{}, false, err
		}
		block, err := l.Block(b.Context(), ids[len(ids)-1])
		return block, true, err
	}, nil))
	must(b, w.Commit(b.Context()))
	return validation{count: k.count, took: time.Since(start), processor: processorTime(b) - before}
}

// bound is how long the signatures and the state's new roots take by themselves, with
// everything in memory and nothing written.
func (k *bank) bound(b *testing.B) (both, signatures time.Duration) {
	b.Helper()
	disk := openDisk(b, k.folder)
	defer func() { must(b, disk.Close()) }()
	keys, cache := key.NewCache(1<<15), state.NewCache(disk, 8<<30) // it must forget nothing
	tree := state.New(cache, k.parent.Header.State)
	must(b, tree.Range(b.Context(), nil, nil, func(_, _ []byte) error { return nil }))
	for i, parcels := range k.blocks {
		v := key.NewVerifier(keys)
		for _, p := range parcels {
			if p.kind == object.KindBatch {
				batch, err := object.DecodeBatch(p.data)
				must(b, err)
				v.Add(key.Public(batch.Author.Key), key.DomainBatch, k.Directory.Lineage, object.Sum(p.data), key.Signature(p.seal))
			}
		}
		runtime.GC()
		start := time.Now()
		must(b, v.VerifyAll(b.Context(), bankWorkers))
		signatures += time.Since(start)
		next, err := tree.Update(b.Context(), cache.Through(nowhere{}), k.edits[i], bankWorkers)
		both += time.Since(start)
		must(b, err)
		tree = next
	}
	return both, signatures
}

// processorTime is what the process has used of all processors.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var use syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// validationReport writes what was measured as a document.
func validationReport(results []validation) []byte {
	var s strings.Builder
	fmt.Fprintf(&s, `# Validating blocks of signed transfers

Written by `+"`make bench`"+` (`+"`go test -run '^$' -bench ValidateTransfers ./branch`"+`).

What a validator does for blocks of transfers between %d accounts, each transfer signed by one of
%d authors as a batch of its own, on %d processors. The run begins with the encoded objects: their hashes are checked,
they are written, the orders and every signature are checked, the tree is checked and run, the new
state and account are compared with what the header says. It ends when everything is synced to disk, the trees' nodes
of every block among it. No signature is known beforehand; the nodes of the state are in memory,
as in a validator that has been running. The store compresses quickly rather than well (option Quick),
which no command asks for yet.

The bound is what the signatures and the new roots of the state take by themselves, in the same run.
The best of three runs counts, of each line together.

| transfers a block | transfers a second | processor time each, us | bound a second | of the bound | signatures alone a second |
|--:|--:|--:|--:|--:|--:|
`, bankAccounts, bankAuthors, bankWorkers)
	for _, v := range results {
		fmt.Fprintf(&s, "| %d | %.0f | %.1f | %.0f | %.2f | %.0f |\n", v.perBlock, v.rate(v.took), float64(v.processor.Nanoseconds())/float64(v.count)/1000,
			v.rate(v.bound), v.bound.Seconds()/v.took.Seconds(), v.rate(v.signatures))
	}
	return []byte(s.String())
}
