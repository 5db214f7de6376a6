package aergo_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "aergo"

// room is what one package may import, from the top of the house down.
type room struct {
	path string
	// below lists the rooms that it may import. Each stands further down in the house.
	below []string
	// outside lists modules that are not ours.
	outside []string
	// tests lists what its tests may import besides: rooms and modules.
	tests []string
}

const (
	billy    = "github.com/go-git/go-billy/v5"
	zstd     = "github.com/klauspost/compress"
	ed25519  = "github.com/oasisprotocol/curve25519-voi"
	leveldb  = "github.com/syndtr/goleveldb"
	unix     = "golang.org/x/sys"
	cobra    = "github.com/spf13/cobra"
	pflag    = "github.com/spf13/pflag"
	lipgloss = "github.com/charmbracelet/lipgloss"
	ansi     = "github.com/charmbracelet/x/ansi"
	term     = "github.com/charmbracelet/x/term"
	termenv  = "github.com/muesli/termenv"
	script   = "github.com/rogpeppe/go-internal"
	sqlite   = "github.com/ncruces/go-sqlite3"
	libp2p   = "github.com/libp2p/go-libp2p"
	chromedp = "github.com/chromedp"
	multi    = "github.com/multiformats/go-multiaddr"
	mstream  = "github.com/multiformats/go-multistream"
	quic     = "github.com/quic-go/quic-go"
	toml     = "github.com/BurntSushi/toml"
	metrics  = "github.com/prometheus/client_golang"
)

// house is the map: imports run downwards only.
func house() []room {
	return []room{
		{path: "", tests: []string{script}},
		{
			path: "cmd/aergo",
			// The door's own words: the command line names what lies below it, and does nothing
			// with it but through the door.
			below: []string{
				"cmd/aergo/ui", "net/daemon", "net/rpc", "net/problem", "net/peer", "net/transfer", "repo/diagram", "repo/shape", "repo", "merge", "branch", "consensus/directory", "contract", "contract/sql", "contract/table", "contract/table/format", "contract/value",
				"repo/key", "repo/lock", "repo/oplog", "repo/ref", "repo/state", "repo/state/key", "repo/store", "repo/object", "repo/words",
				"testdata/multicodec",
			},
			outside: []string{billy, cobra, pflag},
			tests:   []string{"testdata/rows", "testdata/trees", script, zstd},
		},
		{path: "merge/bench", tests: []string{"repo", "repo/key", "repo/object", "repo/ref", "repo/state", "repo/store", "testdata/rows", billy}},
		{path: "cmd/aergo/ui", below: []string{"repo/words"}, outside: []string{lipgloss, ansi, term, termenv}},
		{
			path:    "net/daemon",
			below:   []string{"net/gateway", "net/rpc", "net/problem", "net/peer", "net/transfer", "repo/shape", "repo", "repo/key", "repo/lock", "repo/ref", "repo/object"},
			outside: []string{billy, toml, metrics},
			tests:   []string{"repo/store/faultfs", "consensus/directory"},
		},
		{
			path: "net/gateway",
			below: []string{
				"net/problem", "repo/diagram", "repo/shape", "repo", "branch", "contract/table", "contract/table/format", "contract/value",
				"repo/key", "repo/ref", "repo/state/key", "repo/object", "repo/words",
			},
			tests: []string{"repo/store/faultfs", "testdata/multicodec", billy, chromedp},
		},
		{
			path: "net/rpc",
			below: []string{
				"net/problem", "net/transfer", "repo", "branch", "contract/table", "contract/table/format",
				"repo/key", "repo/lock", "repo/oplog", "repo/ref", "repo/state/key", "repo/object",
			},
			outside: []string{billy},
			tests:   []string{"merge", "contract/value", "repo/store"},
		},
		{
			path: "net/problem",
			// It knows every sentinel that a user can meet.
			below: []string{
				"net/transfer", "net/peer", "repo", "merge", "branch", "consensus/directory", "contract", "contract/sql", "contract/table", "contract/table/format",
				"contract/value", "repo/key", "repo/lock", "repo/oplog", "repo/ref", "repo/state", "repo/state/key", "repo/store", "repo/object",
			},
		},
		{
			path: "net/transfer",
			// It knows no network: streams are given to it.
			below: []string{
				"repo", "branch", "repo/state", "repo/state/key", "repo/lock", "repo/ref", "repo/key", "repo/store", "repo/object",
			},
			outside: []string{billy, zstd},
			tests:   []string{"repo/store/faultfs", "net/peer", "contract/value"},
		},
		{
			path: "net/hostile",
			// Tests only: they reach for whatever can be forged.
			tests: []string{"repo/store/faultfs",
				"net/daemon", "net/problem", "net/transfer", "net/peer", "repo", "branch", "consensus/directory", "contract/sql", "contract/table", "contract/value", "dtt",
				"repo/key", "repo/lock", "repo/ref", "repo/state/key", "repo/store", "repo/object", billy,
			},
		},
		{path: "net/peer", below: []string{"repo/ref", "repo/key", "repo/durable"}, outside: []string{billy, libp2p, multi, mstream, quic}},
		{
			path:  "repo/diagram",
			below: []string{"repo", "contract/table/format", "repo/state/key", "repo/words"},
			tests: []string{"testdata/trees"},
		},
		{
			path:  "repo/shape",
			below: []string{"repo", "consensus/directory", "contract/table", "contract/table/format", "contract/value", "repo/ref", "repo/state/key", "repo/object"},
		},
		{path: "testdata/trees", below: []string{"repo", "repo/state/key"}},
		{
			path: "repo/replay",
			below: []string{
				"repo", "contract/table", "contract/table/format", "contract/value", "repo/key", "repo/ref", "repo/state/key", "repo/object",
			},
			outside: []string{billy, zstd},
			tests:   []string{"repo/store/faultfs", "branch", "consensus/directory", "dtt", "repo/store", "testdata/multicodec"},
		},
		{
			path: "repo",
			below: []string{
				"merge", "branch", "contract", "contract/sql", "contract/table", "contract/table/format", "contract/value", "dtt", "consensus/directory",
				"repo/state", "repo/state/key", "repo/lock", "repo/oplog", "repo/ref", "repo/key", "repo/store", "repo/store/derived", "repo/durable", "repo/object",
			},
			outside: []string{billy},
			tests:   []string{"merge/oracle", "repo/store/faultfs"},
		},
		{
			path:  "merge",
			below: []string{"branch", "contract", "repo/store", "repo/object"},
			tests: []string{"contract/table", "contract/sql", "contract/value", "dtt", "consensus/directory", "repo/state", "repo/state/key", "repo/key", billy},
		},
		{path: "merge/oracle"}, // the standard library only
		{
			path:    "branch",
			below:   []string{"contract", "dtt", "consensus/directory", "repo/state", "repo/state/key", "repo/key", "repo/store", "repo/durable", "repo/object"},
			outside: []string{billy},
			tests:   []string{"contract/table", "contract/sql", "contract/value", "repo/store/faultfs"}, // a runtime to run
		},
		{path: "consensus/directory", below: []string{"contract/table", "contract/value", "repo/state", "repo/state/key", "repo/key", "repo/store", "repo/object"}},
		{path: "contract/table/format", below: []string{"contract/table", "contract/value", "repo/state/key", "repo/object"}, tests: []string{"contract"}},
		{path: "contract/sql", below: []string{"contract/table", "contract", "contract/value", "repo/state/key"}, outside: []string{sqlite}},
		{path: "contract/table", below: []string{"contract", "contract/value", "repo/state/key", "repo/object"}},
		{path: "contract/value", below: []string{"repo/object"}},
		{path: "contract", below: []string{"repo/object"}},
		{path: "dtt/compare", below: []string{"dtt", "dtt/optimistic", "dtt/workload"}},
		{path: "dtt/optimistic", below: []string{"dtt"}, tests: []string{"dtt/workload"}},
		{path: "dtt/workload", below: []string{"dtt"}, outside: []string{zstd}},
		{path: "dtt", below: []string{"repo/object"}},
		{path: "consensus/simulator", below: []string{"consensus", "consensus/dpos", "repo/key", "repo/object"}, tests: []string{"consensus/solo"}},
		{path: "consensus/dpos", below: []string{"consensus", "repo/key", "repo/object"}, tests: []string{"consensus/conformance"}},
		{path: "consensus/solo", below: []string{"consensus", "repo/key", "repo/object"}, tests: []string{"consensus/conformance"}},
		{path: "consensus/conformance", below: []string{"consensus", "repo/key", "repo/object"}},
		{path: "consensus", below: []string{"repo/key", "repo/object"}},
		{path: "repo/state", below: []string{"repo/object"}},
		{path: "repo/state/key"},
		{path: "repo/oplog", below: []string{"repo/durable"}, outside: []string{billy}},
		{path: "repo/lock", outside: []string{unix}},
		{path: "repo/ref", below: []string{"repo/durable", "repo/object"}, outside: []string{billy}},
		{path: "repo/key", below: []string{"repo/durable", "repo/object"}, outside: []string{billy, ed25519}},
		{path: "repo/store", below: []string{"repo/durable", "repo/object"}, outside: []string{billy, zstd}, tests: []string{"repo/store/faultfs"}},
		{path: "repo/store/derived", outside: []string{leveldb}},
		{path: "repo/durable", outside: []string{billy}},
		{path: "repo/object"},
		{path: "repo/words"},
		{path: "repo/store/faultfs", outside: []string{billy}},
		{path: "testdata/multicodec"},
		{path: "testdata/rows"},
	}
}

// TestImportsRunDownwards reads the imports of every package and fails on any arrow that
// is not on the map.
func TestImportsRunDownwards(t *testing.T) {
	rooms := house()
	place := map[string]int{}
	for i, r := range rooms {
		if _, twice := place[r.path]; twice {
			t.Errorf("%q stands on the map twice", r.path)
		}
		place[r.path] = i
	}
	for i, r := range rooms {
		for _, to := range r.below {
			if at, known := place[to]; !known || at <= i {
				t.Errorf("the map lets %q import %q, which is not below it", r.path, to)
			}
		}
	}
	found := map[string]bool{"": true}
	for file, imports := range importsOf(t, ".") {
		folder := path.Dir(file)
		if folder == "." {
			folder = ""
		}
		i, known := place[folder]
		if !known {
			t.Errorf("%s: its package is not on the map", file)
			continue
		}
		found[folder] = true
		for _, name := range imports {
			if !rooms[i].allows(name, strings.HasSuffix(file, "_test.go")) {
				t.Errorf("%s imports %s, which is not on the map", file, name)
			}
		}
	}
	for _, r := range rooms {
		if !found[r.path] {
			t.Errorf("%q is on the map and not in the house", r.path)
		}
	}
}

// allows says whether a file of the room may import a package.
func (r room) allows(name string, isTest bool) bool {
	first, _, _ := strings.Cut(name, "/")
	if !strings.Contains(first, ".") && first != module {
		return true // the standard library
	}
	if name == module || strings.HasPrefix(name, module+"/") {
		folder := strings.TrimPrefix(strings.TrimPrefix(name, module), "/")
		return slices.Contains(r.below, folder) || isTest && (folder == r.path || slices.Contains(r.tests, folder))
	}
	outside := r.outside
	if isTest {
		outside = append(slices.Clone(outside), r.tests...)
	}
	return slices.ContainsFunc(outside, func(m string) bool { return name == m || strings.HasPrefix(name, m+"/") })
}

// importsOf returns the imports of every Go file below a folder, by the file's name.
func importsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		files[name] = nil
		for _, spec := range parsed.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			files[name] = append(files[name], target)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
