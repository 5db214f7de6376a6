package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	opImport    = "import"
	limitColumn = "limit"
	changesFile = "changes.jsonl"
)

// report gathers medians and prints them as one table for each size of the table.
type report struct {
	start cost // of a process that does nothing
	lines []*reportLine
	load  string // when the run began
}

// reportLine is one operation on a table of so many rows, by column: "aergo", "git" or "limit".
type reportLine struct {
	rows      int
	operation string
	took      map[string]cost
}

func newReport() *report { return &report{load: loadAverage()} }

func (r *report) add(rows int, column, operation string, took cost) {
	for _, l := range r.lines {
		if l.rows == rows && l.operation == operation {
			l.took[column] = took
			return
		}
	}
	r.lines = append(r.lines, &reportLine{rows: rows, operation: operation, took: map[string]cost{column: took}})
}

// anchor is what was measured elsewhere for an operation on a million rows, and what this
// program is meant to reach. Zero is unknown.
type anchor struct {
	doltMillis, doltMiB float64
	targetMillis        float64
	targetBytes         int64
}

// anchors returns the anchors by operation.
func anchors() map[string]anchor {
	const mb = 1_000_000
	return map[string]anchor{
		"init":                         {doltMillis: 114, doltMiB: 72},
		opImport:                       {doltMillis: 9960, doltMiB: 344, targetMillis: 10_000. / 3, targetBytes: 59.2 * mb},
		"status":                       {doltMillis: 99, doltMiB: 85, targetMillis: 99. / 5},
		"branch":                       {doltMillis: 132, doltMiB: 85, targetMillis: 132. / 5},
		"tag":                          {doltMillis: 124, doltMiB: 85, targetMillis: 124. / 5},
		"checkout -b":                  {doltMillis: 134, doltMiB: 89, targetMillis: 134. / 5},
		"checkout":                     {targetMillis: 134. / 5},
		"get":                          {doltMillis: 96, doltMiB: 83},
		"apply 1":                      {doltMillis: 106, doltMiB: 85},
		"apply 1k":                     {doltMillis: 242, doltMiB: 116, targetMillis: 242. / 3},
		"apply 100k":                   {doltMillis: 3550, doltMiB: 438},
		"commit of 1":                  {doltMillis: 130, doltMiB: 90, targetMillis: 130. / 3},
		"commit of 1k":                 {doltMillis: 130, doltMiB: 90, targetMillis: 130. / 3},
		"commit of 100k":               {doltMillis: 130, doltMiB: 90, targetMillis: 130. / 3},
		"diff of 1k":                   {doltMillis: 190, doltMiB: 111, targetMillis: 190. / 3},
		"diff of 100k":                 {doltMillis: 1060, doltMiB: 301},
		"merge 1k+1k, scattered":       {doltMillis: 376, doltMiB: 143, targetMillis: 376. / 3},
		"merge 10k+10k, scattered":     {doltMillis: 1220, doltMiB: 404, targetMillis: 1220. / 3},
		"merge 100k+100k, scattered":   {doltMillis: 2330, doltMiB: 624, targetMillis: 2330. / 3},
		"merge 1k+1k, contiguous":      {doltMillis: 133, doltMiB: 90},
		"merge 10k+10k, contiguous":    {doltMillis: 136, doltMiB: 100},
		"merge 100k+100k, contiguous":  {doltMillis: 288, doltMiB: 110},
		"merge 1k+1k, all in conflict": {doltMillis: 245, doltMiB: 117},
		"log of 1k commits":            {doltMillis: 2530, doltMiB: 132, targetMillis: 2530. / 10},
	}
}

// anchor returns the anchor of a line: targets are stated for the largest table, but hold
// for every size; the log's is stated for the history.
func (l *reportLine) anchor() anchor {
	a := anchors()[l.operation]
	if l.rows < 1_000_000 && !strings.HasPrefix(l.operation, "log") {
		a.doltMillis, a.doltMiB, a.targetBytes = 0, 0, 0
	}
	return a
}

// sizes returns the sizes of table, in the order in which they were measured.
func (r *report) sizes() []int {
	var sizes []int
	for _, l := range r.lines {
		if !slices.Contains(sizes, l.rows) {
			sizes = append(sizes, l.rows)
		}
	}
	return sizes
}

func (r *report) print(b *testing.B) {
	var out bytes.Buffer
	r.head(&out)
	for _, n := range r.sizes() {
		fmt.Fprintf(&out, "\n## A table of %d rows\n\n", n)
		out.WriteString("| operation | aergo ms | cpu ms | MiB | disk kB | git ms | aergo/git | limit ms | aergo/limit | Dolt ms | MiB | target ms | met |\n")
		out.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n")
		for _, l := range r.lines {
			if l.rows == n {
				l.write(&out)
			}
		}
	}
	r.same(&out)
	for _, l := range r.lines {
		if a := l.anchor(); a.targetMillis > 0 {
			b.ReportMetric(millis(l.took["aergo"].wall), strings.ReplaceAll(strings.ReplaceAll(l.operation, ",", ""), " ", "-")+"-"+short(l.rows)+"-ms")
		}
	}
	fmt.Printf("\n%s\n", out.Bytes())
	path := os.Getenv("AERGO_BENCH_REPORT")
	if path == "" {
		return
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
}

func (r *report) head(out *bytes.Buffer) {
	fmt.Fprintf(out, `# Benchmarks

Written by `+"`make bench`"+` (`+"`go test -run '^$' -bench Whole ./cmd/aergo`"+`).

Whole processes, from start to exit, with what they print thrown away; medians of %d runs, of
1 to %d where one takes seconds. git does the same in the same run, with the same rows as lines of a
sorted file: "import" and "apply" are its "add", and writing the file is left out. The limit starts a process,
reads the input, and hashes, writes and syncs the bytes: for an import those of the CSV, otherwise as many as
aergo kept. Disk is what the command added to the repository's folder. MiB is the largest resident set; nothing
below %.0f MiB can be told, since the kernel counts the benchmark's own process in.

The columns of Dolt 2.3.1 were measured elsewhere, at another moment of another machine: use them as
orientation; Dolt is run beside in review. The targets are derived from them.

- Machine: %s
- System: %s, %s, %s
- Load when the run began: %s; when it ended: %s
`,
		shortRuns, longRuns, mebi(r.start.rssBytes), machine(), firstLine("/proc/sys/kernel/osrelease"), runtime.Version(), gitVersion(), r.load, loadAverage())
}

// write adds the line to a table in Markdown.
func (l *reportLine) write(out *bytes.Buffer) {
	aergo, git, limit, a := l.took["aergo"], l.took["git"], l.took[limitColumn], l.anchor()
	fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", l.operation,
		number(millis(aergo.wall)), number(millis(aergo.cpu)), number(mebi(aergo.rssBytes)), number(float64(aergo.diskBytes)/1000),
		number(millis(git.wall)), ratio(aergo.wall, git.wall), number(millis(limit.wall)), ratio(aergo.wall, limit.wall),
		number(a.doltMillis), number(a.doltMiB), number(a.targetMillis), a.met(aergo))
}

// met says whether a cost meets what is aimed at, and what stands against it.
func (a anchor) met(took cost) string {
	var against []string
	if millis(took.wall) > a.targetMillis {
		against = append(against, "time")
	}
	if a.targetBytes > 0 && took.diskBytes > a.targetBytes {
		against = append(against, fmt.Sprintf("disk above %d kB", a.targetBytes/1000))
	}
	if a.targetBytes > 0 && mebi(took.rssBytes) > a.doltMiB {
		against = append(against, "memory")
	}
	switch {
	case a.targetMillis == 0:
		return ""
	case len(against) > 0:
		return "**no**: " + strings.Join(against, ", ")
	}
	return "yes"
}

// same shows whether what should not depend on the table's size does.
func (r *report) same(out *bytes.Buffer) {
	if len(r.sizes()) < 2 {
		return
	}
	follows := func(operation string) bool {
		return strings.Contains(operation, "import") || operation == "export"
	}
	out.WriteString("\n## The same at both sizes\n\n| operation | 1k rows, ms | 1M rows, ms | ratio |\n|---|--:|--:|--:|\n")
	for _, small := range r.lines {
		for _, large := range r.lines {
			if small.rows == 1_000 && large.rows == 1_000_000 && small.operation == large.operation &&
				small.took["aergo"].wall > 0 && !follows(small.operation) {
				s, l := small.took["aergo"].wall, large.took["aergo"].wall
				fmt.Fprintf(out, "| %s | %s | %s | %s |\n", small.operation, number(millis(s)), number(millis(l)), ratio(l, s))
			}
		}
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// number writes a figure with as many digits as it deserves, and nothing for zero.
func number(v float64) string {
	switch {
	case v == 0:
		return ""
	case v < 9.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func machine() string {
	model := "unknown processor"
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
			}
		}
	}
	memory := strings.Join(strings.Fields(strings.TrimPrefix(firstLine("/proc/meminfo"), "MemTotal:")), " ")
	return fmt.Sprintf("%d processors (%s), %s of memory", runtime.NumCPU(), model, memory)
}

func gitVersion() string {
	out, err := exec.Command("git", "version").Output()
	if err != nil {
		return "git of unknown version"
	}
	return strings.TrimSpace(string(out))
}

func loadAverage() string {
	fields := strings.Fields(firstLine("/proc/loadavg"))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

func firstLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}
