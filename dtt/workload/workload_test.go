package workload

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"aergo/dtt"
)

func standard(t testing.TB, n int) []Load {
	t.Helper()
	loads, err := Standard(n)
	if err != nil {
		t.Fatal(err)
	}
	return loads
}

func TestStandard(t *testing.T) {
	const n = 3000
	again := standard(t, n)
	for i, l := range standard(t, n) {
		if l.Transactions() != n || len(l.Blocks) != 1 {
			t.Errorf("%s: %d transactions in %d blocks", l.Name, l.Transactions(), len(l.Blocks))
		}
		if run(l.Blocks[0], nil) != run(again[i].Blocks[0], nil) {
			t.Errorf("%s: not the same twice", l.Name)
		}
	}
	for i, want := range map[int]int{0: n, 1: n, 5: 1} {
		if got := branches(again[i].Blocks[0]); got != want {
			t.Errorf("%s: %d components, want %d", again[i].Name, got, want)
		}
	}
	for _, n := range []int{-1, maxTransfers + 1} {
		if _, err := Standard(n); !errors.Is(err, dtt.ErrAccess) {
			t.Errorf("loads of %d: %v", n, err)
		}
	}
}

// branches returns how many leaves of one transaction can run side by side.
func branches(l *dtt.Lists) int {
	return dtt.Build(l, nil, dtt.Options{MinLeaf: 1, Workers: l.Len()}).Leaves()
}

// run runs a block in some order, or as it stands, and returns the digest.
func run(l *dtt.Lists, order []int) uint64 {
	m := NewMachine(l, 3)
	for i := range l.Len() {
		if order != nil {
			i = order[i]
		}
		m.Run(i)
	}
	return m.Digest()
}

// The digest changes with the order of two transactions exactly if they conflict.
func TestOrderShows(t *testing.T) {
	modes := []dtt.Mode{dtt.Read, dtt.Delta, dtt.Write}
	for _, a := range modes {
		for _, b := range modes {
			var builder dtt.ListBuilder
			for i, mode := range []dtt.Mode{a, b} {
				builder.Begin()
				builder.Add(0, mode)
				builder.Add(dtt.Unit(1+i), dtt.Write)
			}
			l, err := builder.Lists()
			if err != nil {
				t.Fatal(err)
			}
			if shows := run(l, nil) != run(l, []int{1, 0}); shows != a.Conflicts(b) {
				t.Errorf("%v and %v: the order shows is %v", a, b, shows)
			}
		}
	}
}

// other is a state in a map.
type other map[dtt.Unit]uint64

var errOther = errors.New("no such unit")

func (o other) Read(u dtt.Unit) (uint64, error) {
	v, ok := o[u]
	if !ok {
		return 0, errOther
	}
	return v, nil
}
func (o other) Write(u dtt.Unit, value uint64) { o[u] = value }
func (o other) Delta(u dtt.Unit, delta uint64) { o[u] += delta }

func TestRunOn(t *testing.T) {
	for _, l := range standard(t, 500) {
		m, o := NewMachine(l.Blocks[0], 2), other{}
		for u := range m.slots {
			o[dtt.Unit(u)] = Opening(dtt.Unit(u))
		}
		for tx := range l.Blocks[0].Len() {
			if err := m.RunOn(tx, o); err != nil {
				t.Fatal(err)
			}
			m.Run(tx)
		}
		digest := m.Digest()
		m.Reset()
		if m.Digest() == digest {
			t.Errorf("%s: nothing happened", l.Name)
		}
		for u, v := range o {
			m.SetValue(u, v)
			if m.Value(u) != v {
				t.Errorf("%s: unit %d does not keep its value", l.Name, u)
			}
		}
		if m.Digest() != digest {
			t.Errorf("%s: another state than that of the slots", l.Name)
		}
		if err := m.RunOn(0, other{}); !errors.Is(err, errOther) {
			t.Errorf("%s: a state without units: %v", l.Name, err)
		}
	}
}

// A tree with a cut in the middle of a chain, and one beside it, ends as the serial run, as
// recorded and as run from the claims.
func TestSpaces(t *testing.T) {
	const n = 40
	var b dtt.ListBuilder
	for i := range 2 * n {
		b.Begin()
		b.Add(dtt.Unit(i/n), dtt.Write)
		b.Add(dtt.Unit(2+i), dtt.Write)
		b.Add(2+2*n, dtt.Delta)
	}
	l, err := b.Lists()
	if err != nil {
		t.Fatal(err)
	}
	order := make([]uint32, 2*n)
	for i := range order {
		order[i] = uint32(i)
	}
	half := func(u dtt.Unit) dtt.Tree {
		return dtt.Halves(dtt.Serial(n/2), dtt.Serial(n/2), []dtt.Claim{{Unit: u}})
	}
	m, want := NewMachine(l, 3), run(l, nil)
	for workers := 1; workers < 4; workers++ {
		pool := dtt.NewPool(workers)
		defer pool.Close()
		tree := dtt.Par(half(0), half(1))
		m.Reset()
		tree, err := pool.Record(t.Context(), tree, NewSpaces(m, order, tree))
		if err != nil || m.Digest() != want {
			t.Fatalf("%d workers: recorded %x, %v, want %x", workers, m.Digest(), err, want)
		}
		m.Reset()
		if err := pool.RunCheckpoints(t.Context(), tree, NewSpaces(m, order, tree)); err != nil || m.Digest() != want {
			t.Fatalf("%d workers: ran to %x, %v, want %x", workers, m.Digest(), err, want)
		}
		m.SetValue(1, 9)
		if err := pool.RunCheckpoints(t.Context(), tree, NewSpaces(m, order, tree)); !errors.Is(err, dtt.ErrCheckpoint) {
			t.Errorf("%d workers: another first state: %v", workers, err)
		}
	}
}

func TestSpacesRefuse(t *testing.T) {
	m := NewMachine(standard(t, 2)[5].Blocks[0], 0)
	tree := dtt.Halves(dtt.Serial(1), dtt.Serial(1), []dtt.Claim{{Unit: 500, Value: make([]byte, 8)}})
	s := NewSpaces(m, []uint32{0, 1}, tree)
	for _, c := range []dtt.Claim{{Unit: 0, Value: make([]byte, 7)}, {Unit: 500, Value: make([]byte, 8)}} {
		if err := s.Install(1, 0, []dtt.Claim{c}); err == nil {
			t.Errorf("a claim of %d bytes of unit %d is installed", len(c.Value), c.Unit)
		}
	}
	if _, err := s.Snapshot(nil, 0, 500); err == nil {
		t.Error("there is a value of a unit that is not there")
	}
}

func TestSpin(t *testing.T) {
	if Spin(5, 0) != 5 || Spin(Spin(5, 3), 4) != Spin(5, 7) || Spin(5, 1) == 5 {
		t.Error("rounds do not add up")
	}
	if PerMicrosecond() < 1 {
		t.Error("no rounds in a microsecond")
	}
}

func folder(t *testing.T, lines ...string) fs.FS {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{EthereumFile: {Data: b.Bytes()}}
}

func TestEthereum(t *testing.T) {
	loads, err := Ethereum(folder(t,
		`{"block":1,"keys":["a","b","c"]}`,
		`{"block":1,"i":0,"gas":21000,"r":[0,1],"w":[1]}`,
		`{"block":1,"i":1,"r":[2]}`,
		`{"block":2,"keys":["c","a"]}`,
		`{"block":2,"i":0,"r":[],"w":[0,1]}`,
	))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range loads {
		for _, b := range l.Blocks {
			got = append(got, l.Name)
			for i := range b.Len() {
				for _, a := range b.At(i) {
					got = append(got, a.String())
				}
			}
		}
	}
	want := "ethereum;read of 0;write of 1;read of 2;ethereum;write of 0;write of 1;" +
		"ethereum joined;read of 0;write of 1;read of 2;write of 0;write of 2"
	if s := strings.Join(got, ";"); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

func TestEthereumRefuses(t *testing.T) {
	keys := `{"keys":["a"]}`
	for _, lines := range [][]string{
		{`{`},
		{`{"keys":3}`},
		{keys, `[]`},
		{keys, `{"r":[1]}`},
		{keys, `{"w":[-1]}`},
		{keys, `{"r":[0.5]}`},
		{`{"r":[]}`},
	} {
		if loads, err := Ethereum(folder(t, lines...)); !errors.Is(err, ErrBadCase) || loads != nil {
			t.Errorf("%s: %v, %v", lines, loads, err)
		}
	}
	if _, err := Ethereum(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Ethereum(fstest.MapFS{EthereumFile: {Data: []byte("plain")}}); !errors.Is(err, ErrBadCase) {
		t.Errorf("not compressed: %v", err)
	}
}

// Whatever the lines are, they are refused or make blocks with as many transactions in one
// load as in the other.
func FuzzEthereum(f *testing.F) {
	f.Add([]byte("{\"keys\":[\"a\",\"b\"]}\n{\"r\":[0,1],\"w\":[1]}\n{\"keys\":[]}\n{}"))
	f.Add([]byte("{\"keys\":null}"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		loads, err := readEthereum(bytes.NewReader(lines))
		if err != nil {
			if !errors.Is(err, ErrBadCase) {
				t.Fatal(err)
			}
			return
		}
		if loads[0].Transactions() != loads[1].Transactions() || len(loads[1].Blocks) != 1 {
			t.Fatalf("%d transactions one by one, %d joined", loads[0].Transactions(), loads[1].Transactions())
		}
	})
}
