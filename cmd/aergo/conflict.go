package main

import (
	"context"
	"fmt"
	"strings"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/shape"
	rowkey "aergo/repo/state/key"
)

// ruleIn is shape.Rule with the resolver's own words.
func ruleIn(x repo.Exclusion) string {
	if x.Words == "" {
		return shape.Rule(x.Reason)
	}
	return shape.Rule(x.Reason) + ": " + ui.Clean(x.Words)
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
		if err := s.Printf("\n  %s  %s\n", s.Strong(ui.Clean(title)), shape.Rule(c.Reason)); err != nil {
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
			return a.ui.PrintJSON(shape.OfListed(c))
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
