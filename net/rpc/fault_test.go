package rpc

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/net/problem"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/lock"
	"aergo/repo/object"
)

// travel sends an error there and back.
func travel(t *testing.T, err error) error {
	t.Helper()
	data, failed := encode(faultOf(t.Context(), err))
	if failed != nil {
		t.Fatal(failed)
	}
	var f fault
	if failed := decode(data, &f); failed != nil {
		t.Fatal(failed)
	}
	return f.err()
}

// TestErrorsOfEveryKindTravel sends an error of every kind, and finds the same text, word,
// exit code, hint and sentinels on the other side.
func TestErrorsOfEveryKindTravel(t *testing.T) {
	errs := []error{
		errors.New("never seen"),
		context.Canceled,
		fmt.Errorf("%w: %w", lock.ErrBusy, context.DeadlineExceeded),
		errors.Join(repo.ErrConflict, context.Canceled),
		problem.WithHint("try this", repo.ErrNothing),
		problem.Usagef("", "no %s", "sense"),
		&repo.ApplyError{Index: 4, Exclusion: &object.Exclusion{Index: 2}, Err: fmt.Errorf("%w: %w", repo.ErrRefused, &table.RefusedError{Reason: object.ReasonType, Table: "t", Field: "f"})},
		fmt.Errorf("x: %w", &format.Error{Line: 3, Column: 2, Name: "n", Err: format.ErrType}),
		fmt.Errorf("x: %w", &repo.UnknownColumnsError{Table: "t", Columns: []string{"a", "b"}}),
		fmt.Errorf("x: %w", &transfer.RemoteError{Code: transfer.CodeConflict, Text: "over there"}),
		fmt.Errorf("x: %w", &transfer.RemoteError{Code: transfer.CodeInvalid, Fault: branch.FaultTime, Text: "over there"}),
		fmt.Errorf("block: %w: its height", branch.FaultHeight),
	}
	for _, k := range problem.Kinds() {
		if k.Sentinel != nil {
			errs = append(errs, fmt.Errorf("outer: %w", fmt.Errorf("inner: %w", k.Sentinel)))
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range errs {
		got := travel(t, err)
		if got.Error() != err.Error() || problem.Fault(got) != problem.Fault(err) {
			t.Errorf("%q (%s) arrives as %q (%s)", err, problem.Fault(err), got, problem.Fault(got))
		}
		for _, ctx := range []context.Context{t.Context(), gone} {
			g, w := problem.Of(ctx, got), problem.Of(ctx, err)
			if g.ID != w.ID || g.Exit != w.Exit || g.Code != w.Code || g.Hint != w.Hint && ctx == t.Context() {
				t.Errorf("%v: is %+v, want %+v", err, g, w)
			}
		}
		for _, k := range problem.Kinds() {
			if k.Sentinel != nil && errors.Is(got, k.Sentinel) != errors.Is(err, k.Sentinel) {
				t.Errorf("%v: is it %s?", err, k.ID)
			}
		}
		if errors.Is(got, context.Canceled) != errors.Is(err, context.Canceled) {
			t.Errorf("%v: is it cancelled?", err)
		}
	}
	if (*fault)(nil).err() != nil {
		t.Error("no fault is an error")
	}
}

// TestTypedErrorsTravel finds typed errors on the other side, with what they hold and wrap.
func TestTypedErrorsTravel(t *testing.T) {
	refused := &table.RefusedError{Reason: object.ReasonType, Op: 1, Code: table.Put, Table: "t", Field: "f"}
	err := travel(t, fmt.Errorf("x: %w", &repo.ApplyError{
		Index: 4, Exclusion: &object.Exclusion{Index: 2}, Err: fmt.Errorf("%w: %w", repo.ErrRefused, refused),
	}))
	var apply *repo.ApplyError
	var inner *table.RefusedError
	if !errors.As(err, &apply) || apply.Index != 4 || apply.Exclusion == nil || apply.Exclusion.Index != 2 ||
		!errors.As(apply.Err, &inner) || *inner != *refused || !errors.Is(apply.Err, repo.ErrRefused) {
		t.Errorf("%#v", err)
	}
	var input *format.Error
	err = travel(t, errors.Join(errors.New("y"), &format.Error{Line: 3, Column: 2, Name: "n", Err: format.ErrType}))
	if !errors.As(err, &input) || input.Line != 3 || input.Column != 2 || input.Name != "n" || !errors.Is(input.Err, format.ErrType) {
		t.Errorf("%#v", err)
	}
	var unknown *repo.UnknownColumnsError
	err = travel(t, &repo.UnknownColumnsError{Table: "t", Columns: []string{"a"}})
	if !errors.As(err, &unknown) || unknown.Table != "t" || len(unknown.Columns) != 1 {
		t.Errorf("%#v", err)
	}
	var remote *transfer.RemoteError
	err = travel(t, &transfer.RemoteError{Code: transfer.CodeDenied, Text: "no"})
	if !errors.As(err, &remote) || remote.Code != transfer.CodeDenied || remote.Text != "no" {
		t.Errorf("%#v", err)
	}
}

// TestFaultsOfOthers takes faults as another program, or a later version, may send them.
func TestFaultsOfOthers(t *testing.T) {
	for _, text := range []string{
		`{"message":"x","type":"apply"}`, `{"message":"x","type":"apply","detail":{"index":"no"},"causes":[{"message":"y"}]}`,
		`{"message":"x","type":"later","detail":[1]}`, `{"message":"x","kinds":["later.kind"]}`, `{"message":"x","type":"refused","detail":3}`,
		`{"message":"x","type":"input","detail":{}}`, `{"message":"x","type":"columns","detail":1}`, `{"message":"x","type":"remote","detail":1}`,
	} {
		var f fault
		if err := decode([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		if err := f.err(); err == nil || err.Error() != "x" {
			t.Errorf("%s: %v", text, err)
		}
	}
	deep := fault{Message: "x"}
	for range 100 {
		deep = fault{Message: "x", Causes: []fault{deep}}
	}
	if err := deep.err(); errors.Is(err, repo.ErrConflict) || err.Error() != "x" {
		t.Error(err)
	}
}
