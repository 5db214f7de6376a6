package main

import (
	"aergo/repo"
	"aergo/repo/object"
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
