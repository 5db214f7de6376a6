package replay

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo"
)

const shipped = "../../testdata/multicodec"

// casesVariable names the folder of the cases that are not shipped.
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

// expected is what is known of a case beforehand.
type expected struct {
	name     string
	folder   string
	commits  int
	merges   int
	excluded map[int]int // by merge
	edited   map[int]int // transactions by hand, by merge
}

func histories() []expected {
	all := []expected{{
		name: "multicodec", folder: shipped, commits: 224, merges: 19, edited: map[int]int{77: 4, 91: 1},
	}}
	if folder := os.Getenv(casesVariable); folder != "" {
		all = append(all, expected{
			name: "disposable-domains", folder: filepath.Join(folder, "disposable-domains"), commits: 915, merges: 77,
			edited: map[int]int{40: 407},
		}, expected{
			name: "simple-icons", folder: filepath.Join(folder, "simple-icons"), commits: 5135, merges: 175,
			excluded: map[int]int{444: 1, 464: 1},
			edited:   map[int]int{407: 1, 409: 1, 444: 1, 464: 1},
		})
	}
	return all
}

func TestHistories(t *testing.T) {
	for _, want := range histories() {
		t.Run(want.name, func(t *testing.T) {
			h := load(t, want.folder)
			fs := memfs.New()
			r := newRepository(t, fs, h, runtime.GOMAXPROCS(0))
			report, err := Run(t.Context(), r, h)
			t.Logf("\n%s", report)
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, &want, report)
		})
	}
}

func checkReport(t *testing.T, want *expected, got *Report) {
	t.Helper()
	if got.Commits != want.commits || len(got.Merges) != want.merges {
		t.Errorf("%d commits and %d merges, want %d and %d", got.Commits, len(got.Merges), want.commits, want.merges)
	}
	for i := range got.Merges {
		m := &got.Merges[i]
		if !m.BasesAgree {
			t.Errorf("merge %d: bases %v are not those of the history", m.Commit, m.Account.Bases)
		}
		if m.Cells.Conflicts != m.KnownAs.Conflicts {
			t.Errorf("merge %d: %d conflicts by cell, the history knows of %d", m.Commit, m.Cells.Conflicts, m.KnownAs.Conflicts)
		}
		if len(m.Cells.Differ) > 0 {
			t.Errorf("merge %d differs from a merge by cell: %q", m.Commit, m.Cells.Differ)
		}
		if n := len(m.Account.Excluded); n != want.excluded[m.Commit] {
			t.Errorf("merge %d: %d excluded, want %d", m.Commit, n, want.excluded[m.Commit])
		}
		if m.HandEdits != want.edited[m.Commit] {
			t.Errorf("merge %d: %d edits by hand, want %d", m.Commit, m.HandEdits, want.edited[m.Commit])
		}
		if m.KnownAs.EqualsActual && m.HandEdits > 0 {
			t.Errorf("merge %d: %d edits by hand where people made none", m.Commit, m.HandEdits)
		}
	}
}

var _ = osfs.New
