package bench

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/store"
)

// delta is a row that one side changed; a nil value is no row.
type delta struct{ key, value []byte }

// changesOf returns what a side changed, by key.
func changesOf(ctx context.Context, base, side state.Tree) ([]delta, error) {
	var out []delta
	err := state.Diff(ctx, base, side, func(key, _, value []byte) error {
		out = append(out, delta{bytes.Clone(key), value})
		return nil
	})
	return out, err
}

// mergeTrees is a three-way merge of trees by row: what only theirs changed is taken, what
// both changed is left as ours has it, and counted unless they changed it alike. It is what
// is left of a merge without transactions, signatures, verdicts and schedules.
func mergeTrees(ctx context.Context, base, ours, theirs state.Tree, w state.NodeWriter) (merged state.Tree, conflicts int, err error) {
	var sides [2][]delta
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		sides[0], failed = changesOf(ctx, base, ours)
	}()
	sides[1], err = changesOf(ctx, base, theirs)
	<-done
	if err == nil {
		err = failed
	}
	if err != nil {
		return ours, 0, err
	}
	var edits []state.Edit
	mine := sides[0]
	for _, d := range sides[1] {
		for len(mine) > 0 && bytes.Compare(mine[0].key, d.key) < 0 {
			mine = mine[1:]
		}
		if len(mine) > 0 && bytes.Equal(mine[0].key, d.key) {
			if !bytes.Equal(mine[0].value, d.value) {
				conflicts++
			}
			continue
		}
		edits = append(edits, state.Edit{Key: d.key, Value: d.value, Delete: d.value == nil})
	}
	merged, err = ours.Update(ctx, w, edits, workers)
	return merged, conflicts, err
}

// nodesBytes holds all nodes of the three trees.
const nodesBytes = 1 << 30

// threeWay merges the trees of a repository, with their new nodes in memory, and says how
// long that took: the first time, when the nodes come from the store, and the second time,
// when those that the merge reads are in memory, decoded.
func (l *ledgers) threeWay(folder string, roots [3]object.Hash, s shape, count int) (cold, warm time.Duration, root object.Hash) {
	l.b.Helper()
	disk := l.store(folder)
	defer func() { l.must(disk.Close()) }()
	nodes := state.NewCache(disk, nodesBytes)
	cold, root = l.mergeOnce(nodes, roots, s, count, state.NewOverlay(nil))
	warm, _ = l.mergeOnce(nodes, roots, s, count, state.NewOverlay(nil))
	return cold, warm, root
}

// threeWayKept is threeWay, the first time, with the new nodes committed to the store.
func (l *ledgers) threeWayKept(folder string, roots [3]object.Hash, s shape, count int) time.Duration {
	l.b.Helper()
	disk := l.store(folder)
	defer func() { l.must(disk.Close()) }()
	ctx := context.Background()
	w, err := disk.Begin(ctx)
	l.must(err)
	took, _ := l.mergeOnce(state.NewCache(w, nodesBytes), roots, s, count, w)
	start := time.Now()
	l.must(w.Commit(ctx))
	return took + time.Since(start)
}

func (l *ledgers) store(folder string) *store.Disk {
	l.b.Helper()
	disk, err := store.Open(osfs.New(filepath.Join(folder, "packs"), osfs.WithBoundOS()), store.Options{CacheBytes: 128 << 20})
	l.must(err)
	return disk
}

func (l *ledgers) mergeOnce(nodes *state.Cache, roots [3]object.Hash, s shape, count int, to state.NodeWriter) (time.Duration, object.Hash) {
	l.b.Helper()
	tree := func(root object.Hash) state.Tree { return state.New(nodes, root) }
	start := time.Now()
	merged, conflicts, err := mergeTrees(context.Background(), tree(roots[0]), tree(roots[1]), tree(roots[2]), to)
	took := time.Since(start)
	l.must(err)
	if want := map[bool]int{true: count}[s == clashing]; conflicts != want {
		l.b.Fatalf("%d conflicts, want %d", conflicts, want)
	}
	return took, merged.Root()
}

// What is measured is right: on a small table the trees merge to the root of the merge that
// replays the transactions.
func TestThreeWayLeadsWhereTheMergeLeads(t *testing.T) {
	l := newLedgers(t)
	table := l.table(2000)
	for _, s := range []shape{scattered, contiguous, clashing} {
		folder, roots := l.sides(table, s, 2000, 100)
		_, _, raw := l.threeWay(folder, roots, s, 100)
		if _, got := l.merge(folder, s, 100, true); got != raw {
			t.Errorf("%s: the merge leads to %s, the three-way merge to %s", s, got.Short(), raw.Short())
		}
	}
}
