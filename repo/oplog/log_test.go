package oplog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
)

const path = "oplog"

func onEveryFS(t *testing.T, test func(t *testing.T, fs billy.Filesystem)) {
	t.Run("disk", func(t *testing.T) {
		test(t, osfs.New(filepath.Join(t.TempDir(), "repo"), osfs.WithBoundOS()))
	})
	t.Run("memory", func(t *testing.T) { test(t, memfs.New()) })
}

func entry(i int) Entry {
	return Entry{
		Time: time.Date(2024, 5, 1, 12, 0, i%60, 123, time.FixedZone("east", 7200)), Who: "alice", Verb: "merge",
		Args: []string{"dev", "-m", fmt.Sprintf("<%d> \"x\" & \u2028\n", i), strings.Repeat("x", i*37%5000)},
		Refs: []Change{{"branches/master", json.RawMessage(`{"head":"a<b"}`), json.RawMessage(`{"head":"\u003c"}`)},
			{Name: "HEAD", After: json.RawMessage(`null`)}},
		Pools: []Change{{Name: "master", Before: json.RawMessage(`[1,2]`)}},
	}
}

func mustAppend(t testing.TB, l *Log, e Entry) Entry {
	t.Helper()
	stored, err := l.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func numbers(t *testing.T, l *Log) (list []uint64, err error) {
	t.Helper()
	for e, err := range l.List(t.Context()) {
		if err != nil {
			return list, err
		}
		list = append(list, e.N)
	}
	return list, nil
}

func TestAppendAndRead(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		ctx, l := t.Context(), New(fs, path)
		if _, err := l.Last(ctx); !errors.Is(err, ErrNotFound) {
			t.Fatalf("empty log: %v", err)
		}
		const n = 40
		var stored []Entry
		for i := range n {
			in := entry(i)
			e := mustAppend(t, New(fs, path), in)
			if e.N != uint64(i+1) || !e.Time.Equal(in.Time) || e.Time.Location() != time.UTC || !reflect.DeepEqual(e.Args, in.Args) {
				t.Fatalf("stored %+v", e)
			}
			stored = append(stored, e)
			if last, err := l.Last(ctx); err != nil || !reflect.DeepEqual(last, e) {
				t.Fatalf("last is %+v, %v", last, err)
			}
		}
		i := n
		for e, err := range l.List(ctx) {
			i--
			if err != nil || !reflect.DeepEqual(e, stored[i]) {
				t.Fatalf("entry %d is %+v, %v", i+1, e, err)
			}
		}
		if i != 0 {
			t.Errorf("%d entries are missing", i)
		}
		for i, want := range stored {
			if e, err := l.At(ctx, uint64(i+1)); err != nil || !reflect.DeepEqual(e, want) {
				t.Errorf("At(%d) is %+v, %v", i+1, e, err)
			}
		}
		for _, absent := range []uint64{0, n + 1} {
			if _, err := l.At(ctx, absent); !errors.Is(err, ErrNotFound) {
				t.Errorf("At(%d): %v", absent, err)
			}
		}
	})
}

func TestLongLinesAndOddValues(t *testing.T) {
	ctx, l := t.Context(), New(memfs.New(), path)
	mustAppend(t, l, Entry{})
	mustAppend(t, l, Entry{Args: []string{strings.Repeat("long ", 200_000)}})
	e := mustAppend(t, l, Entry{Who: "a\xffb", Args: []string{"\xfe"}, Refs: []Change{{Name: "\xff", Before: json.RawMessage(" { \"a\" : 1 } ")}}})
	if e.Who != "a\ufffdb" || e.Args[0] != "\ufffd" || string(e.Refs[0].Before) != `{"a":1}` {
		t.Errorf("stored %+v", e)
	}
	for _, bad := range []Entry{{Args: []string{strings.Repeat("x", LineMaxBytes)}}, {Refs: []Change{{After: json.RawMessage("{")}}},
		{Time: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		if _, err := l.Append(ctx, bad); !errors.Is(err, ErrBadEntry) {
			t.Errorf("error is %v", err)
		}
	}
	if list, err := numbers(t, l); err != nil || fmt.Sprint(list) != "[3 2 1]" {
		t.Errorf("list is %v, %v", list, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := l.Append(cancelled, Entry{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func content(t testing.TB, fs billy.Filesystem) string {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func withContent(t testing.TB, text string) billy.Filesystem {
	t.Helper()
	fs := memfs.New()
	f, err := fs.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return fs
}

func threeEntries(t testing.TB) (text string, starts []int) {
	t.Helper()
	fs := memfs.New()
	for i := range 3 {
		mustAppend(t, New(fs, path), Entry{Who: "alice", Verb: fmt.Sprint("verb", i)})
	}
	text = content(t, fs)
	starts = []int{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return text, starts
}

// Wherever the last line is cut or smeared, the entries before it are read and the next
// append takes its place.
func TestTornTailHeals(t *testing.T) {
	text, starts := threeEntries(t)
	var tails []string
	for cut := starts[2]; cut < len(text); cut++ {
		smeared := []byte(text)
		smeared[cut] ^= 1
		if smeared[cut] == '\n' {
			continue // this makes two lines of one, which a torn append does not
		}
		tails = append(tails, text[:cut], string(smeared), text[:cut]+strings.Repeat("\x00", len(text)-cut))
	}
	for _, torn := range tails {
		fs := withContent(t, torn)
		l := New(fs, path)
		if list, err := numbers(t, l); err != nil || fmt.Sprint(list) != "[2 1]" {
			t.Fatalf("%q: list is %v, %v", torn, list, err)
		}
		if content(t, fs) != torn {
			t.Fatalf("%q: a reader changed the file", torn)
		}
		if e := mustAppend(t, l, Entry{Who: "alice", Verb: "verb2"}); e.N != 3 {
			t.Fatalf("%q: next is %d", torn, e.N)
		}
		if got := content(t, fs); got != text {
			t.Fatalf("%q: healed to %q", torn, got)
		}
	}
}

// Damage anywhere else is reported, and the entries after it are still read.
func TestDamageIsNoticed(t *testing.T) {
	text, starts := threeEntries(t)
	for at := range starts[2] {
		damaged := []byte(text)
		damaged[at] ^= 1
		list, err := numbers(t, New(withContent(t, string(damaged)), path))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Fatalf("byte %d: list is %v, %v", at, list, err)
		}
		// A line feed that is gone makes one unsound line of two.
		want := "[3 2]"
		switch {
		case at == starts[2]-1:
			want = "[]"
		case at >= starts[1]-1:
			want = "[3]"
		}
		if fmt.Sprint(list) != want {
			t.Fatalf("byte %d: list is %v, want %s", at, list, want)
		}
	}
	line := func(i int) string { return text[starts[i]:starts[i+1]] }
	for name, bad := range map[string]string{
		"line missing":   line(0) + line(2),
		"line twice":     line(0) + line(1) + line(1) + line(2),
		"first missing":  line(1) + line(2),
		"text before":    "x\n" + text,
		"two torn lines": line(0) + "x\ny",
		"blank line":     line(0) + "\n" + line(1),
	} {
		l := New(withContent(t, bad), path)
		if list, err := numbers(t, l); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: list is %v, %v", name, list, err)
		}
	}
	l := New(withContent(t, line(0)+"x\ny"), path)
	if _, err := l.Append(t.Context(), Entry{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("append to a damaged log: %v", err)
	}
}

// Any sequence of appends, reopenings and torn appends reads back as what was
// acknowledged.
func TestRandomHistory(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	disk := memfs.New()
	var want []Entry
	for range 300 {
		broken := &brokenFS{Filesystem: disk, left: 1 << 30}
		if rng.IntN(3) == 0 {
			broken.left = rng.IntN(4)
		}
		if e, err := New(broken, path).Append(t.Context(), entry(rng.IntN(1000))); err == nil {
			want = append(want, e)
		} else if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	}
	i := len(want)
	for e, err := range New(disk, path).List(t.Context()) {
		i--
		if err != nil || i < 0 || !reflect.DeepEqual(e, want[i]) {
			t.Fatalf("entry %d is %+v, %v", i+1, e, err)
		}
	}
	if i != 0 || len(want) < 100 {
		t.Errorf("%d of %d entries are missing", i, len(want))
	}
}

// brokenFS fails at the changing operation after left others and at all later ones; the
// write that it fails in is torn.
type brokenFS struct {
	billy.Filesystem
	left int
	torn bool
}

var errBroken = errors.New("broken disk")

func (b *brokenFS) step() error {
	if b.left--; b.left < 0 {
		return errBroken
	}
	return nil
}

func (b *brokenFS) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	f, err := b.Filesystem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &brokenFile{f, b}, nil
}

type brokenFile struct {
	billy.File
	fs *brokenFS
}

func (f *brokenFile) Write(p []byte) (int, error) {
	if err := f.fs.step(); err != nil {
		f.fs.torn = true
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

// A sync that fails must not be reported as an entry, even if the bytes are there.
func (f *brokenFile) Sync() error { return f.fs.step() }

func (f *brokenFile) Truncate(size int64) error {
	// A torn write stays, as after a kill; after a failed sync the disk still truncates.
	if f.fs.torn {
		return errBroken
	}
	return f.File.Truncate(size)
}

func TestAppendTogether(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		l := New(fs, path)
		const writers, each = 4, 10
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for i := range each {
					if _, err := l.Append(t.Context(), entry(i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if list, err := numbers(t, l); err != nil || len(list) != writers*each {
			t.Errorf("%d entries, %v", len(list), err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	text, starts := threeEntries(f)
	f.Add(text[:starts[1]])
	line, err := encode(entry(3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(line))
	f.Fuzz(func(t *testing.T, line string) {
		in := []string{line}
		if len(line) > crcDigits+2 {
			body := line[crcDigits+1 : len(line)-1]
			in = append(in, fmt.Sprintf("%08x %s\n", checksum([]byte(body)), body))
		}
		for _, s := range in {
			e, err := decode([]byte(s))
			if err != nil {
				continue
			}
			if again, err := encode(e); err != nil || string(again) != s {
				t.Fatalf("%q comes back as %q, %v", s, again, err)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{0, 20_000} {
		b.Run(fmt.Sprintf("after=%d", n), func(b *testing.B) {
			fs := osfs.New(b.TempDir(), osfs.WithBoundOS())
			f, err := fs.Create(path)
			if err != nil {
				b.Fatal(err)
			}
			for i := range n {
				line, err := encode(Entry{N: uint64(i + 1), Who: "alice", Verb: "put", Args: []string{"t", "k", "f=1"}})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.Write(line); err != nil {
					b.Fatal(err)
				}
			}
			f.Close()
			l := New(fs, path)
			for b.Loop() {
				mustAppend(b, l, Entry{Who: "alice", Verb: "put"})
			}
		})
	}
}
