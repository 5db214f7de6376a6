package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"

	"aergo/repo/store/faultfs"
)

// model is one table's rows by key: fields by name, all texts.
type model map[string]map[string]string

func (m model) canonical(key string) []byte {
	row := map[string]string{"k": key}
	maps.Copy(row, m[key])
	data, err := json.Marshal(row)
	if err != nil {
		panic(err) // texts of letters
	}
	return data
}

func (m model) facts() map[string]any {
	var f Facts
	for k := range m {
		f.Rows++
		f.Digest.Add(m.canonical(k))
	}
	return map[string]any{"n": f.Rows, "digest": f.Digest.String()}
}

func (m model) clone() model {
	out := model{}
	for k, row := range m {
		out[k] = maps.Clone(row)
	}
	return out
}

// edit changes a few rows of few keys, so that branches meet. It notes in gone, if that is
// not nil, which rows it deletes, and does not make those again.
func (m model) edit(r *rand.Rand, gone map[string]bool) {
	letter := func(n int) string { return string(rune('a' + r.IntN(n))) }
	for range r.IntN(4) {
		k := "row " + letter(12)
		if m[k] != nil && r.IntN(4) == 0 {
			delete(m, k)
			if gone != nil {
				gone[k] = true
			}
			continue
		}
		if gone[k] {
			continue
		}
		if m[k] == nil {
			m[k] = map[string]string{}
		}
		if f := letter(4); r.IntN(5) == 0 {
			delete(m[k], f)
		} else {
			m[k][f] = letter(5)
		}
	}
}

// writer writes a case.
type writer struct {
	commits, deltas, merges strings.Builder
	states                  []model
	ancestors               []map[int]bool // of each commit, itself too
	merged                  int
}

func line(b *strings.Builder, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	b.Write(append(data, '\n'))
}

// commit writes a commit in a state.
func (w *writer) commit(state model, parents ...int) {
	at, before := len(w.states), model{}
	up := map[int]bool{at: true}
	for i, p := range parents {
		if i == 0 {
			before = w.states[p]
		}
		maps.Copy(up, w.ancestors[p])
	}
	line(&w.commits, map[string]any{
		"c": at, "id": fmt.Sprintf("%08d", at), "parents": append([]int{}, parents...), "author": fmt.Sprintf("a%d", at%3),
		"date": time.Unix(int64(at), 0).UTC(), "msg": fmt.Sprint("commit ", at), "tables": map[string]any{"t": state.facts()},
	})
	put, del := []json.RawMessage{}, [][]string{}
	for k := range state {
		if before[k] == nil || !maps.Equal(before[k], state[k]) {
			put = append(put, state.canonical(k))
		}
	}
	for k := range before {
		if state[k] == nil {
			del = append(del, []string{k})
		}
	}
	if len(put)+len(del) > 0 {
		line(&w.deltas, map[string]any{"c": at, "t": "t", "put": put, "del": del})
	}
	w.states, w.ancestors = append(w.states, state), append(w.ancestors, up)
}

// bases returns the common ancestors of two commits that no other common one descends from.
func (w *writer) bases(a, b int) []int {
	var all, best []int
	for c := range w.ancestors[a] {
		if w.ancestors[b][c] {
			all = append(all, c)
		}
	}
	for _, c := range all {
		if !slices.ContainsFunc(all, func(d int) bool { return d != c && w.ancestors[d][c] }) {
			best = append(best, c)
		}
	}
	slices.Sort(best)
	return best
}

// merge writes the merge of two commits, with whatever state people left it in.
func (w *writer) merge(state model, ours, theirs int) {
	at := len(w.states)
	w.commit(state, ours, theirs)
	line(&w.merges, map[string]any{"c": at, "bases": w.bases(ours, theirs), "cell": map[string]any{"conflicts": 0, "equals_actual": false}})
	w.merged++
}

// history returns the case, read back.
func (w *writer) history(t testing.TB) *History {
	t.Helper()
	h, err := LoadHistory(w.folder(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (w *writer) folder(t testing.TB) fstest.MapFS {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	last := w.states[len(w.states)-1]
	var final strings.Builder
	for _, k := range slices.Sorted(maps.Keys(last)) {
		final.Write(append(last.canonical(k), '\n'))
	}
	facts := last.facts()
	info, err := json.Marshal(map[string]any{"case": "made", "tables": []any{map[string]any{
		"name": "t", "format": "json", "key": []string{"k"}, "final": map[string]any{"rows": facts["n"], "digest": facts["digest"]},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"case.json":           {Data: info},
		"commits.jsonl":       {Data: []byte(w.commits.String())},
		"deltas.jsonl.zst":    {Data: z.EncodeAll([]byte(w.deltas.String()), nil)},
		"merges.jsonl":        {Data: []byte(w.merges.String())},
		"final/t.canon.jsonl": {Data: []byte(final.String())},
	}
}

// randomHistory forks, edits and merges.
func randomHistory(r *rand.Rand, commits int) *writer {
	w := &writer{}
	root := model{}
	for range 6 {
		root.edit(r, nil)
	}
	w.commit(root)
	tips := []int{0}
	join := func(i, j int) {
		state := w.states[tips[i]].clone()
		if r.IntN(3) == 0 {
			state.edit(r, nil)
		}
		if w.ancestors[tips[i]][tips[j]] || w.ancestors[tips[j]][tips[i]] {
			return // nothing that a merge would be needed for
		}
		w.merge(state, tips[i], tips[j])
		tips[i] = len(w.states) - 1
	}
	for len(w.states) < commits {
		i := r.IntN(len(tips))
		switch n := r.IntN(10); {
		case n == 0 && len(tips) < 5:
			tips = append(tips, tips[i])
		case n <= 2 && len(tips) > 1:
			join(i, (i+1+r.IntN(len(tips)-1))%len(tips))
		default:
			state := w.states[tips[i]].clone()
			state.edit(r, nil)
			w.commit(state, tips[i])
			tips[i] = len(w.states) - 1
		}
	}
	return w
}

// TestRandomHistories replays histories that nobody made, with far more conflicts than
// people have, and with merges whose outcome was thrown away. Every state is as it was,
// every base is found, and every block is valid.
func TestRandomHistories(t *testing.T) {
	r := newRand(t)
	var excluded, edited int
	for range rounds(3) {
		w := randomHistory(r, 60)
		fs := faultfs.New()
		got := replayed(t, fs, w.history(t), 1+r.IntN(3))
		if len(got.Merges) != w.merged {
			t.Fatalf("%d merges, want %d", len(got.Merges), w.merged)
		}
		for i := range got.Merges {
			if m := &got.Merges[i]; !m.BasesAgree {
				t.Errorf("merge %d: bases %v, want commits %v", m.Commit, m.Account.Bases, m.KnownAs.Bases)
			}
		}
		totals := got.Totals()
		if v := verified(t, fs); v.Blocks <= 60 || v.Excluded < uint64(totals.Excluded) {
			t.Errorf("it verifies as %+v", v)
		}
		excluded, edited = excluded+totals.Excluded, edited+totals.HandEdits
	}
	if excluded == 0 || edited == 0 {
		t.Errorf("%d excluded and %d edits by hand: the histories have no conflicts", excluded, edited)
	}
}

// TestTwoBranches merges two branches that have not met before. What a merge by cell can
// decide, the product decides alike; and of what that cannot, it may decide more, since it
// sees the steps: a row that both sides first changed alike may then be deleted by one.
// The source makes no row again that it deleted: of what such a row was its transactions
// know the version only, so that more is excluded there.
func TestTwoBranches(t *testing.T) {
	r := newRand(t)
	clean, excluded := 0, 0
	for range rounds(40) {
		w := &writer{}
		root, gone := model{}, map[string]bool{}
		for range 4 {
			root.edit(r, nil)
		}
		w.commit(root)
		var tips [2]int
		for side := range tips {
			for range 1 + r.IntN(4) {
				state := w.states[tips[side]].clone()
				state.edit(r, []map[string]bool{nil, gone}[side])
				w.commit(state, tips[side])
				tips[side] = len(w.states) - 1
			}
		}
		w.merge(w.states[tips[0]].clone(), tips[0], tips[1])
		got := replayed(t, faultfs.New(), w.history(t), 1)
		m := &got.Merges[0]
		if len(m.Cells.Differ) > 0 || m.Cells.Conflicts == 0 && !m.Clean() {
			t.Errorf("%s\n%s%s", got, w.commits.String(), w.deltas.String())
		}
		if m.Cells.Conflicts == 0 {
			clean++
		}
		excluded += len(m.Account.Excluded)
	}
	if clean == 0 || excluded == 0 {
		t.Errorf("%d merges without conflict by cell, and %d excluded in all: nothing was tried", clean, excluded)
	}
}

// rounds returns how often to try what is random: more where time is no matter.
func rounds(n int) int {
	if os.Getenv(casesVariable) != "" {
		return 20 * n
	}
	return n
}

func newRand(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
