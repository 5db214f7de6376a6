package main

import (
	"encoding/json"
	"time"

	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// The shapes of JSON results that several commands share. All of them are part of the
// interface, are documented in docs/json.md, and grow only.

// initialisedJSON is what init and clone made.
type initialisedJSON struct {
	Path   string      `json:"path"`
	Branch string      `json:"branch"`
	Block  object.Hash `json:"block"`
}

// preparedJSON is what commands that change rows add to the pool.
type preparedJSON struct {
	Branch       string `json:"branch"`
	Transactions uint64 `json:"transactions"`
	Unchanged    uint64 `json:"unchanged"`
	Pending      uint64 `json:"pending"`
}

func preparedShape(p repo.Prepared) preparedJSON {
	return preparedJSON{Branch: string(p.Branch), Transactions: p.Transactions, Unchanged: p.Unchanged, Pending: p.Pending}
}

// nameJSON is a branch or tag.
type nameJSON struct {
	Name    string      `json:"name"`
	Block   object.Hash `json:"block"`
	Current bool        `json:"current"`
	Deleted bool        `json:"deleted,omitempty"`
	Logic   *logicJSON  `json:"merge_logic,omitempty"`
}

// logicJSON is the merge logic of a branch.
type logicJSON struct {
	Name string      `json:"name"`
	Hash object.Hash `json:"hash"`
}

func logicShape(l *repo.MergeLogic) *logicJSON {
	if l == nil {
		return nil
	}
	return &logicJSON{l.Name, l.Hash}
}

// batchJSON is a batch as log and show tell of it.
type batchJSON struct {
	ID           object.Hash `json:"id"`
	Author       string      `json:"author"`
	Key          string      `json:"key"` // of the author
	Message      string      `json:"message"`
	Time         time.Time   `json:"time"`
	Transactions uint64      `json:"transactions"`
	Excluded     uint64      `json:"excluded"`
}

type orderJSON struct {
	ID      object.Hash  `json:"id"`
	Kind    string       `json:"kind"`
	Mode    string       `json:"mode"`
	Signer  string       `json:"signer"`
	Source  *object.Hash `json:"source,omitempty"`
	Message string       `json:"message"`
	Time    time.Time    `json:"time"`
}

// blockJSON is a line of log.
type blockJSON struct {
	Block    object.Hash   `json:"block"`
	Height   uint64        `json:"height"`
	Parents  []object.Hash `json:"parents"`
	Time     time.Time     `json:"time"`
	Producer string        `json:"producer"`
	Orders   []orderJSON   `json:"orders"`
	Batches  []batchJSON   `json:"batches"`
}

func blockShape(b repo.Block) blockJSON {
	out := blockJSON{
		Block: b.ID, Height: b.Height, Parents: b.Parents, Time: b.Time, Producer: b.Producer.Name,
		Orders: []orderJSON{}, Batches: []batchJSON{},
	}
	if out.Parents == nil {
		out.Parents = []object.Hash{}
	}
	for _, o := range b.Orders {
		out.Orders = append(out.Orders, orderShape(o))
	}
	for _, x := range b.Batches {
		out.Batches = append(out.Batches, batchJSON{
			ID: x.ID, Author: x.Author.Name, Key: hexKey(x.Author), Message: x.Message, Time: x.Time,
			Transactions: x.Transactions, Excluded: x.Excluded,
		})
	}
	return out
}

func orderShape(o repo.Order) orderJSON {
	return orderJSON{
		ID: o.ID, Kind: o.Kind.String(), Mode: o.Mode.String(), Signer: o.Signer.Name, Source: optional(o.Source), Message: o.Message, Time: o.Time,
	}
}

// exclusionJSON is a transaction that was left out.
type exclusionJSON struct {
	Transaction string          `json:"tx"`
	Reason      string          `json:"reason"`
	Table       string          `json:"table"`
	Key         json.RawMessage `json:"key"`
	Field       string          `json:"field"`
	Op          uint64          `json:"op"`
	Block       *object.Hash    `json:"block,omitempty"`
	Words       string          `json:"words,omitempty"` // of the resolver that left it out
}

func exclusionShapes(list []repo.Exclusion) []exclusionJSON {
	out := make([]exclusionJSON, 0, len(list))
	for _, x := range list {
		j := exclusionJSON{
			Transaction: fullID(x.Transaction), Reason: x.Reason.String(), Table: x.Table, Key: keyShape(x.Key), Field: x.Field, Op: x.Op, Words: x.Words,
		}
		j.Block = optional(x.Block)
		out = append(out, j)
	}
	return out
}

// keyShape is the JSON of a row's key, null for none.
func keyShape(comps []rowkey.Component) json.RawMessage {
	if len(comps) == 0 {
		return json.RawMessage("null")
	}
	return format.AppendKeyJSON(nil, comps)
}

// valueShape is the JSON of a field's value, null for none.
func valueShape(enc []byte) json.RawMessage { return value.AppendJSON(nil, enc) }

// optional is a hash, or nil for none.
func optional(h object.Hash) *object.Hash {
	if h.IsZero() {
		return nil
	}
	return &h
}
