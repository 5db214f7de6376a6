package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdKeepLine puts the only line of stdout into a variable: keep-line VARIABLE
func cmdKeepLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep-line VARIABLE")
	}
	ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile("stdout"), "\n"))
}

// cmdRecipe writes a script of docs/ci.md to a file: recipe NAME
func cmdRecipe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: recipe NAME")
	}
	text, err := os.ReadFile("../../docs/ci.md")
	ts.Check(err)
	found := regexp.MustCompile("(?ms)^```sh " + regexp.QuoteMeta(args[0]) + "\n(.*?)^```$").FindSubmatch(text)
	if found == nil {
		ts.Fatalf("docs/ci.md has no script %s", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), found[1], 0o666))
}

// storyEnviron is the environment of a story's programs, and what is added to it.
func storyEnviron(ts *testscript.TestScript, add ...string) []string {
	var env []string
	for _, name := range []string{"AERGO_HOME", "AERGO_IDENTITY", "STORY_CLOCK", "STORY_SERVER", "TZ", "PATH", "GORACE"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return append(env, add...)
}

// cmdJobs runs a script so many times at once, each in a folder of its own: jobs COUNT SCRIPT
// They find their number in JOB. All of them have to succeed.
func cmdJobs(ts *testscript.TestScript, neg bool, args []string) {
	var count int
	if neg || len(args) != 2 || json.Unmarshal([]byte(args[0]), &count) != nil {
		ts.Fatalf("usage: jobs COUNT SCRIPT")
	}
	var all sync.WaitGroup
	failures := make([]string, count)
	for i := range count {
		cmd := exec.Command("sh", "-e", ts.MkAbs(args[1]))
		cmd.Dir = ts.MkAbs(fmt.Sprint("job-", i))
		ts.Check(os.Mkdir(cmd.Dir, 0o777))
		cmd.Env = storyEnviron(ts, fmt.Sprint("JOB=", i), "LEDGER="+ts.Getenv("LEDGER"))
		all.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				failures[i] = fmt.Sprintf("job %d: %v\n%s", i, err, out)
			}
		})
	}
	all.Wait()
	if failed := strings.Join(failures, ""); failed != "" {
		ts.Fatalf("%s", failed)
	}
}

// cmdAccounted compares what jobs were told with what a repository says: accounted COUNT FOLDER
func cmdAccounted(ts *testscript.TestScript, neg bool, args []string) {
	var count int
	if neg || len(args) != 2 || json.Unmarshal([]byte(args[0]), &count) != nil {
		ts.Fatalf("usage: accounted COUNT FOLDER")
	}
	const each = 3 // transactions
	var told []string
	for i := range count {
		text, err := os.ReadFile(filepath.Join(ts.MkAbs(fmt.Sprint("job-", i)), "pushed.json"))
		ts.Check(err)
		var said pushedJSON
		ts.Check(json.Unmarshal(text, &said))
		if int(said.Applied)+len(said.Excluded) != each || len(said.Excluded) > 1 {
			ts.Fatalf("job %d is told of %d applied and %v", i, said.Applied, said.Excluded)
		}
		for _, x := range said.Excluded {
			if x.Table != "state" || x.Reason == "" {
				ts.Fatalf("job %d: excluded %+v", i, x)
			}
			told = append(told, fmt.Sprint(x.Transaction))
		}
	}
	cmd := exec.Command("aergo", "-C", args[1], "excluded", "--json")
	cmd.Dir, cmd.Env = ts.MkAbs("."), storyEnviron(ts)
	out, err := cmd.Output()
	ts.Check(err)
	var listed []string
	for line := range strings.Lines(string(out)) {
		var x struct {
			TX string `json:"tx"`
		}
		ts.Check(json.Unmarshal([]byte(line), &x))
		listed = append(listed, x.TX)
	}
	slices.Sort(told)
	slices.Sort(listed)
	if !slices.Equal(told, listed) {
		ts.Fatalf("the jobs were told that these are left out:\n%v\nthe ledger says:\n%v", told, listed)
	}
	ts.Logf("%d of %d transactions were left out", len(told), each*count)
}
