package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"

	"aergo/repo"
)

// protocolVersion is the version of the protocol that this package speaks.
const protocolVersion = 1

// greeting is the first message of a client.
type greeting struct {
	Protocol string `json:"protocol"` // "aergo-rpc"
	Versions []int  `json:"versions"`
	Caller   Caller `json:"caller"`
}

// welcome is the answer to it.
type welcome struct {
	Version int    `json:"version"`
	Program string `json:"program"`
}

// protocolName stands in every greeting.
const protocolName = "aergo-rpc"

// call asks for a verb of the door. Args are its arguments in order, without context,
// readers and functions.
type call struct {
	Verb string            `json:"verb"`
	Args []json.RawMessage `json:"args"`
	// Escaped says that a byte of a text in Args that is no UTF-8 stands as the code point
	// U+10FF00 + byte.
	Escaped bool `json:"escaped,omitempty"`
}

// ending ends the bytes of a reader; Error is why, null at its end.
type ending struct {
	Error *fault `json:"error"`
}

// note tells something while a call runs: what Notes has, one of them.
type note struct {
	Waiting  *string        `json:"waiting,omitempty"` // for whom
	Progress *repo.Progress `json:"progress,omitempty"`
	Note     *string        `json:"note,omitempty"`
	Detail   *string        `json:"detail,omitempty"`
}

// result ends a call, after its values: the results of the verb in order, without the error.
type result struct {
	Error *fault `json:"error"`
}

// encode returns v as JSON, with text as it is.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// decode reads what the other side has sent.
func decode(data []byte, to any) error {
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}
