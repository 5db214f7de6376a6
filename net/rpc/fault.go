package rpc

import (
	"context"
	"encoding/json"
	"errors"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/net/problem"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/object"
)

// fault is an error on its way. The error that comes out at the other end has its text and
// hint, wraps the same sentinels of net/problem, and holds the same typed errors.
type fault struct {
	Code    string `json:"code,omitempty"` // a word as with --json; of the outermost only
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // of the outermost only
	// Kinds are the identifiers of all kinds whose sentinel the error wraps, and "canceled".
	Kinds []string `json:"kinds,omitempty"`
	// Fault is the rule that a block breaks (branch.FaultOf), if the error is about that.
	Fault branch.Fault `json:"fault,omitempty"`
	// Type names the error's type if the other side knows it, and Detail is what it holds
	// beside the first of Causes.
	Type   string          `json:"type,omitempty"`
	Detail json.RawMessage `json:"detail,omitempty"`
	// Causes are the errors of known types inside.
	Causes []fault `json:"causes,omitempty"`
}

// canceledKind stands among the kinds of what a cancelled context has stopped.
const canceledKind = "canceled"

// maxCauseDepth bounds how deep errors lie in each other.
const maxCauseDepth = 16

// faultOf puts an error, which is not nil, in the words of the protocol. ctx is that of the
// work that failed.
func faultOf(ctx context.Context, err error) *fault {
	k := problem.Of(ctx, err)
	f := encodeFault(err, 0)
	f.Code, f.Hint = k.Code, k.Hint
	return &f
}

// Types of errors that keep their type.
const (
	typeApply   = "apply"
	typeInput   = "input"
	typeColumns = "columns"
	typeRefused = "refused"
	typeRemote  = "remote"
)

type applyDetail struct {
	Index     int               `json:"index"`
	Exclusion *object.Exclusion `json:"exclusion"`
}

type inputDetail struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Name   string `json:"name"`
}

func encodeFault(err error, depth int) fault {
	f := fault{Message: err.Error(), Kinds: kindsOf(err), Fault: branch.FaultOf(err)}
	var detail any
	switch e := err.(type) { //nolint:errorlint // the outermost is meant; what it wraps follows
	case *repo.ApplyError:
		f.Type, detail = typeApply, applyDetail{e.Index, e.Exclusion}
		f.Causes = causesOf(e.Err, depth)
	case *format.Error:
		f.Type, detail = typeInput, inputDetail{e.Line, e.Column, e.Name}
		f.Causes = causesOf(e.Err, depth)
	case *repo.UnknownColumnsError:
		f.Type, detail = typeColumns, e
	case *table.RefusedError:
		f.Type, detail = typeRefused, e
	case *transfer.RemoteError:
		f.Type, detail = typeRemote, e
	default:
		f.Causes = typedInside(err, depth)
		return f
	}
	var failed error
	if f.Detail, failed = encode(detail); failed != nil {
		f.Type, f.Detail = "", nil // no type above can fail to encode
	}
	return f
}

// causesOf returns the only cause of a typed error.
func causesOf(err error, depth int) []fault {
	if err == nil || depth >= maxCauseDepth {
		return nil
	}
	return []fault{encodeFault(err, depth+1)}
}

// typedInside returns the outermost errors of known types that an error wraps.
func typedInside(err error, depth int) []fault {
	if depth >= maxCauseDepth {
		return nil
	}
	var inner []error
	switch e := err.(type) { //nolint:errorlint // one level after the other
	case interface{ Unwrap() error }:
		inner = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	}
	var found []fault
	for _, e := range inner {
		if e == nil {
			continue
		}
		if f := encodeFault(e, depth+1); f.Type != "" {
			found = append(found, f)
		} else {
			found = append(found, f.Causes...)
		}
	}
	return found
}

func kindsOf(err error) []string {
	var ids []string
	for _, k := range problem.Kinds() {
		if k.Sentinel != nil && errors.Is(err, k.Sentinel) {
			ids = append(ids, k.ID)
		}
	}
	if errors.Is(err, context.Canceled) {
		ids = append(ids, canceledKind)
	}
	return ids
}

// err returns the error that the other side had, nil for nil.
func (f *fault) err() error {
	if f == nil {
		return nil
	}
	err := decodeFault(f, 0)
	if f.Hint != "" && problem.Of(context.Background(), err).Hint != f.Hint {
		return problem.WithHint(f.Hint, err)
	}
	return err
}

// decodeFault makes the error. What it does not understand it takes for an error without a
// type: the text is there in any case.
func decodeFault(f *fault, depth int) error {
	plain := &remoteError{text: f.Message, is: sentinels(f.Kinds), fault: f.Fault}
	if depth >= maxCauseDepth {
		return plain
	}
	for i := range f.Causes {
		plain.causes = append(plain.causes, decodeFault(&f.Causes[i], depth+1))
	}
	switch f.Type {
	case typeApply:
		var d applyDetail
		if json.Unmarshal(f.Detail, &d) == nil && len(plain.causes) == 1 {
			return &repo.ApplyError{Index: d.Index, Exclusion: d.Exclusion, Err: plain.causes[0]}
		}
	case typeInput:
		var d inputDetail
		if json.Unmarshal(f.Detail, &d) == nil && len(plain.causes) == 1 {
			return &format.Error{Line: d.Line, Column: d.Column, Name: d.Name, Err: plain.causes[0]}
		}
	case typeColumns:
		if e := new(repo.UnknownColumnsError); json.Unmarshal(f.Detail, e) == nil {
			return e
		}
	case typeRefused:
		if e := new(table.RefusedError); json.Unmarshal(f.Detail, e) == nil {
			return e
		}
	case typeRemote:
		if e := new(transfer.RemoteError); json.Unmarshal(f.Detail, e) == nil {
			return e
		}
	}
	return plain
}

// sentinels returns the errors that identifiers stand for; those of a later version are
// left out.
func sentinels(ids []string) []error {
	var all []error
	for _, id := range ids {
		if id == canceledKind {
			all = append(all, context.Canceled)
		}
		for _, k := range problem.Kinds() {
			if k.ID == id && k.Sentinel != nil {
				all = append(all, k.Sentinel)
			}
		}
	}
	return all
}

// remoteError is an error that happened on the other side and is of no type known here.
type remoteError struct {
	text   string
	is     []error // sentinels
	causes []error // of known types
	fault  branch.Fault
}

// Error returns what the other side says.
func (e *remoteError) Error() string { return e.text }

// Is makes errors.Is find what the error wrapped on the other side.
func (e *remoteError) Is(target error) bool {
	for _, s := range e.is {
		if errors.Is(s, target) {
			return true
		}
	}
	return false
}

// As gives away the fault.
func (e *remoteError) As(target any) bool {
	f, ok := target.(*branch.Fault)
	if ok && e.fault != "" {
		*f = e.fault
		return true
	}
	return false
}

// Unwrap lets errors.As find the typed errors inside.
func (e *remoteError) Unwrap() []error { return e.causes }
