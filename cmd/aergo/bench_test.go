package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"aergo/testdata/rows"
)

const (
	shortRuns = 5 // of commands that take milliseconds
	longRuns  = 3 // of commands that take seconds
)

// BenchmarkWhole measures what a user waits for: whole processes of the built program, on
// tables of 1,000 and 1,000,000 rows of about sixty bytes, from `aergo init` to the log of
// 1,000 commits. git does the same in the same run with the same rows as lines of a sorted
// file, and so does a program that only reads, hashes, writes and syncs the bytes. The
// outcome is a table on standard output, and in the file that AERGO_BENCH_REPORT names.
// It takes minutes; with -short there is only the small table, and a short history.
//
//	go test -run '^$' -bench Whole -timeout 60m ./cmd/aergo
func BenchmarkWhole(b *testing.B) {
	sizes, commits := []int{1_000, 1_000_000}, 1_000
	if testing.Short() {
		sizes, commits = sizes[:1], 100
	}
	for b.Loop() {
		w := newWhole(b)
		for _, n := range sizes {
			w.table(n)
		}
		w.histories(commits)
		w.report.print(b)
	}
}

// whole is one run of the benchmark.
type whole struct {
	b      *testing.B
	folder string
	report *report
	aergo  tool
	git    tool
	copies int
}

func newWhole(b *testing.B) *whole {
	w := &whole{b: b, folder: b.TempDir(), report: newReport()}
	binary := filepath.Join(w.folder, "aergo")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	w.aergo = tool{name: "aergo", binary: binary, env: append(os.Environ(), "AERGO_HOME="+filepath.Join(w.folder, "home"))}
	git, err := exec.LookPath("git")
	if err != nil {
		b.Fatalf("git is needed to compare with: %v", err)
	}
	w.git = tool{name: "git", binary: git, env: append(os.Environ(),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0", "GIT_CONFIG_KEY_1=init.defaultBranch", "GIT_CONFIG_VALUE_1=master",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org")}
	return w
}

// table measures everything that is done with a table of n rows.
func (w *whole) table(n int) {
	t := &tableBench{whole: w, n: n, folder: filepath.Join(w.folder, fmt.Sprint(n)), runs: shortRuns}
	if n > 100_000 {
		t.runs = longRuns
	}
	w.makeFolder(t.folder)
	t.csv = t.file("rows.csv", func(f *os.File) error { return rows.WriteCSV(f, n) })
	t.limits()
	base := t.aergoImports()
	t.aergoNames(base)
	gitBase := t.gitAdds()
	t.gitNames(gitBase)
	for _, count := range t.counts() {
		t.aergoChanges(base, count)
		t.gitChanges(gitBase, count)
		for _, kind := range []mergeKind{scattered, contiguous} {
			t.aergoMerges(base, kind, count)
			t.gitMerges(gitBase, kind, count)
		}
		if count == 1_000 {
			t.aergoMerges(base, clashing, count)
			t.gitMerges(gitBase, clashing, count)
		}
	}
	w.remove(t.folder)
}

// tableBench is what the measurements of one table share.
type tableBench struct {
	*whole
	n      int
	folder string
	csv    string // path
	runs   int    // of commands whose cost follows the table
}

// counts returns how many rows change at a time. The largest is a tenth of the table.
func (t *tableBench) counts() []int {
	counts := []int{1}
	for _, c := range []int{1_000, 10_000, 100_000} {
		if c*10 <= t.n {
			counts = append(counts, c)
		}
	}
	return counts
}

// runsFor returns how often a command is run whose cost follows the number of changes.
func (t *tableBench) runsFor(count int) int {
	if count >= 100_000 {
		return 2
	}
	return shortRuns
}

// add adds to the report what a tool took for an operation on this table.
func (t *tableBench) add(tool, operation string, took []cost) {
	t.report.add(t.n, tool, operation, median(took))
}

// file makes a file in the table's folder and returns its path.
func (t *tableBench) file(name string, fill func(f *os.File) error) string {
	path := filepath.Join(t.folder, name)
	t.write(path, fill)
	return path
}

// ops makes a file of operations and returns its path.
func (t *tableBench) ops(c rows.Changes) string {
	return t.file(changesFile, func(f *os.File) error { return c.WriteOps(f, "t") })
}

// mergeKind says how the changes of the two sides of a merge lie to each other.
type mergeKind string

const (
	scattered  mergeKind = "scattered"
	contiguous mergeKind = "contiguous"
	clashing   mergeKind = "all in conflict"
)

// sides returns the changes of both sides.
func (k mergeKind) sides(n, count int) [2]rows.Changes {
	left := rows.Changes{Rows: n, Count: count, Contiguous: k == contiguous}
	right := left
	right.Side, right.Clash = rows.Right, k == clashing
	return [2]rows.Changes{left, right}
}

func mergeName(kind mergeKind, count int) string {
	return fmt.Sprintf("merge %s+%s, %s", short(count), short(count), kind)
}

// short writes a round number the short way.
func short(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 1_000:
		return fmt.Sprintf("%dk", n/1_000)
	}
	return fmt.Sprint(n)
}
