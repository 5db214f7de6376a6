package derived

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/syndtr/goleveldb/leveldb/util"
)

var bg = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string) *Index {
	t.Helper()
	x, err := Open(path)
	check(t, err)
	return x
}

// build fills x with squares from the watermark up to n.
func build(n uint64) func(context.Context, *Index) error {
	return func(_ context.Context, x *Index) error {
		mark, err := x.Watermark()
		if err != nil {
			return err
		}
		next := uint64(0)
		if mark != nil {
			next = binary.BigEndian.Uint64(mark)
		}
		var b Batch
		for ; next < n; next++ {
			key := binary.BigEndian.AppendUint64(nil, next)
			b.Put(key, fmt.Appendf(nil, "%d", next*next))
		}
		return x.Write(&b, binary.BigEndian.AppendUint64(nil, n))
	}
}

// squares checks that x holds the squares up to n.
func squares(n uint64) func(context.Context, *Index) error {
	return func(ctx context.Context, x *Index) error {
		next := uint64(0)
		err := x.Range(ctx, nil, nil, func(key, value []byte) error {
			if binary.BigEndian.Uint64(key) != next || string(value) != fmt.Sprint(next*next) {
				return fmt.Errorf("key %x has the value %q", key, value)
			}
			next++
			return nil
		})
		if err == nil && next != n {
			err = fmt.Errorf("index holds %d keys, want %d", next, n)
		}
		return err
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	x := open(t, path)
	if mark, err := x.Watermark(); mark != nil || err != nil {
		t.Fatalf("watermark of a new index: %x, %v", mark, err)
	}
	check(t, x.Use(bg, build(500), squares(500)))
	check(t, x.Use(bg, build(900), squares(900)))
	check(t, x.Close())
	x = open(t, path)
	check(t, squares(900)(bg, x))
	key := binary.BigEndian.AppendUint64(nil, 30)
	if value, ok, err := x.Get(key); string(value) != "900" || !ok || err != nil {
		t.Fatalf("Get = %q, %v, %v", value, ok, err)
	}
	var b Batch
	b.Delete(key)
	check(t, x.Write(&b, []byte("mark")))
	if value, ok, err := x.Get(key); value != nil || ok || err != nil {
		t.Fatalf("Get of a deleted key = %q, %v, %v", value, ok, err)
	}
	if err := x.Write(&b, nil); err == nil {
		t.Fatal("Write without a watermark succeeds")
	}
	check(t, x.Reset())
	check(t, squares(0)(bg, x))
	if mark, err := x.Watermark(); mark != nil || err != nil {
		t.Fatalf("watermark after Reset: %x, %v", mark, err)
	}
	check(t, x.Close())
}

func TestRange(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index"))
	var b Batch
	for _, key := range []string{"a", "ab", "abc", "b", "ba", "\xff", "\xff\xff"} {
		b.Put([]byte(key), []byte("v"+key))
	}
	check(t, x.Write(&b, []byte("m")))
	for _, test := range []struct {
		prefix, from string
		want         []string
	}{
		{"", "", []string{"a", "ab", "abc", "b", "ba", "\xff", "\xff\xff"}},
		{"a", "", []string{"a", "ab", "abc"}},
		{"a", "ab", []string{"ab", "abc"}},
		{"", "abd", []string{"b", "ba", "\xff", "\xff\xff"}},
		{"\xff", "", []string{"\xff", "\xff\xff"}},
		{"c", "", nil},
		{"a", "b", nil},
	} {
		var got []string
		check(t, x.Range(bg, []byte(test.prefix), []byte(test.from), func(key, value []byte) error {
			if "v"+string(key) != string(value) {
				t.Errorf("%q has the value %q", key, value)
			}
			got = append(got, string(key))
			return nil
		}))
		if !slices.Equal(got, test.want) {
			t.Errorf("Range(%q, %q) = %q, want %q", test.prefix, test.from, got, test.want)
		}
	}
	stop := errors.New("stop")
	if err := x.Range(bg, nil, nil, func(_, _ []byte) error { return stop }); err != stop {
		t.Errorf("Range: %v, want the error of fn", err)
	}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if err := x.Range(ctx, nil, nil, func(_, _ []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Range with a cancelled context: %v", err)
	}
	check(t, x.Close())
}

func TestInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	x := open(t, path)
	if _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Fatalf("second Open: %v, want ErrInUse", err)
	}
	check(t, x.Close())
}

// TestDamage: whatever happens to the files, the owner gets its data.
func TestDamage(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "index")
	for range 12 {
		x := open(t, path)
		check(t, x.Use(bg, build(1500), squares(1500)))
		check(t, x.db.CompactRange(everything()))
		check(t, x.Close())
		damage(t, rng, path)
		x = open(t, path)
		check(t, x.Use(bg, build(1600), func(ctx context.Context, x *Index) error {
			// What was lost without a trace shows in the watermark only.
			mark, err := x.Watermark()
			if err != nil {
				return err
			}
			if !bytes.Equal(mark, binary.BigEndian.AppendUint64(nil, 1600)) {
				t.Fatalf("watermark %x", mark)
			}
			return squares(1600)(ctx, x)
		}))
		check(t, x.Reset())
		check(t, x.Close())
	}
}

// damage changes, cuts or removes one file of the database.
func damage(t *testing.T, rng *rand.Rand, path string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	check(t, err)
	name := filepath.Join(path, entries[rng.IntN(len(entries))].Name())
	data, err := os.ReadFile(name)
	check(t, err)
	if len(data) == 0 || rng.IntN(4) == 0 {
		check(t, os.Remove(name))
		return
	}
	switch at := rng.IntN(len(data)); rng.IntN(3) {
	case 0:
		data = data[:at]
	case 1:
		data[at] ^= byte(1 + rng.IntN(255))
	default:
		clear(data[at:min(len(data), at+100)])
	}
	check(t, os.WriteFile(name, data, 0o666))
}

func everything() util.Range { return util.Range{} }
