package object_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"aergo/repo/object"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// heads are the numbers at the edges of each size of head, with their encodings.
var heads = [...]struct {
	n   uint64
	hex string // of an unsigned integer
}{
	{0, "00"}, {23, "17"}, {24, "1818"}, {255, "18ff"}, {256, "190100"}, {65535, "19ffff"}, {65536, "1a00010000"},
	{1<<32 - 1, "1affffffff"}, {1 << 32, "1b0000000100000000"}, {math.MaxUint64, "1bffffffffffffffff"},
}

func TestHeadsAreTheShortest(t *testing.T) {
	for _, c := range heads {
		data := object.AppendUint(nil, c.n)
		if got := hex.EncodeToString(data); got != c.hex {
			t.Errorf("%d: wrote %s, want %s", c.n, got, c.hex)
		}
		if got := object.HeadSize(c.n); got != len(data) {
			t.Errorf("%d: HeadSize %d, want %d", c.n, got, len(data))
		}
		r := object.NewReader(data)
		if got := r.Uint(); got != c.n || r.End() != nil {
			t.Errorf("%s: read %d, %v", c.hex, got, r.End())
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	uint := func(r *object.Reader) { r.Uint() }
	bytes4 := func(r *object.Reader) { r.Bytes(4) }
	text4 := func(r *object.Reader) { r.Text(4) }
	array4 := func(r *object.Reader) { r.Array(4) }
	hash := func(r *object.Reader) { r.Hash() }
	skip := func(r *object.Reader) { r.Skip(2) }
	cases := []struct {
		name string
		data string
		read func(*object.Reader)
		why  string
	}{
		{"nothing left", "", uint, "input ends where an item should begin"},
		{"one-byte head of 23", "1817", uint, "not the shortest"},
		{"two-byte head of 255", "1900ff", uint, "not the shortest"},
		{"four-byte head of 65535", "1a0000ffff", uint, "not the shortest"},
		{"eight-byte head of 2^32-1", "1b00000000ffffffff", uint, "not the shortest"},
		{"long head of a string", "5801aa", bytes4, "not the shortest"},
		{"long head of an array", "980100", array4, "not the shortest"},
		{"reserved head 28", "1c", uint, "reserved or indefinite"},
		{"reserved head 30", "1e", uint, "reserved or indefinite"},
		{"indefinite integer", "1f", uint, "reserved or indefinite"},
		{"indefinite bytes", "5f41aaff", bytes4, "reserved or indefinite"},
		{"indefinite text", "7f6161ff", text4, "reserved or indefinite"},
		{"indefinite array", "9f00ff", array4, "reserved or indefinite"},
		{"cut head of 1", "18", uint, "ends inside a head"},
		{"cut head of 2", "19ff", uint, "ends inside a head"},
		{"cut head of 4", "1affffff", uint, "ends inside a head"},
		{"cut head of 8", "1bffffffffffffff", uint, "ends inside a head"},
		{"negative integer", "20", uint, "not of major type 0"},
		{"bytes for an integer", "4100", uint, "not of major type 0"},
		{"text for bytes", "6161", bytes4, "not of major type 2"},
		{"bytes for text", "4161", text4, "not of major type 3"},
		{"map for an array", "a0", array4, "not of major type 4"},
		{"number above its limit", "05", func(r *object.Reader) { r.UintMax(4) }, "5 is above the limit of 4"},
		{"bytes above the limit", "450000000000", bytes4, "5 bytes is above the limit of 4"},
		{"bytes past the end", "42aa", bytes4, "runs past the end"},
		{"endless bytes", "5bffffffffffffffff", func(r *object.Reader) { r.Bytes(math.MaxInt) }, "above the limit"},
		{"longest bytes", "5b7fffffffffffffff", func(r *object.Reader) { r.Bytes(math.MaxInt) }, "runs past the end"},
		{"text above the limit", "656161616161", text4, "5 bytes is above the limit of 4"},
		{"lone continuation byte", "6180", text4, "not valid UTF-8"},
		{"overlong slash", "62c0af", text4, "not valid UTF-8"},
		{"surrogate half", "63eda080", text4, "not valid UTF-8"},
		{"cut rune", "62e282", text4, "not valid UTF-8"},
		{"beyond Unicode", "64f4908080", text4, "not valid UTF-8"},
		{"array above the limit", "850000000000", array4, "5 elements is above the limit of 4"},
		{"array past the end", "8300", array4, "runs past the end"},
		{"endless array", "9bffffffffffffffff", func(r *object.Reader) { r.Array(math.MaxInt) }, "above the limit"},
		{"array of another length", "820000", func(r *object.Reader) { r.ArrayOf(3) }, "array of 2 elements, want 3"},
		{"short hash", "43aabbcc", hash, "hash of 3 bytes"},
		{"long hash", "5821" + strings.Repeat("00", 33), hash, "above the limit of 32"},
		{"empty hash", "40", hash, "hash of 0 bytes"},
		{"left over", "0000", uint, "1 bytes left over"},
		{"skip nothing", "", skip, "input ends where an item should begin"},
		{"skip a negative integer", "8120", skip, "0x20 has no place"},
		{"skip a map", "a10000", skip, "0xa1 has no place"},
		{"skip a tag", "c000", skip, "0xc0 has no place"},
		{"skip true", "f5", skip, "0xf5 has no place"},
		{"skip null", "f6", skip, "0xf6 has no place"},
		{"skip a float", "f97e00", skip, "0xf9 has no place"},
		{"skip a break", "ff", skip, "0xff has no place"},
		{"skip too deep", "81818100", skip, "nested too deep"},
		{"skip at no depth", "80", func(r *object.Reader) { r.Skip(0) }, "nested too deep"},
		{"skip at negative depth", "818180", func(r *object.Reader) { r.Skip(-1) }, "nested too deep"},
		{"skip a short array", "8200", skip, "runs past the end"},
		{"skip what ends within", "82820000", skip, "input ends where an item should begin"},
		{"skip bad text", "816180", skip, "not valid UTF-8"},
		{"skip a long head", "81 1800", skip, "not the shortest"},
	}
	for _, c := range cases {
		r := object.NewReader(unhex(t, c.data))
		c.read(r)
		err := r.End()
		if !errors.Is(err, object.ErrMalformed) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: error %q, want %q", c.name, err, c.why)
		}
	}
}

func TestReaderReadsInOrder(t *testing.T) {
	h := object.Sum([]byte("x"))
	data := object.AppendArray(nil, 5)
	data = object.AppendUint(data, 7)
	data = object.AppendBytes(data, []byte{1, 2})
	data = object.AppendText(data, "grün")
	data = object.AppendHash(data, h)
	data = object.AppendArray(data, 0)
	r := object.NewReader(data)
	want := []object.ItemType{object.ItemArray, object.ItemUint, object.ItemBytes, object.ItemText, object.ItemBytes, object.ItemArray}
	read := []func() bool{
		func() bool { return r.Array(5) == 5 },
		func() bool { return r.UintMax(7) == 7 },
		func() bool { return bytes.Equal(r.Bytes(2), []byte{1, 2}) },
		func() bool { return r.Text(5) == "grün" },
		func() bool { return r.Hash() == h },
		func() bool { return r.Array(0) == 0 },
	}
	for i, f := range read {
		if got := r.Peek(); got != want[i] {
			t.Errorf("item %d: peeked %d, want %d", i, got, want[i])
		}
		if !r.More() || !f() {
			t.Errorf("item %d: read wrongly, %v", i, r.Err())
		}
	}
	if r.Peek() != object.ItemNone || r.More() || len(r.Rest()) != 0 || r.Pos() != len(data) || r.End() != nil {
		t.Errorf("at the end: %v", r.End())
	}
	r = object.NewReader(data)
	if got := r.Skip(2); !bytes.Equal(got, data) || r.End() != nil {
		t.Errorf("skipped %x, %v", got, r.End())
	}
}

func TestReaderErrorSticks(t *testing.T) {
	r := object.NewReader([]byte{0x05, 0x05, 0x41, 0xaa})
	r.UintMax(4)
	first := r.Err()
	if first == nil {
		t.Fatal("no error")
	}
	if r.Uint() != 0 || r.UintMax(9) != 0 || r.Bytes(9) != nil || r.TextBytes(9) != nil || r.Text(9) != "" ||
		!r.Hash().IsZero() || r.Array(9) != 0 || r.Skip(9) != nil || r.Runs() != nil || r.Peek() != object.ItemNone || r.More() {
		t.Error("a call after the error gives a value")
	}
	r.ArrayOf(0)
	r.Fail("another")
	if r.Err() != first || r.End() != first {
		t.Errorf("error became %v", r.Err())
	}
}

// TestReaderSharesNoCapacity: appending to what was read must not write into the input.
func TestReaderSharesNoCapacity(t *testing.T) {
	data := []byte{0x41, 0xaa, 0x81, 0x05, 0x61, 'x', 0x07}
	r := object.NewReader(data)
	_ = append(r.Bytes(1), 0xff)
	_ = append(r.Skip(1), 0xff)
	_ = append(r.TextBytes(1), 0xff)
	if got := r.Uint(); got != 7 || r.End() != nil {
		t.Errorf("the item after was overwritten: %d, %v", got, r.End())
	}
}

func TestHashText(t *testing.T) {
	h := object.Sum(nil)
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if h.String() != empty || h.Short() != empty[:8] || h.IsZero() || !(object.Hash{}).IsZero() {
		t.Errorf("hash of nothing: %s", h)
	}
	if got, err := object.ParseHash(empty); err != nil || got != h {
		t.Errorf("parsed %s, %v", got, err)
	}
	for _, bad := range []string{"", empty[1:], empty + "0", strings.ToUpper(empty), "g" + empty[1:], strings.Repeat("x", 1000)} {
		if got, err := object.ParseHash(bad); !errors.Is(err, object.ErrBadHash) || !got.IsZero() || len(err.Error()) > 200 {
			t.Errorf("%.70q: %s, %v", bad, got, err)
		}
	}
	var back object.Hash
	text, err := h.MarshalText()
	if err != nil || back.UnmarshalText(text) != nil || back != h {
		t.Errorf("text %q became %s", text, back)
	}
	if err := back.UnmarshalText([]byte("no")); !errors.Is(err, object.ErrBadHash) || back != h {
		t.Errorf("bad text: %v, hash %s", err, back)
	}
	if got, err := object.HashFromBytes(h[:]); err != nil || got != h {
		t.Errorf("from bytes: %s, %v", got, err)
	}
	if _, err := object.HashFromBytes(h[:31]); !errors.Is(err, object.ErrBadHash) {
		t.Errorf("from 31 bytes: %v", err)
	}
}
