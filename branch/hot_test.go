package branch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"aergo/contract"
	"aergo/contract/table"
	"aergo/dtt"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// meetings returns, for each transaction of spans, the keys of the rows at which it meets any
// other of its stage, and the fields: found pair by pair.
func (b *book) meetings(spans []Span, stageTransactions int) (rows []map[string]bool, fields map[string]map[string]bool) {
	b.t.Helper()
	type unitName struct {
		key, field string
		part       contract.Part
	}
	var modes []map[unitName]contract.Mode
	growth := map[string]*contract.Growth{} // of the rows of each stage
	at := func(tx int, key string) string { return fmt.Sprint(tx/stageTransactions, key) }
	for _, s := range spans {
		must(b.t, b.Transactions(b.t.Context(), s.Batch, s.First, s.Count, func(_ uint64, tx *object.Transaction, chunk *object.Chunk) error {
			m := map[unitName]contract.Mode{}
			if !s.Decided {
				b.Runtime.Declare(tx, b.Runtime.Prepare(chunk.Names), nil, func(a contract.Access) {
					u := unitName{string(a.Key), a.Field, a.Part}
					if growth[at(len(modes), u.key)] == nil {
						growth[at(len(modes), u.key)] = &contract.Growth{}
					}
					growth[at(len(modes), u.key)].Add(&a)
					if was, twice := m[u]; twice && was != a.Mode {
						a.Mode = contract.Write
					}
					m[u] = a.Mode
				})
			}
			modes = append(modes, m)
			return nil
		}))
	}
	rows, fields = make([]map[string]bool, len(modes)), map[string]map[string]bool{}
	for i := range modes {
		rows[i] = map[string]bool{}
		for j := range modes {
			if i == j || i/stageTransactions != j/stageTransactions {
				continue
			}
			for u, mode := range modes[i] {
				other, both := modes[j][u]
				commute := mode == other && mode != contract.Write
				if commute && mode == contract.Delta && u.part == contract.PartRow && growth[at(i, u.key)].Bytes() > state.MaxValueBytes {
					commute = false
				}
				if !both || commute {
					continue
				}
				rows[i][u.key] = true
				if u.part == contract.PartField {
					if fields[u.key] == nil {
						fields[u.key] = map[string]bool{}
					}
					name := u.field
					if at := strings.IndexFunc(name, func(r rune) bool { return r < ' ' }); at >= 0 {
						name = name[:at]
					}
					fields[u.key][name] = true
				}
			}
		}
	}
	return rows, fields
}

// TestHotRowsAreWhereTransactionsMeet compares with what every pair of transactions says.
func TestHotRowsAreWhereTransactionsMeet(t *testing.T) {
	rng := source(t)
	for range 6 {
		b, head := seeded(t, rng)
		p := NewPending(head)
		c := &crowd{rng: rng, rows: 20 + rng.IntN(200), hot: rng.IntN(10), wild: rng.IntN(2) == 0, line: rng.IntN(3) == 0}
		b.write(func(w store.Writer) { c.fill(b, w, p, head, 50+rng.IntN(150)) })
		batch := b.sign(b.ada, head, p, nil)
		spans := []Span{{Batch: batch, Count: batch.Count}}
		for _, stage := range []int{1 << 17, 40} {
			x := b.executor(head, 2)
			x.stageTransactions = stage
			must(t, x.Propose(t.Context(), spans))
			tree := x.Tree()
			h, err := b.hot(t.Context(), spans, tree, 4, stage)
			must(t, err)
			rows, fields := b.meetings(spans, stage)
			meeting := 0
			for _, m := range rows {
				meeting += min(len(m), 1)
			}
			if h.Meeting != meeting {
				t.Errorf("%d transactions meet others, want %d", h.Meeting, meeting)
			}
			at := 0
			var walk func(n dtt.Node)
			walk = func(n dtt.Node) {
				top := 4
				if at == 0 {
					top = hotRootRows
				}
				checkHot(t, h, h.Counts[at], top, rows[n.First():n.First()+n.Len()])
				at++
				for child := range n.Children() {
					walk(child)
				}
			}
			walk(tree.Root())
			for _, row := range h.Rows {
				want := slices.Sorted(maps.Keys(fields[string(row.Key)]))
				if !slices.Equal(row.Fields, want[:min(len(want), hotFieldsMax)]) {
					t.Errorf("row %q: fields %q, want %q", row.Key, row.Fields, want)
				}
			}
		}
	}
}

// checkHot checks the counts of a node by the rows at which each of its transactions meets
// others.
func checkHot(t *testing.T, h *Hotness, got []HotCount, top int, rows []map[string]bool) {
	t.Helper()
	want := map[string]int{}
	for _, m := range rows {
		for k := range m {
			want[k]++
		}
	}
	counts := slices.Sorted(maps.Values(want))
	slices.Reverse(counts)
	if len(got) != min(len(counts), top) {
		t.Errorf("%d rows, want %d", len(got), min(len(counts), top))
		return
	}
	for i, c := range got {
		// Which of equals come first is not promised.
		if c.Transactions != counts[i] || want[string(h.Rows[c.Row].Key)] != c.Transactions {
			t.Errorf("row %d is %q with %d, want %d and %d", i, h.Rows[c.Row].Key, c.Transactions, counts[i], want[string(h.Rows[c.Row].Key)])
		}
	}
}

// TestHotNamesTheClaimedRows compares the rows that cuts claim with the rows that their values
// are of: in these blocks each row is of a table, and no two are alike.
func TestHotNamesTheClaimedRows(t *testing.T) {
	b, _, spans, tree := cutBlock(t)
	h, err := b.hot(t.Context(), spans, tree, 2, StageTransactions)
	must(t, err)
	cuts, claims := 0, 0
	at := 0
	var walk func(n dtt.Node)
	walk = func(n dtt.Node) {
		if rows := h.Claims[at]; n.Kind() == dtt.Cut {
			cuts++
			claims += len(n.Claims())
			if len(rows) == 0 || len(rows) > len(n.Claims()) {
				t.Errorf("a cut of %d claims is of %d rows", len(n.Claims()), len(rows))
			}
			for _, row := range rows {
				if !strings.Contains(string(h.Rows[row].Key), "hot") {
					t.Errorf("a cut claims %q", h.Rows[row].Key)
				}
			}
		} else if len(rows) > 0 {
			t.Errorf("a %s claims rows", n.Kind())
		}
		at++
		for child := range n.Children() {
			walk(child)
		}
	}
	walk(tree.Root())
	if cuts != tree.Cuts() || claims == 0 {
		t.Errorf("%d cuts with %d claims, want %d", cuts, claims, tree.Cuts())
	}

	forged, err := withClaims(tree, func(c *dtt.Claim) { c.Unit += 601 << claimBits })
	must(t, err)
	if _, err := b.hot(t.Context(), spans, forged, 2, StageTransactions); !errors.Is(err, ErrInvalid) {
		t.Errorf("claims of nothing: %v", err)
	}
	for name, tree := range map[string]dtt.Tree{"short": dtt.Serial(9), "long": dtt.Serial(601)} {
		if _, err := b.hot(t.Context(), spans, tree, 2, StageTransactions); !errors.Is(err, ErrInvalid) {
			t.Errorf("a tree too %s: %v", name, err)
		}
	}
}

// What the source of a merge decided does not run: it meets nobody.
func TestHotLeavesOutWhatIsDecided(t *testing.T) {
	b := newBook(t, 1)
	first := b.commit(b.root, put("a", num("n", 1)))
	batch := b.stranded(b.ada, first, nil, put("a", num("n", 2)), put("a", num("n", 3)), put("a", num("n", 4)), put("a", num("n", 5)))
	spans := decidedApart(batch, &object.Entry{
		Runs:     []object.Run{{First: 0, Count: 1}, {First: 1, Count: 2, Verdict: object.VerdictExcluded}, {First: 3, Count: 1, Verdict: object.VerdictDropped}},
		Excluded: []object.Exclusion{{Index: 1, Reason: object.ReasonInherited}, {Index: 2, Reason: object.ReasonFieldChanged}},
	})
	h, err := b.hot(t.Context(), spans, dtt.Serial(4), 3, StageTransactions)
	must(t, err)
	if h.Meeting != 2 || len(h.Counts[0]) != 1 || h.Counts[0][0].Transactions != 2 || !slices.Equal(h.Rows[0].Fields, []string{"n"}) {
		t.Errorf("%+v", h)
	}
	h, err = b.Hot(t.Context(), first, dtt.Serial(1), 3)
	must(t, err)
	if h.Meeting != 0 || len(h.Rows) != 0 || len(h.Counts) != 1 {
		t.Errorf("of one transaction: %+v", h)
	}
	h, err = b.Hot(t.Context(), b.root, dtt.Tree{}, 3)
	must(t, err)
	if len(h.Counts) != 0 {
		t.Errorf("of the root: %+v", h)
	}
}

// A transaction that runs alone meets everybody, at the whole state.
func TestHotCountsWhatRunsAlone(t *testing.T) {
	b := newBook(t, 1)
	b.Runtime = wanderer{table.NewRuntime()}
	p := NewPending(b.root)
	b.author(p, NewDesk(t.Context(), b.Runtime, b.State(b.root)), put("a", num("n", 1)), put("b", num("n", 1)))
	p.Open.Add(&object.Transaction{Kind: object.TransactionCall, Payload: []byte("a")})
	batch := b.sign(b.ada, b.root, p, nil)
	h, err := b.hot(t.Context(), []Span{{Batch: batch, Count: 3}}, dtt.Serial(3), 3, StageTransactions)
	must(t, err)
	if h.Meeting != 3 || len(h.Counts[0]) != 1 || h.Counts[0][0].Transactions != 1 || h.Rows[h.Counts[0][0].Row].Key != nil {
		t.Errorf("%+v", h)
	}
}

func BenchmarkHot(bench *testing.B) {
	b := newBook(bench, 2)
	var transactions [][]table.Spec
	rng := source(bench)
	for i := range 20_000 {
		transactions = append(transactions, put((&crowd{rng: rng, rows: 40_000, hot: 1}).key(), num("n", uint64(i))))
	}
	block := b.commit(b.root, transactions...)
	tree, err := b.Tree(bench.Context(), block)
	must(bench, err)
	for bench.Loop() {
		_, err := b.Hot(bench.Context(), block, tree, 3)
		must(bench, err)
	}
	bench.ReportMetric(float64(bench.Elapsed().Nanoseconds())/float64(bench.N)/20_000, "ns/tx")
}
