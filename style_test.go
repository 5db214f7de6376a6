package aergo_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines     = 450 // of code; tests may be longer
	maxTestFileLines = 700
	maxFunctionLines = 80
)

// bannedPackageNames say nothing about what is inside.
var bannedPackageNames = []string{
	"util", "utils", "common", "helper", "helpers", "misc", "shared", "global", "globals", "lib", "tools", "types", "base", "data",
}

// source is one parsed Go file.
type source struct {
	path  string // from the root of the module, with slashes
	file  *ast.File
	fset  *token.FileSet
	lines int
}

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) folder() string {
	return filepath.ToSlash(filepath.Dir(s.path))
}
func (s *source) at(p token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(p).Line)
}

// walkModule calls fn for every file of the module, testdata and all, but for hidden folders.
func walkModule(t *testing.T, fn func(path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name != "." && strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		fn(filepath.ToSlash(path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	fset := token.NewFileSet()
	walkModule(t, func(path string) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &source{path: path, file: f, fset: fset, lines: fset.File(f.FileStart).LineCount()})
	})
	if len(all) < 50 {
		t.Fatalf("found %d Go files only: is this the root of the module?", len(all))
	}
	return all
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		limit := maxFileLines
		if s.isTest() {
			limit = maxTestFileLines
		}
		if s.lines > limit {
			t.Errorf("%s has %d lines, more than %d: split it by what it does", s.path, s.lines, limit)
		}
		for _, d := range s.file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || s.isTest() {
				continue
			}
			if n := s.fset.Position(fn.End()).Line - s.fset.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d", s.at(fn.Pos()), fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

func TestEveryPackageIsNamedAndExplained(t *testing.T) {
	explained := map[string]bool{}
	for _, s := range sources(t) {
		name := strings.TrimSuffix(s.file.Name.Name, "_test")
		if slices.Contains(bannedPackageNames, name) {
			t.Errorf("%s: package %s is named after nothing in particular", s.path, name)
		}
		if s.isTest() {
			continue
		}
		explained[s.folder()] = explained[s.folder()] || s.file.Doc != nil
	}
	for folder, ok := range explained {
		if !ok {
			t.Errorf("%s: no package comment", folder)
		}
	}
}

// TestNothingRunsBeforeMain keeps start-up free of work and packages free of state.
func TestNothingRunsBeforeMain(t *testing.T) {
	tables := map[string]map[string]bool{} // folder -> package variables
	var all []*source
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		all = append(all, s)
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: func init", s.at(d.Pos()))
				}
			case *ast.GenDecl:
				if d.Tok != token.VAR {
					continue
				}
				for _, spec := range d.Specs {
					for _, name := range checkVariable(t, s, d, spec.(*ast.ValueSpec)) {
						if tables[s.folder()] == nil {
							tables[s.folder()] = map[string]bool{}
						}
						tables[s.folder()][name] = true
					}
				}
			}
		}
	}
	for _, s := range all {
		checkNotChanged(t, s, tables[s.folder()])
	}
}

// checkVariable refuses a package variable that is neither an error, nor embedded, nor a
// table of constants; it returns the names of the last two kinds.
func checkVariable(t *testing.T, s *source, d *ast.GenDecl, spec *ast.ValueSpec) []string {
	t.Helper()
	var names []string
	for i, n := range spec.Names {
		if n.Name == "_" || strings.HasPrefix(n.Name, "Err") || strings.HasPrefix(n.Name, "err") {
			continue
		}
		embedded := d.Doc != nil && slices.ContainsFunc(d.Doc.List, func(c *ast.Comment) bool {
			return strings.HasPrefix(c.Text, "//go:embed ")
		})
		if !embedded && (i >= len(spec.Values) || !constant(spec.Values[i])) {
			t.Errorf("%s: package variable %s is not a table of constants", s.at(n.Pos()), n.Name)
		}
		names = append(names, n.Name)
	}
	return names
}

// constant says whether an expression is a literal, or a conversion of one.
func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit, *ast.BasicLit, *ast.Ident:
		return true
	case *ast.CallExpr:
		_, slice := e.Fun.(*ast.ArrayType)
		return slice && len(e.Args) == 1 && constant(e.Args[0])
	}
	return false
}

// checkNotChanged refuses assignments to package variables. It goes by names: a function
// that declares the name itself is left alone.
func checkNotChanged(t *testing.T, s *source, names map[string]bool) {
	t.Helper()
	for _, d := range s.file.Decls {
		local := map[string]bool{}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok == token.DEFINE {
					for _, e := range n.Lhs {
						local[root(e)] = true
					}
				}
			case *ast.ValueSpec:
				for _, name := range n.Names {
					local[name.Name] = true
				}
			case *ast.Field:
				for _, name := range n.Names {
					local[name.Name] = true
				}
			}
			return true
		})
		refuse := func(e ast.Expr) {
			if name := root(e); names[name] && !local[name] {
				t.Errorf("%s: package variable %s is changed", s.at(e.Pos()), name)
			}
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, e := range n.Lhs {
					refuse(e)
				}
			case *ast.IncDecStmt:
				refuse(n.X)
			}
			return true
		})
	}
}

// root returns x for x, x.y, x[i] and what is made of these.
func root(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// TestOnlyTheCommandSeesTheTerminal keeps the library away from what belongs to the process.
func TestOnlyTheCommandSeesTheTerminal(t *testing.T) {
	ours := []string{
		"os.Args", "os.Exit", "os.Getenv", "os.LookupEnv", "os.Environ", "os.Stdin", "os.Stdout", "os.Stderr", "os.Getwd", "os.Chdir",
		"fmt.Print", "fmt.Printf", "fmt.Println",
	}
	for _, s := range sources(t) {
		if s.isTest() || strings.HasPrefix(s.path, "cmd/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if name := selector(n); slices.Contains(ours, name) {
				t.Errorf("%s: %s is for cmd/aergo", s.at(n.Pos()), name)
			}
			return true
		})
	}
}

func TestTestsNeitherSkipNorSleep(t *testing.T) {
	skips := regexp.MustCompile(`^(t|b|f|tb)\.Skip(f|Now)?$`)
	for _, s := range sources(t) {
		if !s.isTest() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if name := selector(n); name == "time.Sleep" || skips.MatchString(name) {
				t.Errorf("%s: %s", s.at(n.Pos()), name)
			}
			return true
		})
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	open := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if open.MatchString(c.Text) {
					t.Errorf("%s: %s", s.at(c.Pos()), c.Text)
				}
			}
		}
	}
}

// selector returns x.y for such a node, otherwise nothing.
func selector(n ast.Node) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return x.Name + "." + sel.Sel.Name
}

// TestDocumentsNameWhatExists follows the relative links of the documents, and looks for the
// files that they name in backticks.
func TestDocumentsNameWhatExists(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:, ]+)(#[^)]*)?\)`)
	named := regexp.MustCompile("`([a-z0-9_./-]+/[a-zA-Z0-9_.-]+\\.(?:go|md|json|csv|jsonl))`")
	documents := 0
	walkModule(t, func(path string) {
		if !strings.HasSuffix(path, ".md") {
			return
		}
		documents++
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			if !exists(filepath.Join(filepath.Dir(path), string(m[1]))) {
				t.Errorf("%s: a link leads to %s, which is not there", path, m[1])
			}
		}
		for _, m := range named.FindAllSubmatch(text, -1) {
			if !exists(string(m[1])) && !exists(filepath.Join(filepath.Dir(path), string(m[1]))) {
				t.Errorf("%s: names %s, which is not there", path, m[1])
			}
		}
	})
	if documents < 5 {
		t.Errorf("found %d documents only", documents)
	}
}

// TestDocumentsNameWhatIsDeclared looks for the functions, methods and types that the
// documents name in backticks, such as store.Writer.Commit.
func TestDocumentsNameWhatIsDeclared(t *testing.T) {
	declared := map[string]bool{}
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				declared[n.Name.Name] = true
			case *ast.TypeSpec:
				declared[n.Name.Name] = true
			case *ast.Field: // methods of interfaces among them
				for _, name := range n.Names {
					declared[name.Name] = true
				}
			}
			return true
		})
	}
	named := regexp.MustCompile("`(?:[A-Za-z]+\\.)+([A-Z][A-Za-z]*[a-z][A-Za-z]*)`")
	found := 0
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range documents {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllSubmatch(text, -1) {
			found++
			if !declared[string(m[1])] {
				t.Errorf("%s: names %s, which is not declared", path, m[0])
			}
		}
	}
	if found < 10 {
		t.Errorf("found %d names only", found)
	}
}

func exists(path string) bool {
	_, err := os.Stat(filepath.FromSlash(path))
	return err == nil
}
