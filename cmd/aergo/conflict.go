package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// opJSON is one operation, as aergo apply reads it.
type opJSON struct {
	Op     string          `json:"op"`
	Table  string          `json:"table"`
	Key    json.RawMessage `json:"key"` // null if it is the table's schema
	Fields json.RawMessage `json:"fields,omitempty"`
	Unset  []string        `json:"unset,omitempty"`
	Create bool            `json:"create,omitempty"`
	Exact  bool            `json:"exact,omitempty"`
	Force  bool            `json:"force,omitempty"`
}

// sideJSON is what one side has in a cell. Is tells what Value is: the field's value, the
// row's fields, nothing for absent and unknown, or what is added or taken away.
type sideJSON struct {
	Is          string          `json:"is"` // value, row, absent, unknown, incr, append or remove
	Value       json.RawMessage `json:"value"`
	Author      string          `json:"author"` // empty if nobody wrote it
	AuthorKey   string          `json:"author_key"`
	Time        *time.Time      `json:"time"`
	Transaction string          `json:"tx"`
	Block       *object.Hash    `json:"block,omitempty"`
}

// cellJSON is a field, or a row as a whole, in which a transaction and a branch disagree.
type cellJSON struct {
	Op     int             `json:"op"`
	Table  string          `json:"table"`
	Key    json.RawMessage `json:"key"`
	Field  string          `json:"field"` // empty for the row as a whole
	Reason string          `json:"reason"`
	Rule   string          `json:"rule"` // in words
	Base   sideJSON        `json:"base"`
	Ours   sideJSON        `json:"ours"`
	Theirs sideJSON        `json:"theirs"`
}

// disputeJSON is why a transaction is excluded.
type disputeJSON struct {
	exclusionJSON
	Rule   string     `json:"rule"` // in words
	Height uint64     `json:"height"`
	Time   time.Time  `json:"time"` // of the block
	Cells  []cellJSON `json:"cells"`
}

// listedJSON is a line of excluded list -v.
type listedJSON struct {
	disputeJSON
	Author     string    `json:"author"`
	AuthorKey  string    `json:"author_key"`
	Written    time.Time `json:"written"`
	Message    string    `json:"message"`
	Operations []opJSON  `json:"operations"`
}

func opShapes(ops []repo.Operation) []opJSON {
	out := make([]opJSON, len(ops))
	for i, o := range ops {
		j := opJSON{
			Op: o.Code.String(), Table: o.Table, Key: keyShape(o.Key),
			Create: o.Flags&table.Create != 0, Exact: o.Flags&table.Exact != 0, Force: o.Flags&table.Force != 0,
		}
		var fields []value.Field
		for _, f := range o.Fields {
			if value.Absent(f.Enc) {
				j.Unset = append(j.Unset, f.Name)
				continue
			}
			fields = append(fields, f)
		}
		if o.Code != table.Del {
			j.Fields = value.AppendJSONObject(nil, fields)
		}
		out[i] = j
	}
	return out
}

func sideShape(v repo.Version, field string) sideJSON {
	out := sideJSON{Is: "value", Value: json.RawMessage("null")}
	switch {
	case !v.Known:
		out.Is = "unknown"
	case !v.Exists:
		out.Is = "absent"
	case field == "":
		out.Is, out.Value = "row", value.AppendJSONObject(nil, v.Fields)
	default:
		out.Value = valueShape(v.Value)
	}
	if v.Known && v.Exists && v.Delta != table.Put {
		out.Is = v.Delta.String()
	}
	if w := v.By; w != nil {
		out.Author, out.AuthorKey, out.Time, out.Block = w.Author.Name, hexKey(w.Author), &w.Time, optional(w.Block)
		if w.Transaction != (repo.TxID{}) {
			out.Transaction = fullID(w.Transaction)
		}
	}
	return out
}

func conflictShape(c repo.Conflict) disputeJSON {
	out := disputeJSON{
		exclusionJSON: exclusionShapes([]repo.Exclusion{c.Exclusion})[0], Rule: ruleOf(c.Reason), Height: c.Height, Time: c.Decided, Cells: []cellJSON{},
	}
	for _, x := range c.Cells {
		out.Cells = append(out.Cells, cellJSON{
			Op: x.Op, Table: x.Table, Key: keyShape(x.Key), Field: x.Field, Reason: x.Reason.String(), Rule: ruleOf(x.Reason),
			Base: sideShape(x.Base, x.Field), Ours: sideShape(x.Ours, x.Field), Theirs: sideShape(x.Theirs, x.Field),
		})
	}
	return out
}

// ruleOf says in words what a reason means.
func ruleOf(r object.Reason) string {
	switch r {
	case object.ReasonFieldChanged:
		return "the field holds another value than the author saw"
	case object.ReasonRowGone:
		return "the row that the author saw is not there"
	case object.ReasonRowExists:
		return "a row is there where the author saw none"
	case object.ReasonRowChanged:
		return "the row is not the version that the author saw"
	case object.ReasonRowMissing:
		return "there is no row to add to or take from"
	case object.ReasonType:
		return "the value does not fit the column, or the operation what the field holds"
	case object.ReasonNoColumn:
		return "the table's schema has no such column"
	case object.ReasonLimit:
		return "the row would be larger than a row may be"
	case object.ReasonOurs:
		return "it conflicted, and the merge was told to keep ours"
	case object.ReasonSuperseded:
		return "it conflicted, and whoever merged forced what it wants in a batch of their own"
	case object.ReasonInherited:
		return "it was excluded on the source already"
	case object.ReasonMalformed:
		return "the transaction cannot be read"
	case object.ReasonBadKey:
		return "the row's key does not fit the table's key columns"
	case object.ReasonResolver:
		return "the branch's merge logic leaves it out"
	case object.ReasonRevoked:
		return "its author's key is revoked"
	}
	return r.String()
}

// ruleIn is ruleOf with the resolver's own words.
func ruleIn(x repo.Exclusion) string {
	if x.Words == "" {
		return ruleOf(x.Reason)
	}
	return ruleOf(x.Reason) + ": " + ui.Clean(x.Words)
}

// rowOf is a row as people write it; a table's name alone is its schema.
func rowOf(tableName string, comps []rowkey.Component) string {
	if len(comps) == 0 {
		return tableName
	}
	return rowName(tableName, comps)
}

// shownMax bounds the operations, and the cells, that are shown to people of one transaction.
const shownMax = 20

// operationLines writes operations for people, one on each line.
func operationLines(ops []repo.Operation) string {
	var text strings.Builder
	for i, o := range ops {
		if i == shownMax {
			fmt.Fprintf(&text, "  and %s more\n", number(uint64(len(ops)-i)))
			break
		}
		line := []string{o.Code.String(), rowOf(o.Table, o.Key)}
		for _, f := range o.Fields {
			if value.Absent(f.Enc) {
				line = append(line, "--unset "+f.Name)
				continue
			}
			line = append(line, f.Name+"="+plain(f.Enc))
		}
		for _, flag := range []struct {
			is   table.Flags
			word string
		}{{table.Create, "create"}, {table.Exact, "exact"}, {table.Force, "force"}} {
			if o.Flags&flag.is != 0 {
				line = append(line, "("+flag.word+")")
			}
		}
		text.WriteString("  " + ui.Clean(strings.Join(line, " ")) + "\n")
	}
	return text.String()
}

// printCells writes what stood in the way of a transaction: for each cell the three sides,
// each with who wrote it.
func printCells(s *ui.Streams, cells []repo.Cell) error {
	for i, c := range cells {
		if i == shownMax {
			return s.Printf("\n  and %s more in the way\n", number(uint64(len(cells)-i)))
		}
		title := rowOf(c.Table, c.Key)
		if c.Field != "" {
			title += " " + c.Field
		}
		if err := s.Printf("\n  %s  %s\n", s.Strong(ui.Clean(title)), ruleOf(c.Reason)); err != nil {
			return err
		}
		t := s.Table(ui.Column{}, ui.Column{}, ui.Column{}, ui.Column{}, ui.Column{})
		for _, side := range []struct {
			name string
			repo.Version
		}{{"base", c.Base}, {"ours", c.Ours}, {"theirs", c.Theirs}} {
			author, at, tx := writerCells(side.By)
			t.Row("    "+side.name, versionText(side.Version, c.Field), author, at, tx)
		}
		if err := t.Close(); err != nil {
			return err
		}
	}
	return nil
}

// writerCells are a writer's name, time and transaction in words, empty for nobody.
func writerCells(w *repo.Writer) (author, at, tx string) {
	if w == nil {
		return "", "", ""
	}
	if w.Transaction != (repo.TxID{}) {
		tx = w.Transaction.String()
	}
	return w.Author.Name, when(w.Time), tx
}

// versionText is what one side has, for people. Words that are no values stand in brackets.
func versionText(v repo.Version, field string) string {
	switch {
	case !v.Known:
		return "(a value that is not here)"
	case !v.Exists && field == "":
		return "(no row)"
	case !v.Exists:
		return "(no value)"
	}
	text := plain(v.Value)
	if field == "" {
		text = string(value.AppendJSONObject(nil, v.Fields))
	}
	if v.Delta != table.Put {
		return v.Delta.String() + " " + text
	}
	return text
}

// listConflicts lists what is excluded with what stood in its way.
func (a *app) listConflicts(ctx context.Context, r repo.Door, at string) error {
	n := 0
	err := r.Conflicts(ctx, at, func(c repo.Conflict) error {
		n++
		if a.ui.JSON {
			return a.ui.PrintJSON(listedJSON{conflictShape(c), c.Author.Name, hexKey(c.Author), c.Written, c.Message, opShapes(c.Operations)})
		}
		if n > 1 {
			if err := a.ui.Printf("\n"); err != nil {
				return err
			}
		}
		err := a.ui.Printf("%s by %s, %s: %s\n%s", a.ui.Strong(c.Transaction.String()), ui.Clean(who(c.Author)), when(c.Written),
			ui.Clean(firstLine(c.Message)), operationLines(c.Operations))
		if err != nil {
			return err
		}
		if err := a.ui.Printf("excluded by block %s at height %s, %s: %s\n", c.Block.Short(), number(c.Height), when(c.Decided), c.Reason); err != nil {
			return err
		}
		return printCells(a.ui, c.Cells)
	})
	if err == nil && n == 0 && !a.ui.JSON {
		a.ui.Note("nothing is excluded")
	}
	return err
}

// printLeftOut writes, for people at a terminal, what a merge left out: each transaction with
// its author, the row, the reason, and whose work stood in the way.
func printLeftOut(s *ui.Streams, list []repo.Conflict, total int) error {
	t := s.Table(ui.Column{Title: "TX"}, ui.Column{Title: "AUTHOR"}, ui.Column{Title: "ROW"}, ui.Column{Title: "FIELD"},
		ui.Column{Title: "REASON"}, ui.Column{Title: "OURS BY"})
	for _, c := range list {
		row, by := "", ""
		if c.Table != "" {
			row = rowOf(c.Table, c.Key)
		}
		if len(c.Cells) > 0 && c.Cells[0].Ours.By != nil {
			author, at, _ := writerCells(c.Cells[0].Ours.By)
			by = author + ", " + at
		}
		t.Row(c.Transaction.String(), c.Author.Name, row, c.Field, c.Reason.String(), by)
	}
	if err := t.Close(); err != nil {
		return err
	}
	if more := total - len(list); more > 0 {
		return s.Printf("and %s more\n", number(uint64(more)))
	}
	return nil
}
