package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"aergo/testdata/rows"
)

// aergoImports measures init, import and commit, and returns the last repository made.
func (t *tableBench) aergoImports() string {
	var made, imported, committed []cost
	var folder string
	for range t.runs {
		if folder != "" {
			t.remove(folder)
		}
		folder = t.fresh()
		made = append(made, t.run(t.aergo, folder, "init"))
		c := t.run(t.aergo, folder, "import", t.csv, "--table", "t", "--key", "id")
		c.diskBytes = t.weighAergo(folder)
		imported = append(imported, c)
		committed = append(committed, t.aergoCommit(folder))
	}
	t.add("aergo", "init", made)
	t.add("aergo", opImport, imported)
	t.add("aergo", "commit of the import", committed)

	t.aergoExports(folder)
	shuffled := t.file("shuffled.csv", func(f *os.File) error { return rows.WriteShuffled(f, t.n) })
	other := t.fresh()
	t.run(t.aergo, other, "init")
	t.add("aergo", "import, rows in any order", []cost{t.run(t.aergo, other, "import", shuffled, "--table", "t", "--key", "id")})
	t.remove(other)
	return folder
}

// aergoExports measures export, and makes sure that what was imported comes back byte for
// byte.
func (t *tableBench) aergoExports(folder string) {
	out := filepath.Join(t.folder, "exported.csv")
	t.add("aergo", "export", t.repeat(t.aergo, folder, t.runs, same("export", "t", "-o", out)))
	if got, want := t.digest(out), t.digest(t.csv); got != want {
		t.b.Fatalf("export of %d rows hashes to %x, the imported file to %x", t.n, got, want)
	}
	t.remove(out)
}

func (t *tableBench) weighAergo(folder string) int64 {
	return t.weigh(filepath.Join(folder, ".aergo"))
}

// aergoCommit commits what is pending; the disk's growth is part of the cost.
func (t *tableBench) aergoCommit(folder string) cost {
	before := t.weighAergo(folder)
	c := t.run(t.aergo, folder, "commit", "-m", "A commit")
	c.diskBytes = t.weighAergo(folder) - before
	return c
}

// aergoNames measures what should not depend on the table's size.
func (t *tableBench) aergoNames(base string) {
	folder := t.clone(base)
	key := strconv.Itoa(rows.ID(t.n / 3))
	for _, m := range []struct {
		operation string
		args      func(run int) []string
	}{
		{"status", same("status")},
		{"branch", numbered("branch", "branch")},
		{"tag", numbered("tag", "tag")},
		{"checkout -b", numbered("checkout", "-b", "new")},
		{"checkout", func(run int) []string { return []string{"checkout", []string{"master", "branch0"}[run%2]} }},
		{"get", same("get", "t", key)},
	} {
		t.add("aergo", m.operation, t.repeat(t.aergo, folder, shortRuns, m.args))
	}
	t.remove(folder)
}

// aergoChanges measures preparing, committing and showing changes all over the table.
func (t *tableBench) aergoChanges(base string, count int) {
	folder := t.clone(base)
	var applied, committed, differ []cost
	for run := range t.runsFor(count) {
		ops := t.ops(rows.Changes{Rows: t.n, Count: count, Round: run})
		before := t.weighAergo(folder)
		c := t.run(t.aergo, folder, "apply", ops)
		c.diskBytes = t.weighAergo(folder) - before
		applied = append(applied, c)
		committed = append(committed, t.aergoCommit(folder))
		differ = append(differ, t.run(t.aergo, folder, "diff", "HEAD~1", "HEAD"))
	}
	t.add("aergo", "apply "+short(count), applied)
	t.add("aergo", "commit of "+short(count), committed)
	t.add("aergo", "diff of "+short(count), differ)
	t.limit("apply "+short(count), applied)
	t.remove(folder)
}

// aergoMerges measures the merge of two branches that each change count rows. Unless they
// are meant to clash, the merge fails if anything is excluded.
func (t *tableBench) aergoMerges(base string, kind mergeKind, count int) {
	folder := t.clone(base)
	for i, side := range kind.sides(t.n, count) {
		t.run(t.aergo, folder, "checkout", "master")
		t.run(t.aergo, folder, "checkout", "-b", fmt.Sprint("side", i))
		t.run(t.aergo, folder, "apply", t.ops(side))
		t.run(t.aergo, folder, "commit", "-m", "A side")
	}
	args := []string{"merge", "side0"}
	if kind != clashing {
		args = append(args, "--strict")
	}
	var merged []cost
	for range t.runsFor(count) {
		at := t.clone(folder)
		before := t.weighAergo(at)
		c := t.run(t.aergo, at, args...)
		c.diskBytes = t.weighAergo(at) - before
		merged = append(merged, c)
		t.remove(at)
	}
	t.add("aergo", mergeName(kind, count), merged)
	t.limit(mergeName(kind, count), merged)
	t.remove(folder)
}

// histories measures the log of a long chain of commits of one change each, on a table of
// 1,000 rows.
func (w *whole) histories(commits int) {
	t := &tableBench{whole: w, n: 1_000, folder: w.fresh()}
	t.csv = t.file("rows.csv", func(f *os.File) error { return rows.WriteCSV(f, t.n) })
	t.aergoHistory(commits)
	t.gitHistory(commits)
	t.remove(t.folder)
}

func (t *tableBench) aergoHistory(commits int) {
	folder := t.fresh()
	t.run(t.aergo, folder, "init")
	t.run(t.aergo, folder, "import", t.csv, "--table", "t", "--key", "id")
	var last []cost
	for i := range commits {
		ops := t.ops(rows.Changes{Rows: t.n, Count: 1, Round: i, Side: rows.Side(i % 2)})
		applied := t.run(t.aergo, folder, "apply", ops)
		committed := t.aergoCommit(folder)
		if i >= commits-shortRuns {
			last = append(last, applied.then(committed))
		}
	}
	name := short(commits)
	t.add("aergo", "apply and commit, after "+name+" commits", last)
	t.add("aergo", "log of "+name+" commits", t.repeat(t.aergo, folder, shortRuns, same("log")))
	t.add("aergo", "status after "+name+" commits", t.repeat(t.aergo, folder, shortRuns, same("status")))
	t.report.add(t.n, "aergo", "bytes after "+name+" commits", cost{diskBytes: t.weighAergo(folder)})
	t.remove(folder)
}
