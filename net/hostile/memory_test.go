package hostile

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"aergo/branch"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/store"
)

// flood is a forger's objects, and chunks of noise that are made when they are asked for: there
// is far more of it than anybody should hold in memory.
type flood struct {
	source
	mu     sync.Mutex
	chunks map[object.Hash]uint32
	asked  int
}

const floodChunkBytes = 900 << 10

// noise does not compress.
func noise(n uint32) []byte {
	b := make([]byte, floodChunkBytes)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), 1}).Read(b)
	return append(binary.BigEndian.AppendUint32([]byte{0x83, 1, byte(object.KindChunk), 0x1a}, n), b...)
}

// Get implements repo.Source.
func (f *flood) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.chunks[h]
	if !ok {
		return f.source.Get(ctx, h)
	}
	f.asked++
	return noise(n), nil
}

// inUse returns by how much what is in use grows while fn runs, as seen every now and then.
func inUse(fn func()) (grownBytes uint64) {
	heap := func() uint64 {
		var now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&now)
		return now.HeapAlloc
	}
	before, peak := heap(), uint64(0)
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				peak = max(peak, heap())
			}
		}
	})
	fn()
	close(done)
	watching.Wait()
	return max(peak, before) - before
}

// Seal implements repo.Source.
func (f *flood) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	if _, ok := f.chunks[h]; ok {
		return nil, nil
	}
	return f.source.Seal(ctx, h)
}

// flooding is a block whose one batch is made of noise.
func (f *forger) flooding(h *history, chunks uint32) (head object.Hash, out *flood) {
	f.t.Helper()
	out = &flood{source: source{f}, chunks: map[object.Hash]uint32{}}
	record := *h.oursBatch.Batch
	record.Chunks, record.Count = nil, uint64(chunks)
	for n := range chunks {
		id := object.Sum(noise(n))
		out.chunks[id] = n
		record.Chunks = append(record.Chunks, object.ChunkRef{Hash: id, Count: 1})
	}
	var batch branch.Batch
	f.write(func(w store.Writer) {
		var err error
		batch, err = branch.PutBatch(w, &record, f.ada)
		must(f.t, err)
	})
	return f.body(h.ours, func(d *draft) { d.body.Entries[0].Batch = batch.ID }), out
}

// flooder offers the flood to who fetches.
type flooder struct {
	offer
	flood *flood
}

func (f flooder) Objects() repo.Source { return f.flood }

// Large objects that come to nothing go by the memory of who receives them, and of who sends
// them, here in one process; they are in neither repository afterwards, nor in a spool.
func TestFloodsOfBytes(t *testing.T) {
	const chunks, bound = 160, 96 << 20
	v := newVictimsIn(t, true)
	head, out := v.f.flooding(v.h, chunks)
	for way, attempt := range map[string]func() error{
		"push": func() error {
			c, err := v.open(t.Context(), "mallory", "up")
			must(t, err)
			_, err = c.Merge(t.Context(), out, repo.RemoteMerge{Branch: "master", Head: head})
			must(t, c.Close())
			return err
		},
		"fetch": func() error {
			v.lies["up"] = flooder{offer{repo.AsRemote(v.up), v.f, head, nil}, out}
			defer delete(v.lies, "up")
			_, err := v.bobs.Fetch(t.Context(), "", "")
			return err
		},
	} {
		up, bobs := standingOf(t, v.up), standingOf(t, v.bobs)
		out.asked = 0
		var err error
		grown := inUse(func() {
			err = attempt()
			v.serving.Wait()
		})
		t.Logf("%s: %d MiB in use while %d MiB went by", way, grown>>20, chunks*floodChunkBytes>>20)
		if out.asked < chunks || !errors.Is(err, object.ErrMalformed) || branch.FaultOf(err) != branch.FaultChunkRecord {
			t.Errorf("%s: asked for %d chunks: %v", way, out.asked, err)
		}
		if grown > bound {
			t.Errorf("%s: %d MiB in use", way, grown>>20)
		}
		if got := standingOf(t, v.up); got != up {
			t.Errorf("%s: the repository stands as %+v, before %+v", way, got, up)
		}
		if got := standingOf(t, v.bobs); got != bobs {
			t.Errorf("%s: bob's stands as %+v, before %+v", way, got, bobs)
		}
	}
	if left, err := v.spools["up"].ReadDir(""); err == nil && len(left) > 0 {
		t.Errorf("%d files are left in the spool", len(left))
	}
	v.sound(t)
}
