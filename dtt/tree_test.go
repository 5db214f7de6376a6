package dtt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"aergo/repo/object"
)

func TestTreeNormalForm(t *testing.T) {
	tests := []struct {
		tree Tree
		want string
	}{
		{Tree{}, "0"},
		{Serial(-1), "0"},
		{Seq(), "0"},
		{Par(Serial(0), Tree{}), "0"},
		{Serial(7), "7"},
		{Seq(Serial(7)), "7"},
		{Par(Serial(0), Par(Serial(3), Serial(4))), "P(3,4)"},
		{Seq(Serial(1), Seq(Serial(2), Par(Serial(3), Serial(4))), Serial(5)), "S(1,2,P(3,4),5)"},
		{Par(Seq(Serial(1), Serial(2)), Par(Serial(3), Serial(4))), "P(S(1,2),3,4)"},
		{Even(10, 4), "P(2,3,2,3)"},
		{Even(3, 10), "P(1,1,1)"},
		{Even(5, 0), "5"},
		{Even(-5, 3), "0"},
		{Seq(Serial(MaxTransactions), Serial(1)), "1073741823"},
		{Serial(MaxTransactions), "1073741823"},
	}
	for _, tt := range tests {
		if got := tt.tree.String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		checkNormal(t, tt.tree)
	}
}

// A composition that would be too deep or too large is serial.
func TestTreeLimits(t *testing.T) {
	deep := Serial(2)
	for i := 0; deep.Depth() < MaxDepth; i++ {
		if i%2 == 0 {
			deep = Seq(deep, Serial(1))
		} else {
			deep = Par(deep, Serial(1))
		}
		checkNormal(t, deep)
		if i == MaxDepth {
			t.Fatal("the depth does not grow")
		}
	}
	more := Par(deep, Serial(1)) // one of the two goes a level deeper
	other := Seq(deep, Serial(1))
	if more.Equal(Serial(deep.Len()+1)) == other.Equal(Serial(deep.Len()+1)) {
		t.Errorf("both or none of S and P of a tree of %d levels is serial", MaxDepth)
	}
	if got := Even(MaxNodes, MaxNodes); got.Nodes() != MaxNodes {
		t.Errorf("the largest tree has %d nodes", got.Nodes())
	}
	wide := Even(MaxNodes-1, MaxNodes-1)
	if got := Par(wide, Serial(1)); !got.Equal(Serial(MaxNodes)) {
		t.Errorf("a tree beyond the largest has %d nodes", got.Nodes())
	}
}

func TestMeasures(t *testing.T) {
	tree := Seq(Serial(2), Par(Serial(1), Seq(Serial(1), Par(Serial(2), Serial(1)))), Serial(1))
	costs := []uint32{1, 2, 30, 4, 5, 6, 7} // and 1 more for the last
	if got := tree.Work(costs); got != 56 {
		t.Errorf("Work = %d", got)
	}
	if got := tree.CriticalPath(costs); got != 34 {
		t.Errorf("CriticalPath = %d", got)
	}
	if got := tree.CriticalPath(nil); got != 6 {
		t.Errorf("CriticalPath of ones = %d", got)
	}
	for workers, want := range []uint64{56, 56, 34, 34} {
		if got := tree.Makespan(costs, workers); got != want {
			t.Errorf("Makespan with %d workers = %d, want %d", workers, got, want)
		}
	}
	if got := [...]int{tree.Len(), tree.Nodes(), tree.Leaves(), tree.Depth()}; got != [...]int{8, 10, 6, 5} {
		t.Errorf("Len, Nodes, Leaves, Depth = %v", got)
	}
	var zero Tree
	if zero.Work(nil) != 0 || zero.CriticalPath(nil) != 0 || zero.Makespan(nil, 3) != 0 || zero.Root().Len() != 0 {
		t.Error("the empty tree has a size")
	}
}

// The time is between the bounds that any schedule keeps and the one that Graham proved
// for every greedy one.
func TestMakespanBounds(t *testing.T) {
	rng := source(t)
	for range 2000 {
		n := rng.IntN(40)
		tree, costs := randomTree(rng, n, 5), randomCosts(rng, n)
		work, path := tree.Work(costs), tree.CriticalPath(costs)
		for _, workers := range []int{1, 2, 3, 64} {
			w := uint64(workers)
			got := tree.Makespan(costs, workers)
			if got < max(path, (work+w-1)/w) || got > (work-path)/w+path+1 {
				t.Fatalf("%v takes %d with %d workers; work %d, path %d", tree, got, workers, work, path)
			}
		}
	}
}

// The part of a tree below a node is the tree it was composed from.
func TestNodeTree(t *testing.T) {
	rng := source(t)
	for range 500 {
		tree := randomTree(rng, 1+rng.IntN(60), 6)
		var parts []Tree
		for child := range tree.Root().Children() {
			part := child.Tree()
			checkNormal(t, part)
			parts = append(parts, part)
		}
		again := tree
		switch tree.Root().Kind() {
		case Series:
			again = Seq(parts...)
		case Parallel:
			again = Par(parts...)
		}
		if !again.Equal(tree) || !tree.Root().Tree().Equal(tree) {
			t.Fatalf("%v is put together as %v", tree, again)
		}
	}
	if got := (Tree{}).Root().Tree(); got.Len() != 0 {
		t.Errorf("the empty tree has the part %v", got)
	}
}

func record(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEncoding(t *testing.T) {
	tests := []struct {
		tree Tree
		want string
	}{
		{Tree{}, "84 01 09 00 00"},
		{Serial(300), "84 01 09 19012c 19012c"},
		{Par(Serial(3), Serial(4)), "84 01 09 07 83 01 03 04"},
		{Seq(Serial(1), Par(Serial(2), Serial(3)), Serial(4)), "84 01 09 0a 84 00 01 83 01 02 03 04"},
	}
	for _, tt := range tests {
		want := record(t, tt.want)
		got := tt.tree.Append([]byte("x"))
		if !bytes.Equal(got, append([]byte("x"), want...)) {
			t.Errorf("%v: got %x, want %x", tt.tree, got[1:], want)
		}
		back, err := Decode(want)
		if err != nil || !back.Equal(tt.tree) {
			t.Errorf("%v: decoded as %v, %v", tt.tree, back, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := "84 01 09 02" + strings.Repeat(" 83 00 83 01", 40)
	tests := []struct{ name, record string }{
		{"nothing", ""},
		{"short", "84 01 09 07 83 01 03"},
		{"long", "84 01 09 07 83 01 03 04 00"},
		{"another version", "84 02 09 07 83 01 03 04"},
		{"another kind", "84 01 08 07 83 01 03 04"},
		{"another length", "84 01 09 08 83 01 03 04"},
		{"leaf beyond the length", "84 01 09 06 83 01 03 04"},
		{"long number", "84 01 09 07 83 01 1803 04"},
		{"no child", "84 01 09 07 81 01"},
		{"not even a tag", "84 01 09 07 80"},
		{"one child", "84 01 09 07 82 01 07"},
		{"empty leaf", "84 01 09 07 83 01 00 07"},
		{"empty leaf at the root", "84 01 09 01 00"},
		{"full leaf at an empty root", "84 01 09 00 01"},
		{"empty children", "84 01 09 00 83 01 00 00"},
		{"series in series", "84 01 09 07 83 00 03 83 00 01 03"},
		{"parallel in parallel", "84 01 09 07 83 01 03 83 01 01 03"},
		{"another tag", "84 01 09 07 83 04 03 04"},
		{"text", "84 01 09 07 83 01 03 6161"},
		{"too many transactions", "84 01 09 1a40000000 1a40000000"},
		{"more children than bytes", "84 01 09 07 9a000fffff 01 03 04"},
		{"too deep", deep},
	}
	for _, tt := range tests {
		if tree, err := Decode(record(t, tt.record)); !errors.Is(err, object.ErrMalformed) || tree.Len() != 0 {
			t.Errorf("%s: %v, %v", tt.name, tree, err)
		}
	}
}

func TestEncodingRandom(t *testing.T) {
	rng := source(t)
	for range 3000 {
		tree := randomTree(rng, rng.IntN(400), 8)
		checkNormal(t, tree)
		b := tree.Append(nil)
		back, err := Decode(b)
		if err != nil || !back.Equal(tree) {
			t.Fatalf("%v: decoded as %v, %v", tree, back, err)
		}
		bijective(t, damage(rng, b))
	}
}

func damage(rng *rand.Rand, b []byte) []byte {
	for range 1 + rng.IntN(2) {
		b[rng.IntN(len(b))] ^= byte(1 << rng.IntN(8))
	}
	return b
}

// bijective fails if a record is accepted but not the one encoding of its tree.
func bijective(t *testing.T, b []byte) {
	t.Helper()
	tree, err := Decode(b)
	if err != nil {
		if !errors.Is(err, object.ErrMalformed) {
			t.Fatalf("%x: error %v", b, err)
		}
		return
	}
	checkNormal(t, tree)
	if again := tree.Append(nil); !bytes.Equal(again, b) {
		t.Fatalf("%x decodes to %v, which is %x", b, tree, again)
	}
}

func FuzzDecode(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 30 {
		f.Add(randomTree(rng, n, 5).Append(nil))
		f.Add(randomCutTree(rng, n, 5, 3).Append(nil))
	}
	f.Add(record(f, "84 01 09 00 00"))
	f.Fuzz(bijective)
}

func TestLists(t *testing.T) {
	var b ListBuilder
	for round := range 3 { // the same after a reset
		b.Reset()
		b.Grow(4, 8)
		b.Begin()
		b.Add(9, Read)
		b.Add(3, Delta)
		b.Add(9, Read)
		b.Add(3, Read)
		b.Begin()
		b.Begin()
		b.Add(5, Delta)
		b.Add(7, Write)
		b.Add(5, Delta)
		b.Add(7, Read)
		l, err := b.Lists()
		if err != nil || l.Len() != 3 || l.Accesses() != 4 || l.Units() != 10 {
			t.Fatalf("round %d: %+v, %v", round, l, err)
		}
		for i, want := range [][]Access{{access(3, Write), access(9, Read)}, {}, {access(5, Delta), access(7, Write)}} {
			if got := l.At(i); len(got) != len(want) || len(got) > 0 && (got[0] != want[0] || got[1] != want[1]) {
				t.Errorf("transaction %d accesses %v, want %v", i, got, want)
			}
		}
	}
	b.Reset()
	if l, err := b.Lists(); err != nil || l.Len() != 0 || l.Units() != 0 {
		t.Errorf("no transactions: %+v, %v", l, err)
	}
}

func TestListsRefuse(t *testing.T) {
	tests := []struct {
		name  string
		build func(b *ListBuilder)
	}{
		{"access before begin", func(b *ListBuilder) { b.Add(1, Read) }},
		{"no mode", func(b *ListBuilder) { b.Begin(); b.Add(1, 0) }},
		{"unknown mode", func(b *ListBuilder) { b.Begin(); b.Add(1, 4) }},
		{"large unit", func(b *ListBuilder) { b.Begin(); b.Add(MaxUnits, Read); b.Begin(); b.Add(1, Read) }},
	}
	for _, tt := range tests {
		var b ListBuilder
		tt.build(&b)
		if l, err := b.Lists(); !errors.Is(err, ErrAccess) || l != nil {
			t.Errorf("%s: %v, %v", tt.name, l, err)
		}
		b.Reset()
		if _, err := b.Lists(); err != nil {
			t.Errorf("%s: after Reset: %v", tt.name, err)
		}
	}
	l := lists(t, [][]use{{{0, Read}}, {{1, Read}}})
	for _, order := range [][]uint32{{}, {0}, {0, 0}, {0, 2}, {0, 1, 1}} {
		if _, err := l.Reorder(order); !errors.Is(err, ErrAccess) {
			t.Errorf("order %v: %v", order, err)
		}
	}
}

func TestModes(t *testing.T) {
	free := map[[2]Mode]bool{{Read, Read}: true, {Delta, Delta}: true}
	for m := range Mode(5) {
		if m.Valid() != (m == Read || m == Delta || m == Write) {
			t.Errorf("%v valid: %v", m, m.Valid())
		}
		for o := range Mode(4) {
			if m.Valid() && o.Valid() && m.Conflicts(o) == free[[2]Mode{m, o}] {
				t.Errorf("%v conflicts with %v: %v", m, o, m.Conflicts(o))
			}
		}
	}
}
