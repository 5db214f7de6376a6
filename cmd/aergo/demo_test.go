package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"aergo/cmd/aergo/ui"
	"aergo/testdata/multicodec"
)

// runDemo runs the demo as a user without any keys would, and returns what it prints.
func runDemo(t *testing.T, args ...string) (exit int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := systemEnvironment()
	env.Getenv = func(string) string { return "" }
	env.ConfigHome = func() (string, error) { return "", fmt.Errorf("the demo looks for the user's own keys") }
	exit = run(t.Context(), append([]string{"demo"}, args...), &ui.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, env)
	return exit, stdout.String(), stderr.String()
}

func TestDemoPlaysToItsEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "play")
	exit, out, errs := runDemo(t, dir)
	if exit != 0 || errs != "" {
		t.Fatalf("exit code %d, and says %s", exit, errs)
	}
	for _, want := range []string{
		`Imported 422 rows into codecs`,
		`Pushed 1 transaction into master as [0-9a-f]{8}\n`,
		`Pushed 0 transactions into master as [0-9a-f]{8}, 1 excluded`,
		`(?s)aergo get codecs 0x0200\n.*name +json\n`,
		`table codecs: nothing changed`,
		`Good: 11 blocks`,
		`All this is yours now`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("it does not say %s", want)
		}
	}
	if strings.Contains(out, dir+"/codecs/.aergo") {
		t.Error("it shows paths that are different every time")
	}
	before := folderNames(t, dir)
	exit, _, errs = runDemo(t, dir)
	if exit != 2 || !strings.Contains(errs, "is not empty") || !slices.Equal(before, folderNames(t, dir)) {
		t.Errorf("in a folder with something in it: exit code %d, and says %s", exit, errs)
	}
}

func folderNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestDemoForScripts(t *testing.T) {
	exit, out, errs := runDemo(t, "--json", filepath.Join(t.TempDir(), "play"))
	if exit != 0 || errs != "" {
		t.Fatalf("exit code %d, and says %s", exit, errs)
	}
	want := 0
	for _, s := range demoScenes() {
		want += len(s.commands)
	}
	if got := strings.Count(out, "\n"); got != want {
		t.Errorf("%d lines for %d commands", got, want)
	}
	for line := range strings.Lines(out) {
		var c demoJSON
		if err := json.Unmarshal([]byte(line), &c); err != nil || c.Command[0] != "aergo" {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestDemoIsTrue compares what the demo says with the data that it was taken from.
func TestDemoIsTrue(t *testing.T) {
	tables := multicodecTables(t, 92)
	for _, c := range []struct {
		commit int
		file   []byte
	}{{82, multicodec.Before}, {92, multicodec.After}} {
		want := tables[c.commit]
		delete(want, "ipfs")
		if got := csvRows(t, c.file); !maps.Equal(got, want) {
			t.Errorf("commit %d: the file has %d rows, the table %d, or they differ", c.commit, len(got), len(want))
		}
	}
	// Where git stopped: 91 brings json and messagepack together, 92 those and zeronet.
	merges, err := os.ReadFile(filepath.Join("..", "..", "testdata", "multicodec", "merges.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []int{91, 92} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\{"c": %d,.*"git": "conflict"`, c)).Match(merges) {
			t.Errorf("git did not stop at merge %d", c)
		}
	}
}

// csvRows returns the rows by name, each as its cells.
func csvRows(t *testing.T, file []byte) map[string][4]string {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][4]string{}
	for _, cells := range lines[1:] {
		rows[cells[0]] = [4]string(cells)
	}
	return rows
}

// multicodecTables returns the table at each commit up to the last, built from the shipped deltas.
func multicodecTables(t *testing.T, last int) []map[string][4]string {
	t.Helper()
	folder := filepath.Join("..", "..", "testdata", "multicodec")
	commits, err := os.Open(filepath.Join(folder, "commits.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer commits.Close()
	packed, err := os.Open(filepath.Join(folder, "deltas.jsonl.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := zstd.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer unpacked.Close()

	type delta struct {
		C    int
		Cols []string
		Put  [][]string
		Del  [][]string
	}
	deltas := map[int]delta{}
	for in := json.NewDecoder(unpacked); ; {
		var d delta
		if err := in.Decode(&d); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		deltas[d.C] = d
	}
	var tables []map[string][4]string
	in := json.NewDecoder(commits)
	for len(tables) <= last {
		var c struct {
			C       int
			Parents []int
		}
		if err := in.Decode(&c); err != nil {
			t.Fatal(err)
		}
		rows := map[string][4]string{}
		if len(c.Parents) > 0 {
			rows = maps.Clone(tables[c.Parents[0]])
		}
		d := deltas[c.C]
		for _, key := range d.Del {
			delete(rows, key[0])
		}
		for _, cells := range d.Put {
			var row [4]string
			for i, column := range []string{"name", "tag", "code", "description"} {
				if at := slices.Index(d.Cols, column); at >= 0 {
					row[i] = cells[at]
				}
			}
			rows[row[0]] = row
		}
		tables = append(tables, rows)
	}
	return tables
}
