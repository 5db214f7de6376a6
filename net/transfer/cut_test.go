package transfer

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// cutter is a stream that is lost after so many bytes, in either direction.
type cutter struct {
	Stream
	mu           sync.Mutex
	reads, write int
	lost         bool
}

func (c *cutter) take(budget *int, n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, *budget)
	*budget -= n
	if *budget == 0 {
		c.lost = true
	}
	if c.lost {
		c.Stream.Close()
	}
	return n
}

func (c *cutter) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	if kept := c.take(&c.reads, n); kept < n || c.lost {
		return kept, io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *cutter) Write(b []byte) (int, error) {
	if kept := c.take(&c.write, len(b)); kept < len(b) {
		return 0, io.ErrClosedPipe
	}
	return c.Stream.Write(b)
}

const plenty = 1 << 40

// cutAfter has every stream lost after so many bytes.
func (w *world) cutAfter(reads, writes func() int) {
	w.between = func(s Stream) Stream { return &cutter{Stream: s, reads: reads(), write: writes()} }
}

func always(n int) func() int { return func() int { return n } }

func (w *world) received() (n uint64) {
	for _, c := range w.clients {
		n += c.Traffic().Received
	}
	return n
}

// A stream that is lost time and again costs little more than one that is not.
func TestCloneOverBadLine(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	fill(t, up, 0, 20000)
	for i := range 30 {
		put(t, up, "k", i)
	}
	w.clone("test://up", "bob")
	whole := w.received()
	w.clients = nil
	connections := 0
	w.client.Attempts = 5
	w.cutAfter(func() int { connections++; return 300 << 10 }, always(plenty))
	bobs := w.clone("test://up", "bob")
	// Each time at most the part is lost that was just coming.
	if got := w.received(); got > whole+uint64(connections)*partBytes/2 || connections < int(whole/(300<<10)) {
		t.Errorf("received %d bytes by %d connections, %d in one go", got, connections, whole)
	}
	sound(t, bobs)
}

// Who starts again, as a new process would, takes up from what the last one has left.
func TestCloneIsTakenUp(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	fill(t, up, 0, 60000)
	w.clone("test://up", "bob")
	whole := w.received()
	w.clients = nil
	w.cutAfter(always(int(whole)/3), always(plenty))
	tries := 0
	for {
		tries++
		r, _, err := w.tryClone("test://up", "bob")
		if err == nil {
			sound(t, r)
			break
		}
		if !errors.Is(err, ErrCut) || tries > 10 {
			t.Fatalf("try %d: %v", tries, err)
		}
	}
	if got := w.received(); tries < 3 || got > whole+uint64(tries)*partBytes/2 {
		t.Errorf("received %d bytes in %d tries, %d in one go", got, tries, whole)
	}
	if infos, err := w.client.Spool.ReadDir(""); err == nil && len(infos) > 0 {
		t.Errorf("%d files are left in the spool", len(infos))
	}
}

// The same for a push, of which the server keeps what came.
func TestPushIsTakenUp(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone("test://up", "bob")
	fill(t, bobs, 0, 20000)
	w.cutAfter(always(plenty), always(300<<10))
	sent := uint64(0)
	tries := 0
	for {
		tries++
		w.clients = nil
		p, err := bobs.Push(t.Context(), repo.PushRequest{})
		for _, c := range w.clients {
			sent += c.Traffic().Sent
		}
		w.serving.Wait()
		if err == nil {
			if p.Applied < 20000 || !p.LocalMoved {
				t.Errorf("pushed %+v", p)
			}
			break
		}
		if !errors.Is(err, ErrCut) || tries > 50 {
			t.Fatalf("try %d: %v", tries, err)
		}
	}
	w.between = func(s Stream) Stream { return s }
	w.clients = nil
	w.clone("test://up", "bob")
	if whole := w.received(); tries < 2 || sent > whole+uint64(tries)*partBytes/2 {
		t.Errorf("sent %d bytes in %d tries; all of it is %d", sent, tries, whole)
	}
	wantRow(t, up, "row-0000001", "7919")
	sound(t, up)
}

// Wherever a stream is lost, everything is as before or done.
func TestCutAnywhere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	up := w.init("up", "ada")
	fill(t, up, 0, 200)
	for range 25 {
		w.client.Spool = faultfs.New()
		w.client.Attempts = random.IntN(4) - 1
		w.cutAfter(func() int { return 1 + random.IntN(40<<10) }, func() int { return 1 + random.IntN(4<<10) })
		if r, _, err := w.tryClone("test://up", "bob"); err == nil {
			sound(t, r)
		} else if !errors.Is(err, ErrCut) {
			t.Errorf("cut: %v", err)
		}
	}
	w.between = func(s Stream) Stream { return s }
	bobs := w.clone("test://up", "bob")
	for i := range 25 {
		head := put(t, bobs, "b", i)
		w.cutAfter(func() int { return 1 + random.IntN(2<<10) }, func() int { return 1 + random.IntN(16<<10) })
		w.client.Attempts = random.IntN(4) - 1
		p, err := bobs.Push(t.Context(), repo.PushRequest{})
		w.serving.Wait()
		switch {
		case err == nil && p.Target != "master":
			t.Errorf("pushed %+v", p)
		case err == nil:
			// The answer was taken in, or it says why not.
		case !errors.Is(err, ErrCut):
			t.Errorf("cut: %v", err)
		}
		w.between = func(s Stream) Stream { return s }
		_, err = bobs.Push(t.Context(), repo.PushRequest{})
		must(t, err)
		if got, err := up.Resolve(t.Context(), head.String()); err != nil {
			t.Errorf("%s did not arrive: %v", got.ID.Short(), err)
		}
	}
	sound(t, up)
	sound(t, bobs)
}

// A merge whose answer is lost is made once, and its account is told all the same.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone("test://up", "bob")
	put(t, up, "a", 2)
	put(t, bobs, "a", 3)
	head := put(t, bobs, "b", 4)
	merges := 0
	w.lie("up", func(r Repository) Repository { return counting{r, &merges} })
	// The first stream is lost when the merge has been made.
	w.client.Attempts = 5
	first := true
	w.between = func(s Stream) Stream {
		if !first {
			return s
		}
		first = false
		return &tap{Stream: s, lose: func(number uint64) bool { return number == numberMerged }}
	}
	c, err := w.open(t.Context(), "bob", "up")
	must(t, err)
	m, err := c.Merge(t.Context(), repo.AsRemote(bobs).Objects(), repo.RemoteMerge{Branch: "master", Head: head})
	must(t, err)
	if merges != 1 || m.Merged.Applied != 1 || len(m.Merged.Excluded) != 1 || m.Merged.UpToDate {
		t.Errorf("%d merges, account %+v", merges, m.Merged)
	}
	// Another merge of the same thing is another merge.
	if m, err = c.Merge(t.Context(), repo.AsRemote(bobs).Objects(), repo.RemoteMerge{Branch: "master", Head: head}); err != nil || !m.Merged.UpToDate || merges != 2 {
		t.Errorf("again: %+v, %v, %d merges", m.Merged, err, merges)
	}
	sound(t, up)
}

// counting counts merges.
type counting struct {
	Repository
	merges *int
}

func (c counting) Merge(ctx context.Context, from repo.Source, req repo.RemoteMerge) (repo.RemoteMerged, error) {
	*c.merges++
	return c.Repository.Merge(ctx, from, req)
}

// tap is a stream that is asked about the number of each message that comes, and is lost
// if so told.
type tap struct {
	Stream
	lose    func(number uint64) bool
	in      *wire
	pending []byte
}

func (p *tap) Read(b []byte) (int, error) {
	if p.in == nil {
		p.in = newWire(p.Stream, Timeouts{})
	}
	if len(p.pending) == 0 {
		m, err := p.in.receive(maxListBytes, p.in.timeouts.Idle)
		if err != nil {
			return 0, err
		}
		r := object.NewReader(m.append(nil))
		r.Array(16)
		if p.lose(r.Uint()) {
			p.Stream.Close()
			return 0, io.ErrUnexpectedEOF
		}
		p.pending = whole(m)
	}
	n := copy(b, p.pending)
	p.pending = p.pending[n:]
	return n, nil
}
