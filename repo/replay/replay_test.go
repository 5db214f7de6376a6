package replay

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo"
	"aergo/repo/store/faultfs"
)

const shipped = "../../testdata/multicodec"

// casesVariable names the folder of the cases that are not shipped. They are replayed
// only when it is set, see make replay.
const casesVariable = "AERGO_REPLAY_DATA"

func load(t testing.TB, folder string) *History {
	t.Helper()
	h, err := LoadHistory(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func newRepository(t testing.TB, fs billy.Filesystem, h *History, workers int) *repo.Repo {
	t.Helper()
	r, err := NewRepository(context.Background(), fs, h.Name, h.Authors(), workers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// replayed replays a history and closes the repository.
func replayed(t testing.TB, fs billy.Filesystem, h *History, workers int) *Report {
	t.Helper()
	r := newRepository(t, fs, h, workers)
	report, err := Run(t.Context(), r, h)
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return report
}

// verified opens a repository as somebody who has no key of it would, and executes all its
// blocks again.
func verified(t testing.TB, fs billy.Filesystem) repo.Verified {
	t.Helper()
	r, err := repo.Open(fs, repo.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v, err := r.Verify(t.Context(), repo.VerifyRequest{All: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// expected is what is known of a case beforehand.
type expected struct {
	folder       string
	commits      int
	branches     int
	transactions uint64
	totals       Totals
	excluded     map[int]int // by merge
	edited       map[int]int // transactions by hand, by merge
}

func histories() map[string]expected {
	all := map[string]expected{"multicodec": {
		folder: shipped, commits: 224, branches: 16, transactions: 2435,
		totals: Totals{Merges: 19, LinesClash: 4, Clean: 19, Applied: 741, Noop: 46, HandEdits: 5},
		edited: map[int]int{77: 4, 91: 1},
	}}
	folder := os.Getenv(casesVariable)
	if folder == "" {
		return all
	}
	all["disposable-domains"] = expected{
		folder: filepath.Join(folder, "disposable-domains"), commits: 915, branches: 72, transactions: 11054,
		totals: Totals{Merges: 77, LinesClash: 7, Clean: 77, Applied: 2335, Noop: 236, HandEdits: 407},
		edited: map[int]int{40: 407},
	}
	all["simple-icons"] = expected{
		folder: filepath.Join(folder, "simple-icons"), commits: 5135, branches: 99, transactions: 7689,
		totals:   Totals{Merges: 175, LinesClash: 13, CellsClash: 2, Clean: 173, Applied: 2712, Noop: 136, Excluded: 2, HandEdits: 4},
		excluded: map[int]int{444: 1, 464: 1},
		edited:   map[int]int{407: 1, 409: 1, 444: 1, 464: 1},
	}
	return all
}

// TestHistories replays what people did. After every commit the state is as it was; every
// merge finds the bases that git finds and decides what a merge by cell decides, row for
// row; and executed again, every block is valid.
func TestHistories(t *testing.T) {
	for name, want := range histories() {
		t.Run(name, func(t *testing.T) {
			fs, h := faultfs.New(), load(t, want.folder)
			got := replayed(t, fs, h, 2)
			t.Logf("\n%s", got)
			want.check(t, got)
			sealed := got.Commits + 1 // the root
			for i := range got.Merges {
				if len(got.Merges[i].HandEdits) > 0 {
					sealed++
				}
			}
			found := verified(t, fs)
			if found.Blocks != uint64(sealed) || found.Foreign != 0 || found.Excluded != uint64(want.totals.Excluded) {
				t.Errorf("it verifies as %+v, want %d blocks", found, sealed)
			}
		})
	}
}

func (want *expected) check(t *testing.T, got *Report) {
	t.Helper()
	if got.Commits != want.commits || got.Branches != want.branches || got.Transactions != want.transactions {
		t.Errorf("%d commits on %d branches with %d transactions, want %d, %d and %d",
			got.Commits, got.Branches, got.Transactions, want.commits, want.branches, want.transactions)
	}
	if totals := got.Totals(); totals != want.totals {
		t.Errorf("merges come to %+v, want %+v", totals, want.totals)
	}
	for i := range got.Merges {
		m := &got.Merges[i]
		checkMerge(t, m)
		if n := len(m.Account.Excluded); n != want.excluded[m.Commit] {
			t.Errorf("merge %d: %d excluded, want %d", m.Commit, n, want.excluded[m.Commit])
		}
		if len(m.HandEdits) != want.edited[m.Commit] {
			t.Errorf("merge %d: %d edits by hand, want %d", m.Commit, len(m.HandEdits), want.edited[m.Commit])
		}
	}
}

// checkMerge checks what holds of every merge.
func checkMerge(t *testing.T, m *Merge) {
	t.Helper()
	if !m.BasesAgree {
		t.Errorf("merge %d: bases %v are not those of the history", m.Commit, m.Account.Bases)
	}
	if m.Cells.Conflicts != m.KnownAs.Conflicts {
		t.Errorf("merge %d: %d conflicts by cell, the history knows of %d", m.Commit, m.Cells.Conflicts, m.KnownAs.Conflicts)
	}
	if len(m.Cells.Differ) > 0 {
		t.Errorf("merge %d differs from a merge by cell: %q", m.Commit, m.Cells.Differ)
	}
	if m.KnownAs.Conflicts == 0 && !m.Clean() {
		t.Errorf("merge %d is clean by cell, yet %+v are excluded", m.Commit, m.Account.Excluded)
	}
	if m.KnownAs.EqualsActual != (len(m.HandEdits) == 0) {
		t.Errorf("merge %d: %d edits by hand; the merge by cell equals what people committed: %v", m.Commit, len(m.HandEdits), m.KnownAs.EqualsActual)
	}
}

// TestSameEverywhere replays on disk and in memory, with one worker and with several, and
// opens what is on disk again.
func TestSameEverywhere(t *testing.T) {
	h := load(t, shipped)
	memory := faultfs.New()
	want := replayed(t, memory, h, 1)
	disk := osfs.New(t.TempDir(), osfs.WithBoundOS())
	got := replayed(t, disk, h, 3)
	if got.Head != want.Head || got.String() != want.String() {
		t.Fatalf("on disk with 3 workers it ends in %s, in memory with one in %s\n%s\n%s", got.Head, want.Head, got, want)
	}
	r, err := repo.Open(disk, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range h.Tables {
		if err := CheckFinal(t.Context(), r, h, &h.Tables[i]); err != nil {
			t.Error(err)
		}
	}
	if a, b := verified(t, disk), verified(t, memory); a != b {
		t.Errorf("on disk it verifies as %+v, in memory as %+v", a, b)
	}
}

func BenchmarkMulticodec(b *testing.B) {
	h := load(b, shipped)
	for b.Loop() {
		if _, err := Run(b.Context(), newRepository(b, faultfs.New(), h, 2), h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(h.Commits))*float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
