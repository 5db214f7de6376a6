package transfer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
)

// endless is a repository of large chunks that are made when they are asked for, under one
// batch.
type endless struct {
	refs   repo.RemoteRefs
	batch  []byte
	number map[object.Hash]uint32
}

const endlessBytes = 900 << 10

// chunk is noise, that does not compress.
func (e *endless) chunk(n uint32) []byte {
	noise := make([]byte, endlessBytes)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(noise)
	return noise
}

func newEndless(chunks int) *endless {
	e := &endless{number: map[object.Hash]uint32{}}
	b := &object.Batch{Lineage: object.Sum([]byte("l")), Author: object.Identity{Name: "ada"}, Count: uint64(chunks)}
	for i := range chunks {
		h := object.Sum(e.chunk(uint32(i)))
		e.number[h] = uint32(i)
		b.Chunks = append(b.Chunks, object.ChunkRef{Hash: h, Count: 1})
	}
	e.batch = b.Encode()
	e.refs = repo.RemoteRefs{Lineage: b.Lineage, Directory: b.Lineage, Head: ref.Head{Branch: "master"}}
	return e
}

func (e *endless) Refs(context.Context) (repo.RemoteRefs, error) { return e.refs, nil }
func (e *endless) Objects() repo.Source                          { return e }
func (e *endless) Merge(context.Context, repo.Source, repo.RemoteMerge) (repo.RemoteMerged, error) {
	return repo.RemoteMerged{}, ErrDenied
}

func (e *endless) Get(_ context.Context, h object.Hash) ([]byte, error) {
	if h == object.Sum(e.batch) {
		return e.batch, nil
	}
	n, ok := e.number[h]
	if !ok {
		return nil, store.ErrNotFound
	}
	return e.chunk(n), nil
}

func (e *endless) Seal(context.Context, object.Hash) ([]byte, error) { return nil, nil }

// Both sides, in one process here, hold a few messages, however much goes by.
func TestMemoryIsBounded(t *testing.T) {
	const chunks = 120
	e := newEndless(chunks)
	w := newWorld(t)
	w.repos["endless"] = w.init("up", "ada")
	w.lie("endless", func(Repository) Repository { return e })
	w.client.Spool = osfs.New(t.TempDir(), osfs.WithBoundOS())
	c, err := w.open(t.Context(), "bob", "endless")
	must(t, err)
	defer c.Close()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := uint64(0)
	known := func(context.Context, object.Hash) (bool, error) { return false, nil }
	g, err := newGathering(t.Context(), c.spool, repo.Walk{Heads: []object.Hash{object.Sum(e.batch)}, Known: known}, func(int) {
		if c.objects++; c.objects%20 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
		}
	})
	must(t, err)
	must(t, c.turn(t.Context(), func(w *wire) error { return g.run(t.Context(), &asker{w: w, codec: c.codec}) }))
	if c.objects != chunks+1 {
		t.Errorf("%d objects came", c.objects)
	}
	if peak > before.HeapAlloc+48<<20 {
		t.Errorf("%d MiB in use while %d went by", (peak-before.HeapAlloc)>>20, chunks*endlessBytes>>20)
	}
}

// slowSource serves nothing until it may.
type slowSource struct {
	repo.Source
	asked chan struct{}
	may   chan struct{}
}

func (s slowSource) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-s.may
	return s.Source.Get(ctx, h)
}

// Who pushes slowly keeps nobody from working in the repository.
func TestSlowPushHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	w.onDisk = true
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone("test://up", "bob")
	head := put(t, bobs, "b", 2)
	c, err := w.open(t.Context(), "bob", "up")
	must(t, err)
	from := slowSource{repo.AsRemote(bobs).Objects(), make(chan struct{}, 1), make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		_, err := c.Merge(t.Context(), from, repo.RemoteMerge{Branch: "master", Head: head})
		done <- err
	}()
	<-from.asked
	for i := range 3 {
		put(t, up, fmt.Sprintf("local-%d", i), i) // would wait for ever for the lock
	}
	close(from.may)
	must(t, <-done)
	wantRow(t, up, "b", "2")
	wantRow(t, up, "local-2", "2")
	sound(t, up)
}

// writes counts what is written: a message at a time.
type writes struct {
	Stream
	count *int
}

func (w writes) Write(b []byte) (int, error) { *w.count++; return w.Stream.Write(b) }

// A clone asks far less often than there are blocks, let alone objects.
func TestCloneAsksSeldom(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	const blocks = 400
	for i := range blocks {
		put(t, up, fmt.Sprintf("k-%d", i), i)
	}
	asked := 0
	w.between = func(s Stream) Stream { return writes{s, &asked} }
	_, c, err := w.tryClone("test://up", "bob")
	must(t, err)
	t.Logf("asked %d times for %d blocks of %d objects", asked, c.Height, c.Transfer.Objects)
	if asked > blocks/4 || c.Transfer.Objects < 4*blocks {
		t.Errorf("asked %d times for %d objects", asked, c.Transfer.Objects)
	}
}

// A fetch of little from a long history is told little.
func TestFetchOfOneBlockIsSmall(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	for i := range 200 {
		put(t, up, fmt.Sprintf("k-%d", i), i)
	}
	bobs := w.clone("test://up", "bob")
	put(t, up, "k-5", 1000)
	w.clients = nil
	f, err := bobs.Fetch(t.Context(), "", "")
	must(t, err)
	traffic := w.clients[0].Traffic()
	if all := traffic.Sent + traffic.Received; all > 2*f.Transfer.Bytes+4096 {
		t.Errorf("%d bytes on the wire for %d bytes of %d objects", all, f.Transfer.Bytes, f.Transfer.Objects)
	}
}
