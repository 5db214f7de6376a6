// Package bench measures merges of a large table beside two limits: a three-way merge of
// the two state trees, which knows neither transactions nor signatures, and git's merge of
// the same rows as lines of a sorted file.
//
//	go test ./merge/bench -run '^$' -bench Merge -benchtime 5x -timeout 60m
//
// With -short the table has 10,000 rows and the sides change a tenth of them at most. The
// metrics are medians, in milliseconds. raw is the three-way merge with its new nodes in
// memory, kept the same with them committed to the store, merge the product's own, durable
// and signed; all three on repositories just opened. warm-raw and warm-merge are the same
// once more, with what they read in memory: for the product, after a dry run. git is the
// process, once. The ratios are of the product to the three-way merge.
package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/testdata/rows"
)

const workers = 2

// shape is how the changes of the two sides lie.
type shape string

const (
	scattered  shape = "scattered"
	contiguous shape = "contiguous"
	clashing   shape = "clashing"
)

func (s shape) sides(n, count int) [2]rows.Changes {
	ours := rows.Changes{Rows: n, Count: count, Contiguous: s == contiguous}
	theirs := ours
	theirs.Side, theirs.Clash = rows.Right, s == clashing
	return [2]rows.Changes{ours, theirs}
}

// sideNames are the branches of the two sides: the target and the source of the merge.
func sideNames() [2]ref.Name { return [2]ref.Name{"ours", "theirs"} }

// ledgers makes repositories of one owner in folders of a benchmark.
type ledgers struct {
	b      testing.TB
	folder string
	keys   *key.Keyring
	copies int
}

func newLedgers(b testing.TB) *ledgers {
	l := &ledgers{b: b, folder: b.TempDir(), keys: key.NewKeyring(memfs.New())}
	l.must(l.keys.Add(b.Context(), "ada", key.FromSeed([key.SeedSize]byte{1})))
	return l
}

func (l *ledgers) must(err error) {
	l.b.Helper()
	if err != nil {
		l.b.Fatal(err)
	}
}

func (l *ledgers) options() repo.Options {
	return repo.Options{Keys: l.keys, Identity: "ada", Who: "ada", Workers: workers}
}

func (l *ledgers) open(folder string) *repo.Repo {
	l.b.Helper()
	r, err := repo.Open(osfs.New(folder, osfs.WithBoundOS()), l.options())
	l.must(err)
	return r
}

// copyOf copies a repository.
func (l *ledgers) copyOf(folder string) string {
	l.b.Helper()
	l.copies++
	to := filepath.Join(l.folder, fmt.Sprint("copy", l.copies))
	l.must(os.CopyFS(to, os.DirFS(folder)))
	return to
}

// table makes a repository of n rows, of one commit.
func (l *ledgers) table(n int) string {
	l.b.Helper()
	folder := filepath.Join(l.folder, "table")
	l.must(os.MkdirAll(folder, 0o777))
	ctx := context.Background()
	r, err := repo.Init(ctx, osfs.New(folder, osfs.WithBoundOS()), l.options())
	l.must(err)
	in, out := io.Pipe()
	go func() { out.CloseWithError(rows.WriteCSV(out, n)) }()
	_, err = r.Import(ctx, in, repo.ImportRequest{Table: "t", Format: "csv", Key: []string{"id"}})
	l.must(err)
	_, err = r.Commit(ctx, repo.CommitRequest{Message: "The table"})
	l.must(err)
	l.must(r.Close())
	return folder
}

// sides makes a copy of a repository with a branch for each side's changes, and returns it
// and the state roots of the base and of both.
func (l *ledgers) sides(table string, s shape, n, count int) (folder string, roots [3]object.Hash) {
	l.b.Helper()
	folder = l.copyOf(table)
	ctx := context.Background()
	r := l.open(folder)
	base, err := r.Resolve(ctx, "master")
	l.must(err)
	roots[0] = base.Header.State
	for i, change := range s.sides(n, count) {
		_, err := r.CheckoutNew(ctx, sideNames()[i], "master")
		l.must(err)
		_, err = r.Checkout(ctx, sideNames()[i])
		l.must(err)
		in, out := io.Pipe()
		go func() { out.CloseWithError(change.WriteOps(out, "t")) }()
		_, err = r.ApplyLines(ctx, in)
		l.must(err)
		_, err = r.Commit(ctx, repo.CommitRequest{Message: "A side"})
		l.must(err)
		head, err := r.Resolve(ctx, string(sideNames()[i]))
		l.must(err)
		roots[1+i] = head.Header.State
	}
	l.must(r.Close())
	return folder, roots
}

// merge merges theirs into ours in a repository just opened, or warmed by a dry run, and
// checks the account.
func (l *ledgers) merge(folder string, s shape, count int, warm bool) (time.Duration, object.Hash) {
	l.b.Helper()
	r := l.open(folder)
	defer func() { l.must(r.Close()) }()
	req := repo.MergeRequest{Source: "theirs", Into: "ours"}
	if warm {
		dry := req
		dry.DryRun = true
		_, err := r.Merge(context.Background(), dry)
		l.must(err)
	}
	runtime.GC()
	start := time.Now()
	m, err := r.Merge(context.Background(), req)
	took := time.Since(start)
	l.must(err)
	excluded := 0
	if s == clashing {
		excluded = count
	}
	if len(m.Excluded) != excluded || int(m.Applied) != count-excluded {
		l.b.Fatalf("%d applied and %d excluded of %d", m.Applied, len(m.Excluded), count)
	}
	head, err := r.Resolve(context.Background(), "ours")
	l.must(err)
	return took, head.Header.State
}

// onCopy does something with a copy of a repository, which goes afterwards.
func (l *ledgers) onCopy(folder string, do func(copied string)) {
	l.b.Helper()
	copied := l.copyOf(folder)
	do(copied)
	l.must(os.RemoveAll(copied))
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[(len(all)-1)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func BenchmarkMerge(b *testing.B) {
	// As the command does: merging allocates much, and ends within seconds.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	l := newLedgers(b)
	table, lines := l.table(n), newLines(b, n)
	var report []string
	defer func() { writeReport(b, n, report) }()
	for _, count := range []int{1_000, 10_000, 100_000} {
		if count*10 > n {
			continue
		}
		for _, s := range []shape{scattered, contiguous, clashing} {
			b.Run(fmt.Sprintf("%s/%d", s, count), func(b *testing.B) {
				l.b, lines.b = b, b
				folder, roots := l.sides(table, s, n, count)
				took := map[string][]time.Duration{}
				note := func(what string, d time.Duration) { took[what] = append(took[what], d) }
				for b.Loop() {
					// In turns, so that a busy moment of the machine meets them all.
					cold, warm, root := l.threeWay(folder, roots, s, count)
					note("raw", cold)
					note("warm-raw", warm)
					l.onCopy(folder, func(copied string) { note("kept", l.threeWayKept(copied, roots, s, count)) })
					for i, what := range []string{"merge", "warm-merge"} {
						l.onCopy(folder, func(copied string) {
							d, got := l.merge(copied, s, count, i > 0)
							note(what, d)
							if got != root {
								b.Fatalf("the merge leads to %s, the three-way merge to %s", got.Short(), root.Short())
							}
						})
					}
				}
				l.must(os.RemoveAll(folder))
				b.ReportMetric(0, "ns/op")
				for what, all := range took {
					b.ReportMetric(milliseconds(median(all)), what+"-ms")
				}
				b.ReportMetric(float64(median(took["merge"]))/float64(median(took["raw"])), "merge/raw")
				b.ReportMetric(float64(median(took["merge"]))/float64(median(took["kept"])), "merge/kept")
				b.ReportMetric(float64(median(took["warm-merge"]))/float64(median(took["warm-raw"])), "warm-merge/warm-raw")
				git := milliseconds(lines.merge(s, count))
				b.ReportMetric(git, "git-ms")
				ms := func(what string) float64 { return milliseconds(median(took[what])) }
				report = append(report, fmt.Sprintf("| %s | %d | %.1f | %.1f | %.1f | %.2f | %.1f | %.1f | %.2f | %.0f | %.4f |", s, count, ms("raw"), ms("kept"),
					ms("merge"), ms("merge")/ms("raw"), ms("warm-raw"), ms("warm-merge"), ms("warm-merge")/ms("warm-raw"), git, ms("merge")/git))
			})
		}
	}
}

// mergeReport names the file that BenchmarkMerge writes its table to.
const mergeReport = "AERGO_MERGE_REPORT"

func writeReport(b *testing.B, rows int, lines []string) {
	path := os.Getenv(mergeReport)
	if path == "" {
		return
	}
	text := fmt.Sprintf(`# Merges beside their limits

Written by `+"`make bench`"+` (`+"`go test -run '^$' -bench Merge ./merge/bench`"+`).

Two branches of a table of %d rows, each with so many rows changed: scattered, next to each other, or all of
them changed by both sides. All end in the same state, or the measurement fails; times are medians of some
runs in turns, in milliseconds. *Raw* is a three-way merge of the two state trees in this process, with its new nodes in
memory: it knows no transactions, no signatures, no account and no reasons. *Kept* is the same with the nodes synced to disk. *Merge* is aergo's
own, signed and durable, which runs every transaction again. All three begin on repositories just opened; *warm*
ones have in memory what they read. git merges the same rows as lines of a sorted file, once, as a process.

| rows | a side | raw | kept | merge | merge/raw | warm raw | warm merge | warm merge/raw | git | merge/git |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
%s
`, rows, strings.Join(lines, "\n"))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.Error(err)
	}
}

// lines is the table as lines of a file that git keeps.
type lines struct {
	b      *testing.B
	folder string
	n      int
}

const linesFile = "rows.txt"

func newLines(b *testing.B, n int) *lines {
	g := &lines{b: b, folder: b.TempDir(), n: n}
	g.git(0, "init", "-q")
	g.write()
	g.git(0, "add", linesFile)
	g.git(0, "commit", "-q", "-m", "The table")
	return g
}

// git runs git, which may exit with worst at most.
func (g *lines) git(worst int, args ...string) time.Duration {
	g.b.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = g.folder
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0", "GIT_CONFIG_KEY_1=init.defaultBranch", "GIT_CONFIG_VALUE_1=master",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org")
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil && cmd.ProcessState.ExitCode() > worst {
		g.b.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return took
}

func (g *lines) write(changes ...rows.Changes) {
	g.b.Helper()
	f, err := os.Create(filepath.Join(g.folder, linesFile))
	if err == nil {
		err = rows.WriteLines(f, g.n, changes...)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		g.b.Fatal(err)
	}
}

// merge has git merge the two sides, once.
func (g *lines) merge(s shape, count int) time.Duration {
	g.b.Helper()
	for i, change := range s.sides(g.n, count) {
		g.git(0, "checkout", "-q", "-f", "-B", string(sideNames()[i]), "master")
		g.write(change)
		g.git(0, "commit", "-q", "-a", "-m", "A side")
	}
	g.git(0, "checkout", "-q", "-f", string(sideNames()[0]))
	worst := 0
	if s == clashing {
		worst = 1
	}
	took := g.git(worst, "merge", "-q", "-m", "A merge", string(sideNames()[1]))
	g.git(0, "reset", "-q", "--hard")
	return took
}
