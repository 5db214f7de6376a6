package shape

import (
	"encoding/json"
	"time"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
)

// Exclusion is a transaction that was left out.
type Exclusion struct {
	Transaction string          `json:"tx"`
	Reason      string          `json:"reason"`
	Table       string          `json:"table"`
	Key         json.RawMessage `json:"key"`
	Field       string          `json:"field"`
	Op          uint64          `json:"op"`
	Block       *object.Hash    `json:"block,omitempty"`
	Words       string          `json:"words,omitempty"` // of the resolver that left it out
}

// OfExclusions are the shapes of exclusions.
func OfExclusions(list []repo.Exclusion) []Exclusion {
	out := make([]Exclusion, 0, len(list))
	for _, x := range list {
		j := Exclusion{
			Transaction: TxID(x.Transaction), Reason: x.Reason.String(), Table: x.Table, Key: Key(x.Key), Field: x.Field, Op: x.Op, Words: x.Words,
		}
		j.Block = Optional(x.Block)
		out = append(out, j)
	}
	return out
}

// Operation is one operation, as aergo apply reads it.
type Operation struct {
	Op     string          `json:"op"`
	Table  string          `json:"table"`
	Key    json.RawMessage `json:"key"` // null if it is the table's schema
	Fields json.RawMessage `json:"fields,omitempty"`
	Unset  []string        `json:"unset,omitempty"`
	Create bool            `json:"create,omitempty"`
	Exact  bool            `json:"exact,omitempty"`
	Force  bool            `json:"force,omitempty"`
}

// Side is what one side has in a cell. Is tells what Value is: the field's value, the
// row's fields, nothing for absent and unknown, or what is added or taken away.
type Side struct {
	Is          string          `json:"is"` // value, row, absent, unknown, incr, append or remove
	Value       json.RawMessage `json:"value"`
	Author      string          `json:"author"` // empty if nobody wrote it
	AuthorKey   string          `json:"author_key"`
	Time        *time.Time      `json:"time"`
	Transaction string          `json:"tx"`
	Block       *object.Hash    `json:"block,omitempty"`
}

// Cell is a field, or a row as a whole, in which a transaction and a branch disagree.
type Cell struct {
	Op     int             `json:"op"`
	Table  string          `json:"table"`
	Key    json.RawMessage `json:"key"`
	Field  string          `json:"field"` // empty for the row as a whole
	Reason string          `json:"reason"`
	Rule   string          `json:"rule"` // in words
	Base   Side            `json:"base"`
	Ours   Side            `json:"ours"`
	Theirs Side            `json:"theirs"`
}

// Dispute is why a transaction is excluded.
type Dispute struct {
	Exclusion
	Rule   string    `json:"rule"` // in words
	Height uint64    `json:"height"`
	Time   time.Time `json:"time"` // of the block
	Cells  []Cell    `json:"cells"`
}

// Listed is a line of excluded list -v.
type Listed struct {
	Dispute
	Author     string      `json:"author"`
	AuthorKey  string      `json:"author_key"`
	Written    time.Time   `json:"written"`
	Message    string      `json:"message"`
	Operations []Operation `json:"operations"`
}

// OfOperations are the shapes of operations.
func OfOperations(ops []repo.Operation) []Operation {
	out := make([]Operation, len(ops))
	for i, o := range ops {
		j := Operation{
			Op: o.Code.String(), Table: o.Table, Key: Key(o.Key),
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

func ofSide(v repo.Version, field string) Side {
	out := Side{Is: "value", Value: json.RawMessage("null")}
	switch {
	case !v.Known:
		out.Is = "unknown"
	case !v.Exists:
		out.Is = "absent"
	case field == "":
		out.Is, out.Value = "row", value.AppendJSONObject(nil, v.Fields)
	default:
		out.Value = Value(v.Value)
	}
	if v.Known && v.Exists && v.Delta != table.Put {
		out.Is = v.Delta.String()
	}
	if w := v.By; w != nil {
		out.Author, out.AuthorKey, out.Time, out.Block = w.Author.Name, PublicKey(w.Author), &w.Time, Optional(w.Block)
		if w.Transaction != (repo.TxID{}) {
			out.Transaction = TxID(w.Transaction)
		}
	}
	return out
}

// OfConflict is the shape of a conflict.
func OfConflict(c repo.Conflict) Dispute {
	out := Dispute{
		Exclusion: OfExclusions([]repo.Exclusion{c.Exclusion})[0], Rule: Rule(c.Reason), Height: c.Height, Time: c.Decided, Cells: []Cell{},
	}
	for _, x := range c.Cells {
		out.Cells = append(out.Cells, Cell{
			Op: x.Op, Table: x.Table, Key: Key(x.Key), Field: x.Field, Reason: x.Reason.String(), Rule: Rule(x.Reason),
			Base: ofSide(x.Base, x.Field), Ours: ofSide(x.Ours, x.Field), Theirs: ofSide(x.Theirs, x.Field),
		})
	}
	return out
}

// Rule says in words what a reason means.
func Rule(r object.Reason) string {
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

// Fate is what became of a transaction on one branch.
type Fate struct {
	Branch  string      `json:"branch"`
	Verdict string      `json:"verdict"`
	Block   object.Hash `json:"block"`
	Height  uint64      `json:"height"`
	Reason  *Exclusion  `json:"reason,omitempty"`
	Time    time.Time   `json:"time"`
	Order   *Order      `json:"order,omitempty"`
	// Promised is what the receipt of a submission said.
	Promised *Promised `json:"promised,omitempty"`
	// Conflict is there if the transaction is excluded, or was before it was dropped or replayed.
	Conflict *Dispute `json:"conflict,omitempty"`
}

// Promised is what a receipt said of a transaction before the block.
type Promised struct {
	Verdict string      `json:"verdict"`
	Reason  string      `json:"reason,omitempty"`
	Receipt object.Hash `json:"receipt"`
	Time    time.Time   `json:"time"`
}

// Story is what became of a transaction.
type Story struct {
	Transaction string      `json:"tx"`
	Author      string      `json:"author"`
	Batch       object.Hash `json:"batch"`
	Message     string      `json:"message"`
	Branches    []Fate      `json:"branches"`
	AuthorKey   string      `json:"author_key"`
	Written     time.Time   `json:"written"`
	Operations  []Operation `json:"operations"`
}

// OfStory is the shape of a transaction's story.
func OfStory(s repo.Story) Story {
	out := Story{
		Transaction: TxID(s.Transaction), Author: s.Author.Name, Batch: s.Transaction.Batch, Message: s.Message, Branches: []Fate{},
		AuthorKey: PublicKey(s.Author), Written: s.Batch.Time, Operations: OfOperations(s.Operations),
	}
	for _, f := range s.Fates {
		j := Fate{Branch: string(f.Branch), Verdict: f.Verdict.String(), Block: f.Block, Height: f.Height, Time: f.Time}
		if f.Reason != nil {
			j.Reason = &OfExclusions([]repo.Exclusion{*f.Reason})[0]
		}
		if f.Order != nil {
			order := OfOrder(*f.Order)
			j.Order = &order
		}
		if p := f.Promised; p != nil {
			j.Promised = &Promised{Verdict: p.Verdict.String(), Receipt: p.Receipt, Time: p.Time}
			if p.Reason != nil {
				j.Promised.Reason = p.Reason.Reason.String()
			}
		}
		if f.Conflict != nil {
			conflict := OfConflict(*f.Conflict)
			j.Conflict = &conflict
		}
		out.Branches = append(out.Branches, j)
	}
	return out
}

// OfListed is the shape of a conflict with what the transaction is.
func OfListed(c repo.Conflict) Listed {
	return Listed{
		Dispute: OfConflict(c), Author: c.Author.Name, AuthorKey: PublicKey(c.Author), Written: c.Written, Message: c.Message,
		Operations: OfOperations(c.Operations),
	}
}
