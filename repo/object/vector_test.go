package object_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aergo/repo/object"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

const vectorFolder = "../../testdata/vector"

type goodVector struct {
	Name   string          `json:"name"`
	Record json.RawMessage `json:"record"`
	Bytes  string          `json:"bytes"`
	Hash   object.Hash     `json:"hash"`
}

type badVector struct {
	Reason string `json:"reason"`
	Bytes  string `json:"bytes"`
}

type vectorFile struct {
	Kind object.Kind  `json:"kind"`
	Good []goodVector `json:"good"`
	Bad  []badVector  `json:"bad"`
}

// golden compares a file with the vectors that this version of the package makes, or
// writes it under -update, and returns what is in the file.
func golden(t *testing.T, name string, made any) []byte {
	t.Helper()
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(made); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(vectorFolder, name+".json")
	if *update {
		if err := os.MkdirAll(vectorFolder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what this version of the package makes; a change of the format is written with -update", path)
	}
	return got
}

// TestGoldenVectors reads every vector as another implementation would: from its file,
// with nothing but the readable record to encode from.
func TestGoldenVectors(t *testing.T) {
	goods, bads := goodCases(), badCases()
	for _, c := range codecs() {
		t.Run(c.name, func(t *testing.T) {
			made := vectorFile{Kind: c.kind}
			for _, g := range goods[c.name] {
				data := g.record.Encode()
				readable, err := json.Marshal(toJSON(g.record))
				if err != nil {
					t.Fatal(err)
				}
				made.Good = append(made.Good, goodVector{g.name, readable, hex.EncodeToString(data), object.Sum(data)})
			}
			for _, b := range bads[c.name] {
				made.Bad = append(made.Bad, badVector{b.reason, hex.EncodeToString(b.data)})
			}
			var file vectorFile
			if err := json.Unmarshal(golden(t, c.name, made), &file); err != nil {
				t.Fatal(err)
			}
			if file.Kind != c.kind || len(file.Good) < 2 || len(file.Bad) < 2 {
				t.Errorf("kind %d, %d good, %d bad vectors", file.Kind, len(file.Good), len(file.Bad))
			}
			for _, v := range file.Good {
				checkGood(t, c, v)
			}
			for _, v := range file.Bad {
				if rec, err := c.decode(unhex(t, v.Bytes)); !errors.Is(err, object.ErrMalformed) {
					t.Errorf("%s: read as %+v, %v", v.Reason, rec, err)
				}
			}
		})
	}
}

func checkGood(t *testing.T, c codec, v goodVector) {
	t.Helper()
	data := unhex(t, v.Bytes)
	if got := object.Sum(data); got != v.Hash {
		t.Errorf("%s: hash %s, want %s", v.Name, got, v.Hash)
	}
	rec := c.blank()
	if err := fromJSON(v.Record, rec); err != nil {
		t.Errorf("%s: %v", v.Name, err)
	}
	if got := rec.Encode(); !bytes.Equal(got, data) {
		t.Errorf("%s: encoded\n%x, want\n%x", v.Name, got, data)
	}
	got, err := c.decode(data)
	if err != nil {
		t.Errorf("%s: %v", v.Name, err)
	} else if !equalRecords(got, rec) {
		t.Errorf("%s: read %+v, want %+v", v.Name, got, rec)
	}
}

func TestBadVectorsAreRefusedForTheirReason(t *testing.T) {
	bads := badCases()
	for _, c := range codecs() {
		for _, b := range bads[c.name] {
			_, err := c.decode(b.data)
			if !errors.Is(err, object.ErrMalformed) || !strings.Contains(err.Error(), b.err) {
				t.Errorf("%s: %s: error %q, want %q", c.name, b.reason, err, b.err)
			} else if !strings.HasPrefix(err.Error(), c.kind.String()+": ") {
				t.Errorf("%s: error %q does not begin with the record", c.name, err)
			}
		}
	}
}

func TestBranchIDVectors(t *testing.T) {
	made := branchCases()
	for i, b := range made {
		data := object.AppendUint(object.AppendArray(nil, 6), 1)
		data = object.AppendText(data, "aergo/branch/v1")
		data = object.AppendBytes(data, b.Genesis[:])
		data = object.AppendBytes(data, b.Root[:])
		data = object.AppendUint(object.AppendText(data, b.Name), b.Nonce)
		made[i].Bytes, made[i].ID = hex.EncodeToString(data), object.Sum(data)
	}
	var file []branchCase
	if err := json.Unmarshal(golden(t, "branch", made), &file); err != nil {
		t.Fatal(err)
	}
	seen := map[object.Hash]bool{}
	for _, b := range file {
		got := object.BranchID(b.Genesis, b.Root, b.Name, b.Nonce)
		if got != b.ID || got != object.Sum(unhex(t, b.Bytes)) {
			t.Errorf("%q: id %s, want %s", b.Name, got, b.ID)
		}
		if _, err := object.KindOf(unhex(t, b.Bytes)); err == nil {
			t.Errorf("%q: the identity of a branch reads as a record", b.Name)
		}
		seen[got] = true
	}
	if len(seen) != len(made) {
		t.Errorf("%d ids of %d branches", len(seen), len(made))
	}
}
