package branch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
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

// bank is a ledger on disk with accounts, and encoded blocks of signed transfers that go on
// from there.
type bank struct {
	folder string // of the store as it is before the blocks
	parent Block
	book   *book
	blocks [][]parcel     // each ends with its header
	count  int            // transfers in all
	edits  [][]state.Edit // what each block changes of the state
}

const bankTable = "account"

func accountKey32(i int) []rowkey.Component {
	return []rowkey.Component{rowkey.Uint(uint64(i))}
}

// accountRow is a row of about 100 bytes.
func accountRow(i int) []value.Field {
	return []value.Field{
		num("balance", 1<<40),
		{Name: "owner", Enc: value.AppendText(nil, fmt.Sprintf("owner of the account with number %08d", i))},
	}
}

func openDisk(b *testing.B, folder string) *store.Disk {
	b.Helper()
	d, err := store.Open(osfs.New(folder, osfs.WithBoundOS()), store.Options{Quick: true})
	must(b, err)
	return d
}

func newBank(b *testing.B, accounts, authors, blocks, perBlock int) *bank {
	b.Helper()
	k := &bank{folder: b.TempDir()}
	work := filepath.Join(b.TempDir(), "work")
	disk := openDisk(b, k.folder)
	bk := newBookIn(b, disk, 2)
	k.book = bk
	head := bk.root
	bk.write(func(w store.Writer) {
		p := NewPending(head)
		in, err := bk.NewIngest(b.Context(), w, p, head)
		must(b, err)
		for i := range accounts {
			builder := table.NewBuilder(in.Names())
			s := table.Spec{Code: table.Insert, Table: bankTable, Key: accountKey32(i), Fields: accountRow(i)}
			op, err := table.Draft(believer{}, &s)
			must(b, err)
			must(b, builder.Add(&op))
			_, err = in.Add(b.Context(), &object.Transaction{Payload: builder.AppendPayload(nil)})
			must(b, err)
		}
		must(b, in.Finish(b.Context()))
		head, _, err = bk.Commit(b.Context(), w, p, Commitment{Branch: bk.branch, Head: head, Author: bk.ada, Sealer: bk.ada, Message: "open", Authored: 1, Now: bk.tick()})
		must(b, err)
	})
	must(b, disk.Close())
	k.parent = head
	must(b, os.CopyFS(work, os.DirFS(k.folder)))

	disk = openDisk(b, work)
	bk.mem = disk
	bk.Chain = Chain{disk}
	people := make([]Signer, authors)
	for i := range people {
		var seed [key.SeedSize]byte
		binary.BigEndian.PutUint64(seed[:], uint64(i)+1)
		private := key.FromSeed(seed)
		people[i] = Signer{Identity: object.Identity{Key: private.Public(), Name: fmt.Sprintf("author %d", i)}, Private: private}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	next := 0
	for range blocks {
		bk.write(func(inner store.Writer) {
			w := &recorder{Writer: inner}
			var spans []Span
			var orders []object.Hash
			var items []object.Selection
			flush := func() {
				o := &object.Order{
					Lineage: bk.Directory.Lineage, Kind: object.OrderPick, Branch: bk.branch, TimeMillis: bk.tick(),
					Mark: object.Mark{Block: head.ID, Height: head.Height}, Items: items,
				}
				id, err := PutOrder(w, o, bk.ada)
				must(b, err)
				orders, items = append(orders, id), nil
			}
			for range perBlock {
				from, to := rng.IntN(accounts), rng.IntN(accounts)
				for to == from {
					to = rng.IntN(accounts)
				}
				chunk := object.NewChunkBuilder()
				builder := table.NewBuilder(chunk)
				for _, side := range []struct {
					account int
					n       value.Field
				}{{from, value.Field{Name: "balance", Enc: value.AppendInt(nil, -5)}}, {to, num("balance", 5)}} {
					s := table.Spec{Code: table.Incr, Table: bankTable, Key: accountKey32(side.account), Fields: []value.Field{side.n}}
					op, err := table.Draft(rich{}, &s)
					must(b, err)
					must(b, builder.Add(&op))
				}
				chunk.Add(&object.Transaction{Payload: builder.AppendPayload(nil)})
				data := chunk.Encode()
				h := object.Sum(data)
				must(b, w.Put(object.KindChunk, h, data))
				batch, err := PutBatch(w, &object.Batch{
					Lineage: bk.Directory.Lineage, TimeMillis: bk.timeMillis + uint64(next), Mark: object.Mark{Block: head.ID, Height: head.Height},
					Count: 1, Chunks: []object.ChunkRef{{Hash: h, Count: 1}},
				}, people[next%authors])
				must(b, err)
				next++
				if len(items) == 5000 {
					flush()
				}
				items = append(items, object.Selection{Batch: batch.ID, Count: 1})
				spans = append(spans, Span{Batch: batch, Order: uint64(len(orders)) + 1, Count: 1})
			}
			flush()
			x := bk.NewExecutor(w, head.Header.State)
			must(b, x.Propose(b.Context(), spans))
			var err error
			head, err = bk.Seal(b.Context(), w, Draft{Branch: bk.branch, Parent: &head, Orders: orders, Now: bk.tick(), Run: x}, bk.ada)
			must(b, err)
			k.blocks = append(k.blocks, w.parcels)
			k.count += perBlock
			var edits []state.Edit
			for _, e := range x.scratch.edits() {
				edits = append(edits, state.Edit{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value), Delete: e.Delete})
			}
			k.edits = append(k.edits, edits)
		})
	}
	must(b, disk.Close())
	return k
}

// rich is a view on which every account is there.
type rich struct{}

func (rich) Exists([]byte) (bool, error)                 { return true, nil }
func (rich) Field([]byte, string) ([]byte, bool, error)  { return value.AppendUint(nil, 1), true, nil }
func (rich) Row([]byte) (row []byte, ok bool, err error) { return nil, false, nil }

// BenchmarkValidateTransfers is all that a validator does for blocks of signed transfers,
// each a batch of its own.
func BenchmarkValidateTransfers(b *testing.B) {
	var nb, sz int
	fmt.Sscan(os.Getenv("NB"), &nb)
	fmt.Sscan(os.Getenv("SZ"), &sz)
	k := newBank(b, 1_000_000, 10_000, nb, sz)
	for range b.N {
		b.StopTimer()
		folder := b.TempDir()
		must(b, os.CopyFS(folder, os.DirFS(k.folder)))
		disk := openDisk(b, folder)
		l := *k.book.Ledger
		l.Keys = key.NewCache(1 << 15)
		b.StartTimer()
		l.Nodes = state.NewCache(disk, 1<<30)
		// A validator that has been running has the state in memory.
		must(b, state.New(l.Nodes, k.parent.Header.State).Range(b.Context(), nil, nil, func(_, _ []byte) error { return nil }))
		runtime.GC()
		if path := os.Getenv("PROFILE"); path != "" {
			f, err := os.Create(path)
			must(b, err)
			must(b, pprof.StartCPUProfile(f))
			defer pprof.StopCPUProfile()
		}
		before, start := processorTime(b), time.Now()
		w, err := disk.Begin(b.Context())
		must(b, err)
		arrived, err := NewScratch(b.Context(), w)
		must(b, err)
		l.Chain = Chain{arrived}
		left := k.blocks
		must(b, l.AcceptAll(b.Context(), w, func() (Block, bool, error) {
			if len(left) == 0 {
				return Block{}, false, nil
			}
			parcels := left[0]
			left = left[1:]
			ids := make([]object.Hash, len(parcels))
			arrived.Grow(len(parcels))
			err := each(b.Context(), 2, len(parcels), func(i int) error {
				p := &parcels[i]
				ids[i] = object.Sum(p.data)
				arrived.Take(p.kind, ids[i], p.data, p.seal)
				return w.PutSealed(p.kind, ids[i], p.data, p.seal)
			})
			if err != nil {
				return Block{}, false, err
			}
			block, err := l.Block(b.Context(), ids[len(ids)-1])
			return block, true, err
		}, nil))
		must(b, w.Commit(b.Context()))
		took := time.Since(start)
		pprof.StopCPUProfile()
		b.ReportMetric(float64(k.count)/took.Seconds(), "transfers/s")
		b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(k.count)/1000, "cpu-us/transfer")
		bound := k.bound(b, disk)
		b.ReportMetric(float64(k.count)/bound.Seconds(), "bound/s")
		b.ReportMetric(bound.Seconds()/took.Seconds(), "of-bound")
		must(b, disk.Close())
	}
}

// nowhere is a writer of nodes that are not kept.
type nowhere struct{}

func (nowhere) Put(object.Kind, object.Hash, []byte) error { return nil }

// bound is how long the signatures and the state's new roots take by themselves, with
// everything in memory and nothing written.
func (k *bank) bound(b *testing.B, objects store.Store) time.Duration {
	b.Helper()
	keys, lineage := key.NewCache(1<<15), k.book.Directory.Lineage
	cache := state.NewCache(objects, 1<<30)
	tree := state.New(cache, k.parent.Header.State)
	must(b, tree.Range(b.Context(), nil, nil, func(_, _ []byte) error { return nil }))
	sum := time.Duration(0)
	for i, parcels := range k.blocks {
		v := key.NewVerifier(keys)
		for _, p := range parcels {
			if p.kind == object.KindBatch {
				batch, err := object.DecodeBatch(p.data)
				must(b, err)
				v.Add(key.Public(batch.Author.Key), key.DomainBatch, lineage, object.Sum(p.data), key.Signature(p.seal))
			}
		}
		runtime.GC()
		start := time.Now()
		must(b, v.VerifyAll(b.Context(), 2))
		next, err := tree.Update(b.Context(), cache.Through(nowhere{}), k.edits[i], 2)
		sum += time.Since(start)
		must(b, err)
		tree = next
	}
	return sum
}

// processorTime is what the process has used of all processors.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var use syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
