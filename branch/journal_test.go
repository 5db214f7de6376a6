package branch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"

	"aergo/dtt"
	"aergo/repo/object"
)

// clone returns a copy of a pool that can be changed by itself.
func (p *Pending) clone() *Pending {
	out := *p
	out.Closed = slices.Clone(p.Closed)
	out.Open = p.Open.Clone()
	return &out
}

// samePool says whether two pools hold the same.
func samePool(a, b *Pending) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Base == b.Base && slices.Equal(a.Closed, b.Closed) && bytes.Equal(a.Open.Encode(), b.Open.Encode()) &&
		a.Done.Count == b.Done.Count && (a.Done.Count == 0 || a.Done.State == b.Done.State && a.Done.Tree.Equal(b.Done.Tree) &&
		slices.Equal(a.Done.Runs, b.Done.Runs) && bytes.Equal(a.Done.Receipts.Encode(), b.Done.Receipts.Encode()))
}

func emptyPool(base byte) *Pending {
	return &Pending{Base: object.Hash{base}, Open: object.NewChunkBuilder()}
}

func addTo(p *Pending, name string, payload ...byte) {
	p.Open.Name(name)
	p.Open.Add(&object.Transaction{Payload: payload})
}

// execute notes everything in a pool as done.
func (p *Pending) execute(state byte) {
	n := p.Count()
	p.Done = Done{Count: n, State: object.Hash{state}, Tree: dtt.Serial(int(n)), Runs: []object.Run{{Count: n}}}
	p.Done.Receipts.Add(n, object.Receipt{Cost: uint64(state)})
}

func load(t testing.TB, j *Journal) Contents {
	t.Helper()
	c, err := j.Load()
	must(t, err)
	return c
}

func fileOf(t testing.TB, fs billy.Filesystem, j *Journal) (name string, data []byte) {
	t.Helper()
	n, err := j.current()
	must(t, err)
	data, err = util.ReadFile(fs, j.name(n))
	must(t, err)
	return j.name(n), data
}

// The journal gives back what it was told, whatever happened in between, and any of its
// places can be gone back to.
func TestJournalKeepsThePool(t *testing.T) {
	rng := source(t)
	for range 60 {
		j := NewJournal(memfs.New(), "pools/master")
		if c := load(t, j); c.Pending != nil || c.Place != (Place{}) {
			t.Fatalf("a journal that is not there holds %+v", c)
		}
		type moment struct {
			place  Place
			pool   *Pending
			sealed *Sealed
		}
		past := []moment{{}}
		for range 25 {
			c := load(t, j)
			now := moment{pool: emptyPool(byte(rng.IntN(3)))}
			if c.Pending != nil && c.Sealed == nil {
				now.pool = c.Pending.clone()
			}
			var err error
			switch p := now.pool; rng.IntN(9) {
			case 0: // the open transactions become a chunk
				if p.Open.Count() > 0 {
					p.Closed = append(p.Closed, object.ChunkRef{Hash: object.Sum(p.Open.Encode()), Count: uint64(p.Open.Count())})
					p.Open.Reset()
				}
				now.place, err = j.Update(c, p)
			case 1:
				if p.Count() > 0 {
					p.execute(byte(rng.IntN(250)))
				}
				now.place, err = j.Update(c, p)
			case 2:
				if base := (object.Hash{byte(rng.IntN(3))}); base != p.Base {
					p.Base, p.Done = base, Done{}
				}
				now.place, err = j.Update(c, p)
			case 3:
				now.sealed = &Sealed{Batch: object.Hash{1}, Block: object.Hash{byte(rng.IntN(9))}}
				if c.Pending == nil || c.Sealed != nil {
					continue
				}
				err = j.MarkSealed(c, *now.sealed)
				now.place = load(t, j).Place
			case 4, 5: // only some files stay
				back := past[max(0, len(past)-keptFiles/2)+rng.IntN(min(len(past), keptFiles/2))]
				now.pool, now.sealed = back.pool, back.sealed
				now.place, err = j.Return(back.place)
			default:
				for range 1 + rng.IntN(3) {
					addTo(p, fmt.Sprint("name", rng.IntN(4)), byte(rng.IntN(256)))
				}
				now.place, err = j.Update(c, p)
			}
			must(t, err)
			got := load(t, j)
			if got.Place != now.place {
				t.Fatalf("the place is %+v, want %+v", got.Place, now.place)
			}
			if !samePool(got.Pending, now.pool) && (got.Pending != nil || now.pool.Count() > 0) {
				t.Fatalf("the pool holds %+v, want %+v", got.Pending, now.pool)
			}
			if (got.Sealed == nil) != (now.sealed == nil) || got.Sealed != nil && *got.Sealed != *now.sealed {
				t.Fatalf("sealed is %+v, want %+v", got.Sealed, now.sealed)
			}
			at, err := j.At(now.place)
			must(t, err)
			if !samePool(at.Pending, got.Pending) {
				t.Fatal("At gives something else than Load")
			}
			now.pool = got.Pending
			past = append(past, now)
		}
	}
}

// written is a journal whose file has so many updates, and the lengths after each.
func written(t testing.TB, fs billy.Filesystem) (j *Journal, lengths []int64, pools []*Pending) {
	t.Helper()
	j = NewJournal(fs, "pool")
	p := emptyPool(7)
	step := func(change func()) {
		c := load(t, j)
		if c.Pending != nil {
			p = c.Pending.clone()
		}
		change()
		place, err := j.Update(c, p)
		must(t, err)
		lengths, pools = append(lengths, place.LengthBytes), append(pools, p.clone())
	}
	step(func() { addTo(p, "first", 1, 2, 3) })
	step(func() { addTo(p, "second", 4); addTo(p, "first", 5) })
	step(func() {
		p.Closed = append(p.Closed, object.ChunkRef{Hash: object.Sum(p.Open.Encode()), Count: 3})
		p.Open.Reset()
		addTo(p, "third", 6)
		p.execute(9)
	})
	step(func() { addTo(p, "first", 7) })
	return j, lengths, pools
}

// before returns how many updates are whole within so many bytes.
func before(lengths []int64, n int) int {
	whole := 0
	for whole < len(lengths) && lengths[whole] <= int64(n) {
		whole++
	}
	return whole
}

// A write that was cut anywhere, or left zeros behind, never was; the next write cuts it off.
func TestTornTailsHeal(t *testing.T) {
	fs := memfs.New()
	j, lengths, pools := written(t, fs)
	name, data := fileOf(t, fs, j)
	for n := range data {
		zeros := append(slices.Clone(data[:n]), make([]byte, min(len(data)-n, 40))...)
		for what, torn := range map[string][]byte{"cut": data[:n], "zeros": zeros} {
			if what == "zeros" && bytes.HasPrefix(data, zeros) {
				continue
			}
			must(t, util.WriteFile(fs, name, torn, 0o644))
			whole := before(lengths, n)
			c := load(t, j)
			if whole == 0 {
				if c.Pending != nil || c.Place.LengthBytes != 0 {
					t.Fatalf("%s at byte %d: something is left of the first update", what, n)
				}
				continue
			}
			if !samePool(c.Pending, pools[whole-1]) || c.Place.LengthBytes != lengths[whole-1] {
				t.Fatalf("%s at byte %d: the pool is not what it was after update %d", what, n, whole)
			}
			_, tornBytes, err := j.Check(c.Place.File)
			if err != nil || tornBytes != int64(len(torn))-lengths[whole-1] {
				t.Fatalf("%s at byte %d: Check says %d bytes, %v", what, n, tornBytes, err)
			}
			p := c.Pending.clone()
			addTo(p, "again", 8)
			_, err = j.Update(c, p)
			must(t, err)
			if !samePool(load(t, j).Pending, p) {
				t.Fatalf("%s at byte %d: the next update is not there", what, n)
			}
		}
	}
}

// Anything else that is wrong is reported with its place, and nothing is served.
func TestDamagedJournalsAreReported(t *testing.T) {
	fs := memfs.New()
	j, lengths, pools := written(t, fs)
	name, data := fileOf(t, fs, j)
	for at := range data {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := slices.Clone(data)
			bad[at] ^= flip
			must(t, util.WriteFile(fs, name, bad, 0o644))
			c, err := j.Load()
			if last := before(lengths, at); last < len(lengths)-1 {
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "byte") {
					t.Fatalf("byte %d: error is %v", at, err)
				}
			} else if err != nil || !samePool(c.Pending, pools[last-1]) {
				t.Fatalf("byte %d, in the last update: %v", at, err)
			}
		}
	}
	_, err := j.At(Place{File: 1, LengthBytes: int64(len(data)) + 1})
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("a place beyond the end: %v", err)
	}
	if _, err := j.Return(Place{File: 1, LengthBytes: int64(len(data)) + 1}); !errors.Is(err, ErrDamaged) {
		t.Errorf("return beyond the end: %v", err)
	}
}

// Frames that are sound but make no sense are damage too.
func TestSenselessRecordsAreRefused(t *testing.T) {
	start := object.AppendHash(head(2, recordStart), object.Hash{1})
	add := append(object.AppendArray(head(3, recordAdd), 1), object.AppendArray(object.AppendText(nil, "n"), 0)...)
	done := func(count uint64, tree int, runs, receipts uint64) []byte {
		d := Done{Count: count, Tree: dtt.Serial(tree)}
		if runs > 0 {
			d.Runs = []object.Run{{Count: runs}}
		}
		d.Receipts.Add(receipts, object.Receipt{})
		return doneRecord(&d)
	}
	chunk := object.AppendUint(object.AppendHash(head(3, recordChunk), object.Hash{2}), 5)
	for name, test := range map[string]struct {
		records [][]byte
		ok      bool
	}{
		"sound":                     {[][]byte{start, add, chunk, done(5, 5, 5, 5)}, true},
		"does not begin":            {[][]byte{add}, false},
		"begins twice":              {[][]byte{start, start}, false},
		"name twice":                {[][]byte{start, add, add}, false},
		"more done than is pending": {[][]byte{start, chunk, done(6, 6, 6, 6)}, false},
		"tree of another length":    {[][]byte{start, chunk, done(5, 4, 5, 5)}, false},
		"runs of another length":    {[][]byte{start, chunk, done(5, 5, 4, 5)}, false},
		"receipts of another":       {[][]byte{start, chunk, done(5, 5, 5, 4)}, false},
		"unknown kind":              {[][]byte{start, head(1, 6)}, false},
		"too many elements":         {[][]byte{start, append(object.AppendHash(head(3, recordMove), object.Hash{1}), 0)}, false},
		"none":                      {nil, false},
	} {
		payload := object.AppendArray(nil, len(test.records))
		for _, r := range test.records {
			payload = append(payload, r...)
		}
		if _, err := parse(1, appendFrame(nil, payload)); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One more transaction costs one more transaction, however many there are.
func TestAppendingDoesNotRewrite(t *testing.T) {
	fs := &countingFS{Filesystem: memfs.New()}
	j := NewJournal(fs, "pool")
	p := emptyPool(1)
	for i := range 400 {
		c := load(t, j)
		if c.Pending != nil {
			p = c.Pending.clone()
		}
		addTo(p, "name", byte(i), 0, 0, 0)
		fs.written = 0
		_, err := j.Update(c, p)
		must(t, err)
		if fs.written > 100 {
			t.Fatalf("transaction %d writes %d bytes", i, fs.written)
		}
	}
	fs.written = 0
	c := load(t, j)
	if place, err := j.Update(c, c.Pending.clone()); err != nil || place != c.Place || fs.written != 0 {
		t.Errorf("an update of nothing writes %d bytes: %v", fs.written, err)
	}
}

// A pool that is not what it was with something added begins a new file.
func TestAPoolThatIsAnotherBeginsAnew(t *testing.T) {
	for name, change := range map[string]func(p *Pending){
		"fewer transactions": func(p *Pending) { p.Open = object.NewChunkBuilder(); addTo(p, "x", 1) },
		"other names": func(p *Pending) {
			p.Open = object.NewChunkBuilder()
			addTo(p, "x", 1)
			addTo(p, "y", 1)
			addTo(p, "z", 1)
		},
		"fewer chunks": func(p *Pending) { p.Closed, p.Done = nil, Done{} },
		"other chunks": func(p *Pending) { p.Closed = []object.ChunkRef{{Hash: object.Hash{9}, Count: 3}} },
	} {
		fs := memfs.New()
		j, _, _ := written(t, fs)
		c := load(t, j)
		p := c.Pending.clone()
		change(p)
		place, err := j.Update(c, p)
		must(t, err)
		if got := load(t, j); !samePool(got.Pending, p) || place.File != c.Place.File+1 {
			t.Errorf("%s: the pool holds %+v in file %d", name, got.Pending, place.File)
		}
	}
}

// What was executed is kept to save time: if it is too large to keep, the rest is. What is
// too large besides is refused, and not written as what no reader takes.
func TestFramesHaveALimit(t *testing.T) {
	fs := memfs.New()
	j := NewJournal(fs, "pool")
	start := object.AppendHash(head(2, recordStart), object.Hash{1})
	huge := make([]byte, maxFrameBytes)
	_, err := j.write(Place{}, true, [][]byte{start, append(head(6, recordDone), huge...)})
	must(t, err)
	before := load(t, j)
	if !samePool(before.Pending, emptyPool(1)) {
		t.Errorf("the pool holds %+v", before.Pending)
	}
	if _, err := j.write(before.Place, false, [][]byte{append(head(3, recordAdd), huge...)}); err == nil {
		t.Error("a frame beyond the limit is written")
	}
	if _, err := j.write(before.Place, false, make([][]byte, maxRecords+1)); err == nil {
		t.Error("a frame of too many records is written")
	}
	if after := load(t, j); after.Place != before.Place {
		t.Error("something of it was written")
	}
}

// An update that fails half-way has changed nothing, whether it goes on with a file or
// begins one.
func TestFailedWritesChangeNothing(t *testing.T) {
	for what, act := range map[string]func(j *Journal, c Contents, to Place) error{
		"write to update": func(j *Journal, c Contents, _ Place) error {
			p := c.Pending.clone()
			addTo(p, "more", 1)
			_, err := j.Update(c, p)
			return err
		},
		"write to seal":    func(j *Journal, c Contents, _ Place) error { return j.MarkSealed(c, Sealed{}) },
		"write to return":  func(j *Journal, _ Contents, to Place) error { _, err := j.Return(to); return err },
		"rename to return": func(j *Journal, _ Contents, to Place) error { _, err := j.Return(to); return err },
		"rename to empty":  func(j *Journal, _ Contents, _ Place) error { _, err := j.Return(Place{}); return err },
		"rename to begin anew": func(j *Journal, c Contents, _ Place) error {
			_, err := j.Update(c, emptyPool(3))
			return err
		},
	} {
		fs := &countingFS{Filesystem: memfs.New()}
		j, lengths, pools := written(t, fs)
		c := load(t, j)
		fs.fail, _, _ = strings.Cut(what, " ")
		err := act(j, c, Place{File: 1, LengthBytes: lengths[1]})
		fs.fail = ""
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: error is %v", what, err)
		}
		if got := load(t, j); !samePool(got.Pending, pools[len(pools)-1]) || got.Sealed != nil || got.Place != c.Place {
			t.Errorf("%s: the pool holds %+v", what, got)
		}
		infos, err := fs.ReadDir("pool")
		must(t, err)
		if len(infos) != 1 {
			t.Errorf("%s: %d files are left", what, len(infos))
		}
	}
}

// countingFS counts what is written, and fails on demand.
type countingFS struct {
	billy.Filesystem
	written int
	fail    string // "write" or "rename"
}

func (fs *countingFS) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	f, err := fs.Filesystem.OpenFile(name, flag, perm)
	return &countingFile{f, fs}, err
}

func (fs *countingFS) Rename(from, to string) error {
	if fs.fail == "rename" {
		return io.ErrShortWrite
	}
	return fs.Filesystem.Rename(from, to)
}

type countingFile struct {
	billy.File
	fs *countingFS
}

func (f *countingFile) Write(b []byte) (int, error) {
	if f.fs.fail == "write" {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, io.ErrShortWrite
	}
	n, err := f.File.Write(b)
	f.fs.written += n
	return n, err
}

func FuzzJournal(f *testing.F) {
	fs := memfs.New()
	j, _, _ := written(f, fs)
	_, data := fileOf(f, fs, j)
	f.Add(data, false)
	f.Add(data[:len(data)-3], false)
	payload, _ := nextFrame(data)
	f.Add(payload, true)
	f.Fuzz(func(t *testing.T, data []byte, frame bool) {
		if frame {
			data = appendFrame(nil, data)
		}
		c, err := parse(1, data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("error is %v", err)
			}
			return
		}
		again, err := parse(1, data[:c.Place.LengthBytes])
		if err != nil || !samePool(c.Pending, again.Pending) {
			t.Errorf("without its tail it is another pool: %v", err)
		}
		if c.Pending == nil {
			return
		}
		fresh := NewJournal(memfs.New(), "pool")
		_, err = fresh.Update(Contents{}, c.Pending)
		must(t, err)
		if !samePool(load(t, fresh).Pending, c.Pending) {
			t.Error("written anew it is another pool")
		}
	})
}
