package repo

import (
	"context"
	"errors"
	"testing"

	"aergo/repo/object"
)

// distant is a remote whose objects are slow to get one by one. It notes what it is told
// beforehand.
type distant struct {
	Remote
	before func() // called when it is told
	err    error
	told   *[][]object.Hash
}

type distantSource struct {
	Source
	d distant
}

func (d distant) Objects() Source { return distantSource{d.Remote.Objects(), d} }

func (s distantSource) Gather(ctx context.Context, walk Walk) error {
	*s.d.told = append(*s.d.told, walk.Heads)
	s.d.before()
	if _, err := walk.Known(ctx, walk.Heads[0]); err != nil {
		return err
	}
	return s.d.err
}

func TestSlowRemotesAreToldBeforehand(t *testing.T) {
	w := newWorld(t, false)
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	bobs := w.clone("up", "bobs", "bob")
	put(t, up, "a", "n", 2)
	_, err := up.CreateTag(ctx, "v1", "", "first")
	must(t, err)
	dialled := ""
	d := distant{told: &[][]object.Hash{}, before: func() {}}
	bobs.opts.Dial = func(ctx context.Context, address string) (Remote, error) {
		dialled = address
		other, err := bobs.opts.OpenPath(ctx, "up")
		d.Remote = AsRemote(other)
		return d, err
	}
	must(t, bobs.AddRemote(ctx, "far", "aergo://example.org:4001/up"))

	d.err = errors.New("gone")
	if _, err := bobs.Fetch(ctx, "far", ""); !errors.Is(err, d.err) || dialled != "aergo://example.org:4001/up" {
		t.Errorf("dialled %q: %v", dialled, err)
	}
	if _, err := bobs.Resolve(ctx, "far/master"); !errors.Is(err, ErrNoRevision) {
		t.Errorf("after a fetch that failed: %v", err)
	}
	d.err = nil
	*d.told = nil
	free := false
	d.before = func() {
		if free {
			return
		}
		unlock, err := bobs.acquire(ctx) // waits for ever if the fetch holds the lock
		must(t, err)
		unlock()
		free = true
	}
	f, err := bobs.Fetch(ctx, "far", "")
	must(t, err)
	if !free || len(f.Tags) != 1 || f.Transfer.Objects == 0 {
		t.Errorf("fetched %+v; the lock was free: %v", f, free)
	}
	// Ahead of the lock, then under it, then of the record of the tag.
	if told := *d.told; len(told) != 3 || told[0][0] != head(t, up) || told[2][0] != f.Tags[0].Object {
		t.Errorf("told %v", told)
	}
	sound(t, bobs)

	dialled = ""
	if _, err := bobs.Fetch(ctx, "", ""); err != nil || dialled != "" {
		t.Errorf("a path was dialled as %q: %v", dialled, err)
	}
}
