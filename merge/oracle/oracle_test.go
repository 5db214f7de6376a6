package oracle

import (
	"errors"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The model is worth something only as long as it shares no code with what it judges.
func TestOracleImportsTheStandardLibraryOnly(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(name, "/")
			if first == "aergo" || strings.Contains(first, ".") {
				t.Errorf("%s imports %s", file, name)
			}
		}
	}
}

func put(key string, fields ...string) []Op {
	op := Op{Kind: Put, Key: key, Fields: map[string]Value{}}
	for i := 0; i < len(fields); i += 2 {
		op.Fields[fields[i]] = Value(fields[i+1])
	}
	return []Op{op}
}

func commit(t *testing.T, head *Block, batch string, wants ...[]Op) *Block {
	t.Helper()
	d := NewDraft(head.State)
	for _, w := range wants {
		if _, err := d.Do(w); err != nil {
			t.Fatal(err)
		}
	}
	for _, tx := range d.Txs {
		tx.ID.Batch = batch
	}
	return Commit(head, "ada", d.Txs)
}

// The words of docs/merging.md, one by one.
func TestRulesAsTheDocumentsStateThem(t *testing.T) {
	base := commit(t, Root("root", "ada"), "base", put("r", "a", "1", "n", "0"))
	incr := func(n string) []Op { return []Op{{Kind: Add, Key: "r", Fields: map[string]Value{"n": Value(n)}}} }
	del := []Op{{Kind: Delete, Key: "r"}}
	insert := []Op{{Kind: Insert, Key: "r", Fields: map[string]Value{"a": "1", "n": "0"}}}
	for _, test := range []struct {
		name     string
		ours     [][]Op
		theirs   [][]Op
		mode     Mode
		a, n     Value
		excluded int
		noop     int
	}{
		{name: "two fields of a row", ours: [][]Op{put("r", "b", "1")}, theirs: [][]Op{put("r", "a", "2")}, a: "2", n: "0"},
		{name: "deltas add up", ours: [][]Op{incr("5")}, theirs: [][]Op{incr("5")}, a: "1", n: "10"},
		{name: "both wrote the same", ours: [][]Op{put("r", "a", "2")}, theirs: [][]Op{put("r", "a", "2")}, a: "2", n: "0", noop: 1},
		{name: "conflict", ours: [][]Op{put("r", "a", "3")}, theirs: [][]Op{put("r", "a", "2")}, a: "3", n: "0", excluded: 1},
		{name: "conflict, ours", ours: [][]Op{put("r", "a", "3")}, theirs: [][]Op{put("r", "a", "2")}, mode: Ours, a: "3", n: "0", excluded: 1},
		{name: "conflict, theirs", ours: [][]Op{put("r", "a", "3")}, theirs: [][]Op{put("r", "a", "2")}, mode: Theirs, a: "2", n: "0", excluded: 1},
		{name: "field there and back", ours: [][]Op{put("r", "a", "3")}, theirs: [][]Op{put("r", "a", "2"), put("r", "a", "1")}, a: "3", n: "0", noop: 2},
		{name: "row there and back", ours: [][]Op{put("r", "a", "3")}, theirs: [][]Op{del, insert}, a: "3", n: "0", noop: 2},
		{name: "put after somebody's incr", ours: [][]Op{incr("5")}, theirs: [][]Op{put("r", "n", "2")}, a: "1", n: "5", excluded: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			ours, theirs := commit(t, base, "ours", test.ours...), commit(t, base, "theirs", test.theirs...)
			if test.mode == "" {
				test.mode = Exclude
			}
			got := Merge(ours, theirs, Merging{Mode: test.mode, Producer: "ada"})
			row := got.Block.State["r"]
			if row["a"] != test.a || row["n"] != test.n || len(got.Excluded) != test.excluded || got.Noop != test.noop {
				t.Errorf("r is %v, %d excluded, %d no-ops", row, len(got.Excluded), got.Noop)
			}
			if got.Applied+len(got.Excluded) != len(test.theirs) {
				t.Errorf("%d applied of %d", got.Applied, len(test.theirs))
			}
			if again := Merge(got.Block, theirs, Merging{Mode: test.mode}); !again.UpToDate {
				t.Error("merging again does something")
			}
		})
	}
}

// A source that goes on from the target, and has decided otherwise, is merged like any other.
func TestNothingIsOverturned(t *testing.T) {
	put := func(v Value) []Op { return []Op{{Kind: Put, Key: "r", Fields: map[string]Value{"a": v}}} }
	root := Root("root", "ada")
	base := commit(t, root, "base", put("1"))
	ours, theirs := commit(t, base, "ours", put("2")), commit(t, base, "theirs", put("3"))
	how := Merging{Mode: Exclude, Producer: "ada"}
	took := Merge(theirs, ours, how).Block
	got := Merge(ours, took, how)
	if got.FastForward || len(got.Excluded) != 1 || got.Block.State["r"]["a"] != "2" || !got.LeavesOut() {
		t.Errorf("ours becomes %v: %+v", got.Block.State, got)
	}
	back := Merge(took, got.Block, how)
	if !back.UpToDate || len(back.Overruled) != 1 || back.Block != took || !back.LeavesOut() {
		t.Errorf("theirs takes %+v", back)
	}
	if _, err := Pick(took, "ada", []*Tx{back.Overruled[0].Tx}); !errors.Is(err, ErrConflict) {
		t.Errorf("a pick of what is excluded: %v", err)
	}
}
