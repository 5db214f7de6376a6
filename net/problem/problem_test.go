package problem_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"

	"aergo/contract/table"
	"aergo/net/peer"
	"aergo/net/problem"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/lock"
	"aergo/repo/object"
)

// TestKindsAreWhole keeps the table sound: identifiers are unique, words are words, every
// kind has a hint and a status that says that something failed, and every sentinel leads to
// its own kind, so that none hides behind another.
func TestKindsAreWhole(t *testing.T) {
	word := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	id := regexp.MustCompile(`^[a-z]+(\.[a-z]+(-[a-z]+)*)?$`)
	seen := map[string]bool{}
	for _, k := range problem.Kinds() {
		if seen[k.ID] {
			t.Errorf("%s: stands twice", k.ID)
		}
		seen[k.ID] = true
		if !word.MatchString(k.Code) || !id.MatchString(k.ID) {
			t.Errorf("%q, %q: not plain words", k.ID, k.Code)
		}
		if k.Hint == "" && k.ID != "usage" {
			t.Errorf("%s: no hint", k.ID)
		}
		if k.Exit == problem.ExitDone || k.HTTP() < 400 || k.HTTP() > 599 {
			t.Errorf("%s: exit code %d, status %d", k.ID, k.Exit, k.HTTP())
		}
		if k.Sentinel == nil {
			continue
		}
		if got := problem.Of(t.Context(), fmt.Errorf("wrapped: %w", k.Sentinel)); got.ID != k.ID {
			t.Errorf("%s: recognised as %s", k.ID, got.ID)
		}
	}
}

func TestOf(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name   string
		ctx    context.Context
		err    error
		id     string
		exit   problem.Exit
		status int
		hint   string // if not the kind's
	}{
		{"nobody foresaw it", t.Context(), errors.New("never seen"), "bug", problem.ExitBug, 500, ""},
		{"interrupted", gone, fmt.Errorf("%w: %w", lock.ErrBusy, context.Canceled), "interrupted", problem.ExitInterrupted, 499, ""},
		{"cancelled elsewhere", t.Context(), fmt.Errorf("%w: %w", lock.ErrBusy, context.Canceled), "lock.busy", problem.ExitBusy, 503, ""},
		{"waited long enough", t.Context(), fmt.Errorf("%w: %w", lock.ErrBusy, context.DeadlineExceeded), "lock.busy", problem.ExitBusy, 503, ""},
		{"usage", t.Context(), problem.Usagef("try this", "%q is wrong", "x"), "usage", problem.ExitUsage, 400, "try this"},
		{"its own hint", t.Context(), problem.WithHint("outer", fmt.Errorf("x: %w", problem.WithHint("inner", repo.ErrConflict))), "repo.conflict", problem.ExitNo, 409, "outer"},
		{"hint of a joined error", t.Context(), errors.Join(errors.New("x"), problem.WithHint("inner", repo.ErrConflict)), "repo.conflict", problem.ExitNo, 409, "inner"},
		{
			"refused", t.Context(), fmt.Errorf("%w: %w", repo.ErrRefused, &table.RefusedError{Reason: object.ReasonType, Table: "people"}),
			"table.refused", problem.ExitUsage, 400, "aergo schema people shows what the table takes",
		},
		{
			"another key", t.Context(), &peer.ChangedKeyError{HostPort: "h:1", File: "known", Line: 3}, "peer.changed-key", problem.ExitNetwork, 502,
			"somebody may be in between: ask who runs the host, and only if the new key is right remove line 3 of known",
		},
		{
			"conflict over there", t.Context(), &transfer.RemoteError{Code: transfer.CodeConflict}, "repo.conflict", problem.ExitNo, 409,
			"push without --strict to leave out what conflicts",
		},
		{"denied over there", t.Context(), &transfer.RemoteError{Code: transfer.CodeDenied}, "repo.not-permitted", problem.ExitNotPermitted, 403, "ask an administrator of the repository for the role"},
		{"a bug over there", t.Context(), &transfer.RemoteError{Code: transfer.CodeInternal}, "transfer.remote", problem.ExitNetwork, 502, ""},
		{"broken record on the way", t.Context(), fmt.Errorf("%w: %w", transfer.ErrProtocol, object.ErrMalformed), "transfer.protocol", problem.ExitNetwork, 502, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := problem.Of(test.ctx, fmt.Errorf("wrapped: %w", test.err))
			if got.ID != test.id || got.Exit != test.exit || got.HTTP() != test.status {
				t.Errorf("%s, exit code %d, status %d; want %s, %d, %d", got.ID, got.Exit, got.HTTP(), test.id, test.exit, test.status)
			}
			if test.hint != "" && got.Hint != test.hint {
				t.Errorf("hint %q, want %q", got.Hint, test.hint)
			}
		})
	}
	if problem.WithHint("x", nil) != nil {
		t.Error("a hint makes an error of nil")
	}
}
