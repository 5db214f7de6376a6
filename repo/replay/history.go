package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"aergo/contract/value"
)

// ErrBadCase is wrapped when a folder does not hold a case in the form expected.
var ErrBadCase = errors.New("bad case")

// History is the history of a few tables.
type History struct {
	Name    string
	Tables  []Table
	Commits []Commit // parents before children; the last descends from all others
	Merges  map[int]MergeFacts

	folder fs.FS
}

// Table says how a table's rows are made of keys and fields.
type Table struct {
	Name   string
	Format string   // "sep" and "lines", where every column is text, or "json"
	Key    []string // names of the key's columns, all of them text
	Final  *Facts   // at the last commit; nil if the table is empty then
}

// Facts are what a table comes to.
type Facts struct {
	Rows   uint64 `json:"n"`
	Digest Digest `json:"digest"`
}

// Commit is one commit.
type Commit struct {
	ID      string // in the version control that it came from
	Parents []int  // commits, at most two
	Author  string
	Date    time.Time
	Message string
	Tables  map[string]Facts // of every table after the commit
	Changes []Change         // against the first parent
}

// Change is what a commit did to one table.
type Change struct {
	Table *Table
	Put   []Row
	Del   []Key
}

// MergeFacts is what others make of a merge: a three-way merge by cell, and git's by lines.
type MergeFacts struct {
	Bases        []int
	Conflicts    int  // rows in conflict by cell
	EqualsActual bool // what people committed is what it comes to; false with conflicts
	LinesClash   bool // git found a conflict of lines and left the merge to people
}

// Authors returns the authors, sorted, each once.
func (h *History) Authors() []string {
	var names []string
	for i := range h.Commits {
		names = append(names, h.Commits[i].Author)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Final returns a table's canonical rows at the last commit, by key, each with a line feed.
func (h *History) Final(table string) ([]byte, error) {
	return readFile(h.folder, path.Join("final", table+".canon.jsonl"))
}

// LoadHistory reads a case from its folder. It fails with ErrBadCase or with the folder's
// error.
func LoadHistory(folder fs.FS) (*History, error) {
	h := &History{folder: folder, Merges: map[int]MergeFacts{}}
	for _, part := range []struct {
		file string
		read func(data []byte) error
	}{
		{"case.json", h.readCase},
		{"commits.jsonl", lines(h.readCommit)},
		{"deltas.jsonl.zst", lines(h.readDelta)},
		{"merges.jsonl", lines(h.readMerge)},
	} {
		data, err := readFile(folder, part.file)
		if err == nil {
			err = part.read(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.file, err)
		}
	}
	if len(h.Commits) == 0 {
		return nil, fmt.Errorf("commits.jsonl: %w: no commits", ErrBadCase)
	}
	return h, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrBadCase, fmt.Errorf(format, args...))
}

func (h *History) readCase(data []byte) error {
	var c struct {
		Case   string
		Tables []struct {
			Name, Format string
			Key          []string
			Final        *struct {
				Rows   uint64
				Digest Digest
			}
		}
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return bad("%w", err)
	}
	h.Name = c.Case
	for _, t := range c.Tables {
		if len(t.Key) == 0 {
			return bad("table %q has no key", t.Name)
		}
		table := Table{Name: t.Name, Format: t.Format, Key: t.Key}
		if t.Final != nil {
			table.Final = &Facts{Rows: t.Final.Rows, Digest: t.Final.Digest}
		}
		h.Tables = append(h.Tables, table)
	}
	return nil
}

func (h *History) table(name string) (*Table, error) {
	for i := range h.Tables {
		if h.Tables[i].Name == name {
			return &h.Tables[i], nil
		}
	}
	return nil, bad("unknown table %q", name)
}

func (h *History) readCommit(line []byte) error {
	var in struct {
		C       int
		ID      string
		Parents []int
		Author  string
		Date    time.Time
		Msg     string
		Tables  map[string]Facts
		Dropped []string
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return bad("%w", err)
	}
	at := len(h.Commits)
	if in.C != at || (at == 0) != (len(in.Parents) == 0) || len(in.Parents) > 2 || in.Author == "" {
		return bad("commit %d is out of place", in.C)
	}
	c := Commit{ID: in.ID, Parents: in.Parents, Author: in.Author, Date: in.Date, Message: in.Msg, Tables: map[string]Facts{}}
	for i, p := range in.Parents {
		if p < 0 || p >= at {
			return bad("commit %d stands before its parent %d", at, p)
		}
		if i == 0 {
			maps.Copy(c.Tables, h.Commits[p].Tables)
		}
	}
	for name, f := range in.Tables {
		if _, err := h.table(name); err != nil {
			return err
		}
		c.Tables[name] = f
	}
	for _, name := range in.Dropped {
		delete(c.Tables, name)
	}
	h.Commits = append(h.Commits, c)
	return nil
}

func (h *History) readDelta(line []byte) error {
	var in struct {
		C    int
		T    string
		Cols []string
		Put  []json.RawMessage
		Del  [][]string
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return bad("%w", err)
	}
	if in.C < 0 || in.C >= len(h.Commits) {
		return bad("unknown commit %d", in.C)
	}
	t, err := h.table(in.T)
	if err != nil {
		return err
	}
	ch := Change{Table: t}
	for _, raw := range in.Put {
		row, err := t.parse(in.Cols, raw)
		if err != nil {
			return fmt.Errorf("commit %d: %w", in.C, err)
		}
		ch.Put = append(ch.Put, row)
	}
	for _, words := range in.Del {
		if len(words) != len(t.Key) {
			return bad("commit %d: key of %d columns", in.C, len(words))
		}
		ch.Del = append(ch.Del, textKey(words))
	}
	c := &h.Commits[in.C]
	c.Changes = append(c.Changes, ch)
	return nil
}

// parse reads a row: an array of texts if cols names them, else an object. A key column
// that an object lacks is the empty text.
func (t *Table) parse(cols []string, raw []byte) (Row, error) {
	var fields []value.Field
	if len(cols) > 0 {
		var cells []string
		if err := json.Unmarshal(raw, &cells); err != nil || len(cells) != len(cols) {
			return Row{}, bad("row %.80s: want %d texts", raw, len(cols))
		}
		for i, c := range cells {
			fields = append(fields, value.Field{Name: value.JoinPath(cols[i]), Enc: value.AppendText(nil, c)})
		}
		sortFields(fields)
	} else {
		var err error
		if fields, err = value.ParseJSONObject(raw); err != nil {
			return Row{}, bad("row %.80s: %w", raw, err)
		}
	}
	words := make([]string, len(t.Key))
	for i, name := range t.Key {
		at := slices.IndexFunc(fields, func(f value.Field) bool { return f.Name == value.JoinPath(name) })
		if at < 0 {
			continue
		}
		word, ok := value.AsText(fields[at].Enc)
		if !ok {
			return Row{}, bad("row %.80s: key column %q is no text", raw, name)
		}
		words[i] = string(word)
		fields = slices.Delete(fields, at, at+1)
	}
	return Row{Key: textKey(words), Exists: true, Fields: fields}, nil
}

func (h *History) readMerge(line []byte) error {
	var in struct {
		C     int
		Bases []int
		Git   string
		Cell  struct {
			Conflicts    int
			EqualsActual bool `json:"equals_actual"`
		}
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return bad("%w", err)
	}
	if in.C < 0 || in.C >= len(h.Commits) || len(h.Commits[in.C].Parents) != 2 {
		return bad("commit %d is no merge", in.C)
	}
	for _, b := range in.Bases {
		if b < 0 || b >= in.C {
			return bad("merge %d has the base %d", in.C, b)
		}
	}
	h.Merges[in.C] = MergeFacts{
		Bases: in.Bases, Conflicts: in.Cell.Conflicts, EqualsActual: in.Cell.EqualsActual, LinesClash: in.Git == "conflict",
	}
	return nil
}
