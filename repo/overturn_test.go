package repo

import (
	"errors"
	"testing"

	"aergo/repo/object"
)

// Pull and push bring what is missing, and overturn no verdict of the branch that they
// merge into: not even where the other side goes on from it.
func TestPullAndPushOverturnNothing(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	own := w.clone("up", "own", "ada")
	put(t, up, "a", "n", 2)
	put(t, own, "a", "n", 3)
	pulled, err := own.Pull(ctx, PullRequest{})
	must(t, err)
	if len(pulled.Excluded) != 1 {
		t.Fatalf("pulled %+v", pulled)
	}
	// Own goes on from up now, but holds up's edit as excluded.
	strict, err := own.Push(ctx, PushRequest{Strict: true})
	if !errors.Is(err, ErrConflict) || len(strict.Excluded) != 1 {
		t.Errorf("strict push: %+v, %v", strict, err)
	}
	other := w.clone("own", "other", "ada")
	pushed, err := own.Push(ctx, PushRequest{})
	must(t, err)
	if pushed.FastForward || len(pushed.Excluded) != 1 || pushed.Applied != 0 {
		t.Errorf("pushed %+v", pushed)
	}
	wantField(t, up, "a", "n", "2")
	// The other one is where own was before it took the remote's answer. It has all there is,
	// stands by its verdicts, and says so, however often it is asked.
	must(t, other.AddRemote(ctx, "up", "up"))
	before := head(t, other)
	for range 2 {
		pulled, err = other.Pull(ctx, PullRequest{Remote: "up"})
		must(t, err)
		if !pulled.UpToDate || len(pulled.Overruled) != 1 || pulled.Overruled[0].Reason != object.ReasonFieldChanged || head(t, other) != before {
			t.Errorf("pulled %+v", pulled)
		}
	}
	if _, err = other.Pull(ctx, PullRequest{Remote: "up", Strict: true}); !errors.Is(err, ErrConflict) {
		t.Errorf("strict pull: %v", err)
	}
	again, err := other.Push(ctx, PushRequest{Remote: "up"})
	must(t, err)
	if !again.UpToDate || len(again.Overruled) != 1 || again.LocalMoved || head(t, other) != before {
		t.Errorf("pushed %+v", again)
	}
	wantField(t, other, "a", "n", "3")
	put(t, up, "b", "n", 4)
	pulled, err = other.Pull(ctx, PullRequest{Remote: "up"})
	must(t, err)
	if pulled.FastForward || pulled.Applied != 1 || len(pulled.Overruled) != 1 {
		t.Errorf("pulled %+v", pulled)
	}
	wantField(t, other, "a", "n", "3")
	wantField(t, other, "b", "n", "4")
	sound(t, up)
	sound(t, own)
	sound(t, other)
}
