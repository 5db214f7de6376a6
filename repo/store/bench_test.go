package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo/object"
)

// benchObjects returns about total bytes of objects like the state nodes of a table of
// people: 1 to 2 KiB each.
var benchObjects = sync.OnceValue(func() []sampleObject {
	rng := rand.New(rand.NewPCG(1, 2))
	words := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			word := make([]byte, 3+rng.IntN(7))
			for j := range word {
				word[j] = "etaoinshrdlucmfwyp"[rng.IntN(18)]
			}
			list[i] = string(word)
		}
		return list
	}
	first, last, city := words(300), words(2000), words(500)
	var objects []sampleObject
	for size, id := 0, 0; size < 64<<20; {
		node := object.AppendArray(nil, 3)
		for want := 1000 + rng.IntN(1000); len(node) < want; id++ {
			row := object.AppendArray(nil, 10)
			for _, field := range []string{
				"first_name", first[rng.IntN(len(first))], "last_name", last[rng.IntN(len(last))],
				"city", city[rng.IntN(len(city))], "amount", fmt.Sprintf("%d.%02d", rng.IntN(100000), rng.IntN(100)),
				"date", fmt.Sprintf("20%02d-%02d-%02d", 10+rng.IntN(15), 1+rng.IntN(12), 1+rng.IntN(28)),
			} {
				row = object.AppendText(row, field)
			}
			node = object.AppendBytes(object.AppendBytes(node, fmt.Appendf(nil, "\x01row\x00people\x00C%08d", id)), row)
		}
		objects = append(objects, sampleObject{kind: object.KindStateNode, data: node})
		size += len(node)
	}
	return objects
})

func plainBytes(objects []sampleObject) (total int64) {
	for _, o := range objects {
		total += int64(len(o.data))
	}
	return total
}

func hashes(objects []sampleObject) []object.Hash {
	list := make([]object.Hash, len(objects))
	for i, o := range objects {
		list[i] = o.hash()
	}
	return list
}

func fillDisk(b *testing.B, path string, opt Options, objects []sampleObject, names []object.Hash) *Disk {
	b.Helper()
	d := mustOpen(b, osfs.New(path, osfs.WithBoundOS()), opt)
	w := begin(b, d)
	for i, o := range objects {
		check(b, w.Put(o.kind, names[i], o.data))
	}
	check(b, w.Commit(bg))
	return d
}

// BenchmarkWrite writes 64 MiB of nodes in one transaction, at several sizes of frame. The
// metric ratio is plain bytes to bytes on disk, indexes and all.
func BenchmarkWrite(b *testing.B) {
	objects := benchObjects()
	names := hashes(objects)
	for _, frameBytes := range []int{8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("frame=%dK", frameBytes>>10), func(b *testing.B) {
			b.SetBytes(plainBytes(objects))
			for b.Loop() {
				d := fillDisk(b, b.TempDir(), Options{FrameBytes: frameBytes}, objects, names)
				b.ReportMetric(float64(plainBytes(objects))/float64(diskBytes(b, d)), "ratio")
				check(b, d.Close())
			}
		})
	}
}

func diskBytes(b *testing.B, d *Disk) (total int64) {
	b.Helper()
	sizes, err := d.dir.list()
	check(b, err)
	for _, size := range sizes {
		total += size
	}
	return total
}

// BenchmarkRawWrite is what BenchmarkWrite is to be compared with: hashing the same bytes
// and appending them to a file, synced once.
func BenchmarkRawWrite(b *testing.B) {
	objects := benchObjects()
	b.SetBytes(plainBytes(objects))
	for b.Loop() {
		f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
		check(b, err)
		for _, o := range objects {
			_ = object.Sum(o.data)
			_, err := f.Write(o.data)
			check(b, err)
		}
		check(b, f.Sync())
		check(b, f.Close())
	}
}

// BenchmarkGet reads single objects at random: cached, with frames that have to be read and
// decompressed, and next to each other in one frame.
func BenchmarkGet(b *testing.B) {
	objects := benchObjects()
	names := hashes(objects)
	path := b.TempDir()
	check(b, fillDisk(b, path, Options{}, objects, names).Close())
	for _, frame := range []struct {
		name  string
		cache int64
		next  func(i int) int
	}{
		{"warm", 1 << 30, func(int) int { return rand.IntN(len(names)) }},
		{"cold", 1, func(int) int { return rand.IntN(len(names)) }},
		{"sequential", 1 << 20, func(i int) int { return i % len(names) }},
	} {
		b.Run(frame.name, func(b *testing.B) {
			d := mustOpen(b, osfs.New(path, osfs.WithBoundOS()), Options{CacheBytes: frame.cache})
			if frame.name == "warm" {
				for _, h := range names {
					_, err := d.Get(bg, h)
					check(b, err)
				}
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Get(bg, names[frame.next(i)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
			check(b, d.Close())
		})
	}
}

// BenchmarkMiss asks for objects that are not there.
func BenchmarkMiss(b *testing.B) {
	objects := benchObjects()
	path := b.TempDir()
	d := fillDisk(b, path, Options{}, objects, hashes(objects))
	for b.Loop() {
		if has, err := d.Has(bg, object.Hash{byte(rand.Uint32()), byte(rand.Uint32())}); has || err != nil {
			b.Fatal(has, err)
		}
	}
	check(b, d.Close())
}

// BenchmarkOpen opens a store of 64 MiB and reads one object: with index files, and by a
// scan of an unsealed pack.
func BenchmarkOpen(b *testing.B) {
	objects := benchObjects()
	names := hashes(objects)
	for _, bench := range []struct {
		name string
		seal int64
	}{{"indexes", 0}, {"scan", 1 << 30}} {
		b.Run(bench.name, func(b *testing.B) {
			path := b.TempDir()
			opt := Options{SealPackBytes: bench.seal}
			check(b, fillDisk(b, path, opt, objects, names).Close())
			for b.Loop() {
				d := mustOpen(b, osfs.New(path, osfs.WithBoundOS()), opt)
				_, err := d.Get(bg, names[0])
				check(b, err)
				check(b, d.Close())
			}
		})
	}
}

// BenchmarkCommit commits five small objects, durably.
func BenchmarkCommit(b *testing.B) {
	objects := benchObjects()
	d := mustOpen(b, osfs.New(b.TempDir(), osfs.WithBoundOS()), Options{})
	i := 0
	for b.Loop() {
		w := begin(b, d)
		for range 5 {
			data := fmt.Appendf(nil, "%d %s", i, objects[i%len(objects)].data[:700])
			check(b, w.Put(object.KindStateNode, object.Sum(data), data))
			i++
		}
		check(b, w.Commit(bg))
	}
	check(b, d.Close())
}
