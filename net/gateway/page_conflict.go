package gateway

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/shape"
	rowkey "aergo/repo/state/key"
	"aergo/repo/words"
)

// How much pages show of conflicts.
const (
	excludedPageSize = 30
	maxCells         = 20
	maxOperations    = 50
)

// conflictItem is a conflict on a page.
type conflictItem struct {
	Transaction string // its whole id
	Short       string
	Author      string
	Written     time.Time
	Message     string
	Block       object.Hash
	Height      uint64
	Decided     time.Time
	Reason      string
	Rule        string
	Words       string // of the resolver
	Operations  []operationItem
	Cells       []disputeItem
	MoreCells   int
}

// disputeItem is a field, or a row, in which a transaction and a branch disagree.
type disputeItem struct {
	Table, Key, Field string
	Rule              string
	Sides             []sideItem // base, ours, theirs
}

type sideItem struct {
	Name, Means string
	Cell        cell
	Author      string
	Time        time.Time
	Transaction string
	Block       object.Hash
}

type operationItem struct {
	Code, Table, Key string
	Fields           []fieldItem
	Flags            string
}

type fieldItem struct {
	Name string
	Cell cell
}

func conflictItemOf(c repo.Conflict) conflictItem {
	item := conflictItem{
		Transaction: shape.TxID(c.Transaction), Short: c.Transaction.String(), Author: c.Author.Name, Written: c.Written, Message: c.Message,
		Block: c.Block, Height: c.Height, Decided: c.Decided, Reason: c.Reason.String(), Rule: shape.Rule(c.Reason), Words: shown(c.Words),
		Operations: operationItems(c.Operations), MoreCells: max(len(c.Cells)-maxCells, 0),
	}
	for _, x := range c.Cells[:min(len(c.Cells), maxCells)] {
		item.Cells = append(item.Cells, disputeItem{
			Table: x.Table, Key: keyText(x.Key), Field: x.Field, Rule: shape.Rule(x.Reason), Sides: []sideItem{
				sideItemOf("base", "what the author saw", x.Base, x.Field),
				sideItemOf("ours", "what the branch held", x.Ours, x.Field),
				sideItemOf("theirs", "what the transaction wants", x.Theirs, x.Field),
			},
		})
	}
	return item
}

func keyText(comps []rowkey.Component) string {
	if len(comps) == 0 {
		return ""
	}
	return format.FormatKey(comps)
}

func sideItemOf(name, means string, side repo.Version, field string) sideItem {
	item := sideItem{Name: name, Means: means}
	switch {
	case !side.Known:
		item.Cell = cell{"a value that is not here", "unknown"}
	case !side.Exists && field == "":
		item.Cell = cell{"no row", "absent"}
	case !side.Exists:
		item.Cell = cell{"no value", "absent"}
	case field == "":
		item.Cell = cell{shown(string(value.AppendJSONObject(nil, side.Fields))), "record"}
	default:
		item.Cell = cellOf(side.Value)
	}
	if side.Known && side.Exists && side.Delta != table.Put {
		item.Cell.Text = side.Delta.String() + " " + item.Cell.Text
	}
	if w := side.By; w != nil {
		item.Author, item.Time, item.Block = w.Author.Name, w.Time, w.Block
		if w.Transaction != (repo.TxID{}) {
			item.Transaction = shape.TxID(w.Transaction)
		}
	}
	return item
}

func operationItems(ops []repo.Operation) []operationItem {
	var out []operationItem
	for _, o := range ops[:min(len(ops), maxOperations)] {
		item := operationItem{Code: o.Code.String(), Table: o.Table, Key: keyText(o.Key)}
		for _, f := range o.Fields {
			c := cellOf(f.Enc)
			if c.Kind == "none" {
				c = cell{"taken away", "absent"}
			}
			item.Fields = append(item.Fields, fieldItem{f.Name, c})
		}
		var flags []string
		for _, flag := range []struct {
			is   table.Flags
			word string
		}{{table.Create, "create"}, {table.Exact, "exact"}, {table.Force, "force"}} {
			if o.Flags&flag.is != 0 {
				flags = append(flags, flag.word)
			}
		}
		item.Flags = joined(flags)
		out = append(out, item)
	}
	return out
}

func joined(list []string) string { return strings.Join(list, ", ") }

type excludedMain struct {
	Rev       string
	Block     object.Hash
	Conflicts []conflictItem
	Next      string
	First     int
}

func (v *visit) excludedPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	m := excludedMain{Rev: v.query["rev"]}
	c, goesOn, err := v.readCursor(1)
	if err != nil {
		return answer{}, err
	}
	if goesOn {
		v.query["rev"] = c.Blocks[0]
	}
	id, at, err := v.at("rev")
	if err != nil {
		return answer{}, err
	}
	m.Block = id
	skip, err := counted(c.Place)
	if err != nil {
		return answer{}, err
	}
	n := 0
	err = v.repo.Conflicts(v.ctx, at, func(c repo.Conflict) error {
		if n++; n <= skip {
			return nil
		}
		if len(m.Conflicts) == excludedPageSize {
			m.Next = cursor{[]string{at}, strconv.Itoa(n - 1)}.String()
			return errFull
		}
		m.Conflicts = append(m.Conflicts, conflictItemOf(c))
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return answer{}, err
	}
	m.First = skip + 1
	return v.render(a, "excluded", frame{Title: "Excluded", At: m.Rev, Main: m})
}

type txMain struct {
	repo.Story
	ID         string
	Operations []operationItem
	More       int // operations that are not listed
	Fates      []fateItem
}

type fateItem struct {
	repo.Fate
	Verdict  string
	Conflict *conflictItem
}

func (v *visit) txPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	what, err := v.mandatory("tx")
	if err != nil {
		return answer{}, err
	}
	s, err := v.story(what)
	if err != nil {
		return answer{}, err
	}
	m := txMain{Story: s, ID: shape.TxID(s.Transaction), Operations: operationItems(s.Operations), More: max(len(s.Operations)-maxOperations, 0)}
	for _, f := range s.Fates {
		item := fateItem{Fate: f, Verdict: f.Verdict.String()}
		if f.Conflict != nil {
			c := conflictItemOf(*f.Conflict)
			item.Conflict = &c
		}
		m.Fates = append(m.Fates, item)
	}
	return v.render(a, "tx", frame{Title: "Transaction " + s.Transaction.String(), Page: "history", Main: m})
}

type contractMain struct {
	repo.Contract
	Source string
	At     string
}

func (v *visit) contractPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	name, err := v.mandatory("name")
	if err != nil {
		return answer{}, err
	}
	_, at, err := v.at("at")
	if err != nil {
		return answer{}, err
	}
	c, err := v.repo.Contract(v.ctx, name, at)
	if err != nil {
		return answer{}, err
	}
	m := contractMain{Contract: c, Source: cleanLines(string(c.Source)), At: v.query["at"]}
	return v.render(a, "contract", frame{Title: "Contract " + shown(name), At: m.At, Page: "overview", Main: m})
}

// cleanLines is text of many lines in which nothing but the ends of lines does anything.
func cleanLines(text string) string {
	if len(text) > maxTextBytes {
		text = strings.ToValidUTF8(text[:maxTextBytes], "") + "…"
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(words.Clean(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")) + "\n")
	}
	return strings.TrimSuffix(out.String(), "\n")
}
