package dtt

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

// How many inputs the tests that search for needles go through: a few by default, and as
// many as the flags say where there is time.
var (
	pairCount  = flag.Int("pairs", 10_000, "pairs of transactions whose conflicts are compared with an oracle")
	blockCount = flag.Int("blocks", 100, "random blocks that are run with several numbers of workers")
)

// reach is an access of a key or, if it has an end, of an interval.
type reach struct {
	from, to []byte
	interval bool
	mode     Mode
}

func (r reach) String() string {
	if r.interval {
		return fmt.Sprintf("%v %x-%x", r.mode, r.from, r.to)
	}
	return fmt.Sprintf("%v %x", r.mode, r.from)
}

// holdsKey says whether a key is inside.
func (r reach) holdsKey(key []byte) bool {
	if !r.interval {
		return bytes.Equal(r.from, key)
	}
	return bytes.Compare(r.from, key) <= 0 && (r.to == nil || bytes.Compare(key, r.to) < 0)
}

// meets is the oracle: whether some key of the few that tests use is in both, in modes
// that conflict. A delta of an interval counts as a write.
func (r reach) meets(o reach, keys [][]byte) bool {
	a, b := r.mode, o.mode
	if r.interval && a == Delta {
		a = Write
	}
	if o.interval && b == Delta {
		b = Write
	}
	if a == Read && b == Read || a == Delta && b == Delta {
		return false
	}
	for _, key := range keys {
		if r.holdsKey(key) && o.holdsKey(key) {
			return true
		}
	}
	return false
}

// keySpace returns the keys that tests use, in order, with some before and behind others.
func keySpace() [][]byte {
	var keys [][]byte
	for a := range 6 {
		keys = append(keys, bytes.Repeat([]byte{7}, a), []byte{byte(a + 8)}, []byte{byte(a + 8), 1})
	}
	return keys
}

func randomReaches(rng *rand.Rand, keys [][]byte) []reach {
	reaches := make([]reach, rng.IntN(4))
	for i := range reaches {
		r := reach{from: keys[rng.IntN(len(keys))], mode: Mode(1 + rng.IntN(3))}
		if rng.IntN(2) == 0 {
			r.interval = true
			if rng.IntN(6) > 0 {
				r.to = keys[rng.IntN(len(keys))]
			}
		}
		reaches[i] = r
	}
	return reaches
}

// addReaches declares and adds the accesses of transactions, keys as the units from 0.
func addReaches(r *Ranges, b *ListBuilder, txs [][]reach, keys [][]byte) (*Lists, error) {
	r.Reset()
	for _, tx := range txs {
		for _, a := range tx {
			if a.interval {
				r.Declare(a.from, a.to, a.mode)
			}
		}
	}
	if _, err := r.Number(Unit(len(keys))); err != nil {
		return nil, err
	}
	b.Reset()
	for _, tx := range txs {
		b.Begin()
		for _, a := range tx {
			if a.interval {
				r.AddRange(b, a.from, a.to, a.mode)
				continue
			}
			for u, key := range keys {
				if bytes.Equal(key, a.from) {
					b.Add(Unit(u), a.mode)
				}
			}
			r.AddPoint(b, a.from, a.mode)
		}
	}
	return b.Lists()
}

// The analysis finds exactly the conflicts that there are: of points, deltas and ranges.
func TestConflictsAgainstOracle(t *testing.T) {
	rng := source(t)
	keys := keySpace()
	var r Ranges
	var b ListBuilder
	var c Checker
	conflicts := 0
	const together = 6 // transactions that share the declared ranges, every two of them a pair
	for done := 0; done < *pairCount; {
		txs := make([][]reach, together)
		for i := range txs {
			txs[i] = randomReaches(rng, keys)
		}
		l, err := addReaches(&r, &b, txs, keys)
		if err != nil {
			t.Fatal(err)
		}
		for y := range txs {
			for x := range y {
				want := false
				for _, a := range txs[x] {
					for _, b := range txs[y] {
						want = want || a.meets(b, keys)
					}
				}
				pair := &Lists{units: l.units}
				pair.accesses = append(append(pair.accesses, l.At(x)...), l.At(y)...)
				pair.starts = []uint32{0, uint32(len(l.At(x))), uint32(len(pair.accesses))}
				if got := c.Check(pair, Par(Serial(1), Serial(1))) != nil; got != want {
					t.Fatalf("%v and %v among %v: conflict %v, want %v", txs[x], txs[y], txs, got, want)
				}
				if want {
					conflicts++
				}
				done++
			}
		}
	}
	if conflicts < *pairCount/10 || conflicts > *pairCount*9/10 {
		t.Errorf("%d conflicts in %d pairs prove nothing", conflicts, *pairCount)
	}
}

// However many intervals overlap, an access adds few units.
func TestRangesStaySmall(t *testing.T) {
	rng := source(t)
	const n = 3000
	var r Ranges
	key := func() []byte { return []byte(fmt.Sprint(rng.IntN(1_000_000))) }
	spans := make([][2][]byte, n)
	for i := range spans {
		spans[i] = [2][]byte{key(), key()}
		r.Declare(spans[i][0], spans[i][1], Write)
	}
	next, err := r.Number(10)
	if err != nil || next > 10+16*2*n {
		t.Fatalf("units up to %d, %v", next, err)
	}
	var b ListBuilder
	for _, s := range spans {
		b.Begin()
		r.AddRange(&b, s[0], s[1], Write)
		b.Begin()
		r.AddPoint(&b, key(), Write)
	}
	l, err := b.Lists()
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.Len() {
		if most := 8 * 13; len(l.At(i)) > most {
			t.Fatalf("transaction %d accesses %d units", i, len(l.At(i)))
		}
	}
	if int(next) < l.Units() {
		t.Errorf("units up to %d, %d announced", l.Units(), next)
	}
}

func TestRangesRefuse(t *testing.T) {
	x, y, z := []byte("x"), []byte("y"), []byte("z")
	tests := []struct {
		name string
		add  func(r *Ranges, b *ListBuilder)
		good bool
	}{
		{"declared", func(r *Ranges, b *ListBuilder) { r.AddRange(b, x, z, Read) }, true},
		{"empty", func(r *Ranges, b *ListBuilder) { r.AddRange(b, y, x, Write) }, true},
		{"other mode", func(r *Ranges, b *ListBuilder) { r.AddRange(b, x, z, Write) }, false},
		{"other bound", func(r *Ranges, b *ListBuilder) { r.AddRange(b, x, y, Read) }, false},
		{"no end", func(r *Ranges, b *ListBuilder) { r.AddRange(b, x, nil, Read) }, false},
		{"not numbered", func(r *Ranges, b *ListBuilder) { r.Declare(x, y, Read); r.AddPoint(b, x, Read) }, false},
		{"not numbered range", func(r *Ranges, b *ListBuilder) { r.Declare(x, y, Read); r.AddRange(b, x, z, Read) }, false},
	}
	for _, tt := range tests {
		var r Ranges
		r.Declare(x, z, Read)
		if _, err := r.Number(5); err != nil {
			t.Fatal(err)
		}
		var b ListBuilder
		b.Begin()
		tt.add(&r, &b)
		if _, err := b.Lists(); (err == nil) != tt.good || err != nil && !errors.Is(err, ErrAccess) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	var r Ranges
	r.Declare(x, z, Read)
	if _, err := r.Number(MaxUnits - 1); !errors.Is(err, ErrAccess) {
		t.Errorf("units beyond the limit: %v", err)
	}
	if next, err := new(Ranges).Number(3); next != 3 || err != nil {
		t.Errorf("no ranges: %d, %v", next, err)
	}
}
