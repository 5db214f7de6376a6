package main_test

import (
	"fmt"
	"os"
	"path/filepath"

	"aergo/testdata/rows"
)

const gitFile = "rows.txt"

// gitAdds measures init, and add and commit of the rows as lines, and returns the last
// repository made. Making the file itself is not measured.
func (t *tableBench) gitAdds() string {
	lines := t.file(gitFile, func(f *os.File) error { return rows.WriteLines(f, t.n) })
	var made, added, committed []cost
	var folder string
	for range t.runs {
		if folder != "" {
			t.remove(folder)
		}
		folder = t.fresh()
		made = append(made, t.run(t.git, folder, "init", "-q"))
		t.copyFile(filepath.Join(folder, gitFile), lines)
		c := t.run(t.git, folder, "add", gitFile)
		c.diskBytes = t.weighGit(folder)
		added = append(added, c)
		committed = append(committed, t.gitCommit(folder))
	}
	t.add("git", "init", made)
	t.add("git", opImport, added)
	t.add("git", "commit of the import", committed)
	return folder
}

func (t *tableBench) weighGit(folder string) int64 { return t.weigh(filepath.Join(folder, ".git")) }

func (t *tableBench) gitCommit(folder string) cost {
	before := t.weighGit(folder)
	c := t.run(t.git, folder, "commit", "-q", "-m", "A commit")
	c.diskBytes = t.weighGit(folder) - before
	return c
}

// gitClone copies a repository and lets git forget that its files have moved.
func (t *tableBench) gitClone(base string) string {
	folder := t.clone(base)
	t.run(t.git, folder, "update-index", "-q", "--refresh")
	return folder
}

func (t *tableBench) gitNames(base string) {
	folder := t.gitClone(base)
	for _, m := range []struct {
		operation string
		args      func(run int) []string
	}{
		{"status", same("status", "--short")},
		{"branch", numbered("branch", "branch")},
		{"tag", numbered("tag", "tag")},
		{"checkout -b", numbered("checkout", "-q", "-b", "new")},
		{"checkout", func(run int) []string { return []string{"checkout", "-q", []string{"master", "branch0"}[run%2]} }},
	} {
		t.add("git", m.operation, t.repeat(t.git, folder, shortRuns, m.args))
	}
	t.remove(folder)
}

// gitRuns returns how often git is run on so many changes. It takes a minute to merge the
// most.
func (t *tableBench) gitRuns(count int) int {
	if count >= 100_000 {
		return 1
	}
	return t.runs
}

// gitChange writes the rows with changes into the work tree.
func (t *tableBench) gitChange(folder string, changes ...rows.Changes) {
	t.write(filepath.Join(folder, gitFile), func(f *os.File) error { return rows.WriteLines(f, t.n, changes...) })
}

func (t *tableBench) gitChanges(base string, count int) {
	folder := t.gitClone(base)
	var added, committed, differ []cost
	for run := range t.gitRuns(count) {
		t.gitChange(folder, rows.Changes{Rows: t.n, Count: count, Round: run})
		before := t.weighGit(folder)
		c := t.run(t.git, folder, "add", gitFile)
		c.diskBytes = t.weighGit(folder) - before
		added = append(added, c)
		committed = append(committed, t.gitCommit(folder))
		differ = append(differ, t.run(t.git, folder, "diff", "HEAD~1", "HEAD"))
	}
	t.add("git", "apply "+short(count), added)
	t.add("git", "commit of "+short(count), committed)
	t.add("git", "diff of "+short(count), differ)
	t.remove(folder)
}

// gitMerges measures git's merge of the same two sides. Where every change conflicts git
// leaves the file with markers and exits with 1.
func (t *tableBench) gitMerges(base string, kind mergeKind, count int) {
	folder := t.gitClone(base)
	for i, side := range kind.sides(t.n, count) {
		t.run(t.git, folder, "checkout", "-q", "-b", fmt.Sprint("side", i), "master")
		t.gitChange(folder, side)
		t.run(t.git, folder, "commit", "-q", "-a", "-m", "A side")
	}
	worst := 0
	if kind == clashing {
		worst = 1
	}
	var merged []cost
	for range t.gitRuns(count) {
		at := t.gitClone(folder)
		before := t.weighGit(at)
		c := t.runUpTo(t.git, worst, at, "merge", "-q", "-m", "A merge", "side0")
		c.diskBytes = t.weighGit(at) - before
		merged = append(merged, c)
		t.remove(at)
	}
	t.add("git", mergeName(kind, count), merged)
	t.remove(folder)
}

func (t *tableBench) gitHistory(commits int) {
	folder := t.fresh()
	t.run(t.git, folder, "init", "-q")
	t.copyFile(filepath.Join(folder, gitFile), t.file(gitFile, func(f *os.File) error { return rows.WriteLines(f, t.n) }))
	t.run(t.git, folder, "add", gitFile)
	var last []cost
	for i := range commits {
		t.gitChange(folder, rows.Changes{Rows: t.n, Count: 1, Round: i, Side: rows.Side(i % 2)})
		added := t.run(t.git, folder, "add", gitFile)
		committed := t.gitCommit(folder)
		if i >= commits-shortRuns {
			last = append(last, added.then(committed))
		}
	}
	name := short(commits)
	t.add("git", "apply and commit, after "+name+" commits", last)
	t.add("git", "log of "+name+" commits", t.repeat(t.git, folder, shortRuns, same("log")))
	t.add("git", "status after "+name+" commits", t.repeat(t.git, folder, shortRuns, same("status", "--short")))
	t.report.add(t.n, "git", "bytes after "+name+" commits", cost{diskBytes: t.weighGit(folder)})
	t.remove(folder)
}
