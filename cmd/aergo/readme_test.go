package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var updateReadme = flag.Bool("update-readme", false, "write what the commands in README.md and docs/merging.md print into them")

// TestReadme runs the README's tour in a shell, with the real program, and compares what it
// prints. Hashes, keys and times count as equal.
func TestReadme(t *testing.T) {
	runTour(t, "README.md", 20)
}

// TestMergingExamples runs the worked examples of docs/merging.md in the same way.
func TestMergingExamples(t *testing.T) {
	runTour(t, "docs/merging.md", 35)
}

// runTour runs the commands in a page's blocks of console text, one after the other. There
// have to be least of them.
func runTour(t *testing.T, name string, least int) {
	t.Helper()
	page := filepath.Join("..", "..", filepath.FromSlash(name))
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	tour := newTour(t)
	var out strings.Builder
	commands, at, said := 0, 0, "" // said is what the page claims of the last command
	printed := ""
	inBlock, inOutput := false, false
	settle := func() {
		switch {
		case normal(said) == normal(printed):
			out.WriteString(said)
		case *updateReadme:
			out.WriteString(printed)
		default:
			t.Errorf("%s, line %d: go test ./cmd/aergo -run %s -update-readme writes it anew\nit says\n%sthe program says\n%s", name, at, t.Name(), said, printed)
		}
		said, printed, inOutput = "", "", false
	}
	for line := range strings.Lines(string(text)) {
		at++
		command, isCommand := strings.CutPrefix(line, "$ ")
		if inOutput && (isCommand || line == "```\n") {
			settle()
		}
		switch {
		case line == "```console\n":
			inBlock = true
		case line == "```\n":
			inBlock = false
		case inBlock && isCommand:
			printed = tour.run(strings.TrimSuffix(command, "\n"))
			inOutput = true
			commands++
		case inOutput:
			said += line
			continue
		}
		out.WriteString(line)
	}
	if commands < least {
		t.Errorf("found %d commands only", commands)
	}
	if *updateReadme && !t.Failed() {
		if err := os.WriteFile(page, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tour is a shell that remembers where it is.
type tour struct {
	t      *testing.T
	home   string
	folder string
	path   string
}

func newTour(t *testing.T) *tour {
	t.Helper()
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "aergo"), ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &tour{t: t, home: home, folder: home, path: bin + string(os.PathListSeparator) + os.Getenv("PATH")}
}

// run runs a line of a page and returns what it prints, on both streams.
func (r *tour) run(line string) string {
	r.t.Helper()
	where := filepath.Join(r.home, ".folder")
	cmd := exec.Command("sh", "-c", line+"\nstatus=$?\npwd >"+where+"\nexit $status")
	cmd.Dir = r.folder
	cmd.Env = []string{
		"PATH=" + r.path, "HOME=" + r.home, "XDG_CONFIG_HOME=" + filepath.Join(r.home, ".config"), "AERGO_IDENTITY=ada", "TZ=UTC", "LC_ALL=C",
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		r.t.Fatalf("%s: %v\n%s", line, err, &out)
	}
	folder, err := os.ReadFile(where)
	if err != nil {
		r.t.Fatal(err)
	}
	r.folder = strings.TrimSpace(string(folder))
	return strings.ReplaceAll(out.String(), r.home, "~")
}

// normal puts a word for what is different in every run.
func normal(text string) string {
	changing := regexp.MustCompile(`\b([0-9a-f]{8}|[0-9a-f]{64}|20\d\d-\d\d-\d\d \d\d:\d\d)\b`)
	return changing.ReplaceAllString(text, "\x00")
}
