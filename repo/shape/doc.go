// Package shape holds the shapes of JSON results about rows and history: what aergo prints with
// --json and what the HTTP gateway answers is the same. All of them are part of the interface, are
// documented in docs/json.md, and grow only.
//
// It turns the door's answers into shapes and knows nothing of where they go. Results of commands
// that change something are cmd/aergo's own.
package shape

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
)

// Key is the JSON of a row's key, null for none.
func Key(comps []rowkey.Component) json.RawMessage {
	if len(comps) == 0 {
		return json.RawMessage("null")
	}
	return format.AppendKeyJSON(nil, comps)
}

// Value is the JSON of a field's encoded value, null for none.
func Value(enc []byte) json.RawMessage { return value.AppendJSON(nil, enc) }

// Optional is a hash, or nil for none.
func Optional(h object.Hash) *object.Hash {
	if h.IsZero() {
		return nil
	}
	return &h
}

// TxID writes a transaction's id with its whole hash, which names it everywhere.
func TxID(t repo.TxID) string { return fmt.Sprintf("%s.%d", t.Batch, t.Index) }

// PublicKey is an identity's key in hex.
func PublicKey(id object.Identity) string { return hex.EncodeToString(id.Key[:]) }
