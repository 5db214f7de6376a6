package replay

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"aergo/repo/store/faultfs"
)

// smallCase has a conflict, an edit by hand, a commit of nothing and an empty table.
func smallCase() *writer {
	w := &writer{}
	w.commit(model{"a": {"x": "1", "y": "1"}, "b": {}})
	w.commit(model{"a": {"x": "2", "y": "1"}}, 0)
	w.commit(model{"a": {"x": "3", "y": "2"}, "b": {"z": "1"}}, 0)
	w.merge(model{"a": {"x": "2", "y": "2"}, "c": {}}, 1, 2)
	w.commit(model{}, 3)
	w.commit(model{}, 4)
	w.commit(model{"a": {"x": "1"}}, 5)
	return w
}

func TestSmallCase(t *testing.T) {
	got := replayed(t, faultfs.New(), smallCase().history(t), 1)
	m := &got.Merges[0]
	// The source's first transaction, on row a, conflicts in x; its second, on b, meets a
	// row that the target deleted. People took y by hand, and made a row of their own.
	if len(m.Account.Excluded) != 2 || len(m.HandEdits) != 2 || m.Cells.Conflicts != 2 || len(m.Cells.Differ) != 0 {
		t.Errorf("%s\n%+v", got, m)
	}
	if got.Transactions != 11 || got.Commits != 7 || got.Branches != 1 {
		t.Errorf("%+v", got)
	}
}

// TestRunTells changes what a case says of its states: the replay stops where the
// repository says otherwise.
func TestRunTells(t *testing.T) {
	for name, c := range map[string]struct {
		commits int // played before
		change  func(h *History)
	}{
		"digest": {3, func(h *History) {
			f := h.Commits[3].Tables["t"]
			f.Digest[0]++
			h.Commits[3].Tables["t"] = f
		}},
		"count": {1, func(h *History) {
			f := h.Commits[1].Tables["t"]
			f.Rows++
			h.Commits[1].Tables["t"] = f
		}},
		"a row more": {5, func(h *History) {
			h.Commits[5].Changes = h.Commits[0].Changes
		}},
		"what is there already": {2, func(h *History) {
			h.Commits[2].Changes[0].Put[0] = h.Commits[0].Changes[0].Put[0]
		}},
		"final row": {7, func(h *History) {
			folder := h.folder.(fstest.MapFS)
			file := folder["final/t.canon.jsonl"]
			file.Data = bytes.Replace(file.Data, []byte(`"1"`), []byte(`"2"`), 1)
		}},
		"final rows missing": {7, func(h *History) {
			file := h.folder.(fstest.MapFS)["final/t.canon.jsonl"]
			file.Data = append(file.Data, "{}\n"...)
		}},
		"final digest": {7, func(h *History) { h.Tables[0].Final.Digest[3]++ }},
	} {
		t.Run(name, func(t *testing.T) {
			h := smallCase().history(t)
			c.change(h)
			report, err := Run(t.Context(), newRepository(t, faultfs.New(), h, 1), h)
			if !errors.Is(err, ErrDiffers) {
				t.Fatalf("it ends with %v", err)
			}
			if played := report.Commits; played != c.commits && played != c.commits+1 {
				t.Errorf("it stops after %d commits, want %d", played, c.commits)
			}
		})
	}
}

func TestLoadHistoryRefuses(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	delta := func(line string) []byte { return z.EncodeAll([]byte(line), nil) }
	for name, c := range map[string]struct {
		file string
		data []byte
		want error
	}{
		"no case":                 {"case.json", nil, fs.ErrNotExist},
		"case not JSON":           {"case.json", []byte("{"), ErrBadCase},
		"table without key":       {"case.json", []byte(`{"tables":[{"name":"t"}]}`), ErrBadCase},
		"no commits":              {"commits.jsonl", []byte("\n"), ErrBadCase},
		"commit not JSON":         {"commits.jsonl", []byte("x"), ErrBadCase},
		"commits out of order":    {"commits.jsonl", []byte(`{"c":1,"author":"a","parents":[]}`), ErrBadCase},
		"parent after its child":  {"commits.jsonl", []byte(`{"c":0,"author":"a"}` + "\n" + `{"c":1,"author":"a","parents":[1]}`), ErrBadCase},
		"two roots":               {"commits.jsonl", []byte(`{"c":0,"author":"a"}` + "\n" + `{"c":1,"author":"a"}`), ErrBadCase},
		"nobody's commit":         {"commits.jsonl", []byte(`{"c":0}`), ErrBadCase},
		"unknown table":           {"commits.jsonl", []byte(`{"c":0,"author":"a","tables":{"u":{"n":0}}}`), ErrBadCase},
		"digest cut":              {"commits.jsonl", []byte(`{"c":0,"author":"a","tables":{"t":{"n":0,"digest":"00"}}}`), ErrBadCase},
		"digest not hex":          {"commits.jsonl", []byte(`{"c":0,"author":"a","tables":{"t":{"digest":"` + string(bytes.Repeat([]byte("x"), 64)) + `"}}}`), ErrBadCase},
		"delta not compressed":    {"deltas.jsonl.zst", []byte("{}"), ErrBadCase},
		"delta not JSON":          {"deltas.jsonl.zst", delta("x"), ErrBadCase},
		"delta of no commit":      {"deltas.jsonl.zst", delta(`{"c":7,"t":"t"}`), ErrBadCase},
		"delta of no table":       {"deltas.jsonl.zst", delta(`{"c":0,"t":"u"}`), ErrBadCase},
		"cells and columns":       {"deltas.jsonl.zst", delta(`{"c":0,"t":"t","cols":["k","x"],"put":[["a"]]}`), ErrBadCase},
		"row not an object":       {"deltas.jsonl.zst", delta(`{"c":0,"t":"t","put":[1]}`), ErrBadCase},
		"key not a text":          {"deltas.jsonl.zst", delta(`{"c":0,"t":"t","put":[{"k":1}]}`), ErrBadCase},
		"deleted key too long":    {"deltas.jsonl.zst", delta(`{"c":0,"t":"t","del":[["a","b"]]}`), ErrBadCase},
		"merge not JSON":          {"merges.jsonl", []byte("x"), ErrBadCase},
		"merge of no merge":       {"merges.jsonl", []byte(`{"c":0}`), ErrBadCase},
		"merge based on the past": {"merges.jsonl", []byte(`{"c":3,"bases":[3]}`), ErrBadCase},
	} {
		t.Run(name, func(t *testing.T) {
			folder := smallCase().folder(t)
			delete(folder, c.file)
			if c.data != nil {
				folder[c.file] = &fstest.MapFile{Data: c.data}
			}
			if h, err := LoadHistory(folder); !errors.Is(err, c.want) {
				t.Errorf("%v, %v", h, err)
			}
		})
	}
}

func TestDigest(t *testing.T) {
	var d Digest
	rows := [][]byte{[]byte("a"), []byte("b"), []byte("c"), []byte("d"), []byte("e")}
	for _, r := range rows {
		d.Add(r)
	}
	var same Digest
	if err := same.UnmarshalText([]byte(d.String())); err != nil || same != d {
		t.Errorf("%s came back as %s, %v", d, same, err)
	}
	// The sum of the five, by other means: big integers, modulo 2^256.
	if want := "8f5e8f1afaf0adb2b6db6052011806ff528df6eb461629c9d9a9f66826de9fec"; d.String() != want {
		t.Errorf("digest is %s, want %s", d, want)
	}
	for i := len(rows) - 1; i >= 0; i-- {
		d.Remove(rows[i])
	}
	if d != (Digest{}) {
		t.Errorf("digest of nothing is %s", d)
	}
}
