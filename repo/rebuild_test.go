package repo

import (
	"context"
	"testing"

	"aergo/repo/object"
)

// tallied is a remote that counts the nodes of states and accounts that go through it, both
// ways.
type tallied struct {
	Remote
	nodes *int
}

type talliedSource struct {
	Source
	nodes *int
}

func (t tallied) Objects() Source { return talliedSource{t.Remote.Objects(), t.nodes} }

func (t tallied) Merge(ctx context.Context, from Source, req RemoteMerge) (RemoteMerged, error) {
	return t.Remote.Merge(ctx, talliedSource{from, t.nodes}, req)
}

func (s talliedSource) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	data, err := s.Source.Get(ctx, h)
	if kind, kindErr := object.KindOf(data); err == nil && kindErr == nil && kind == object.KindStateNode {
		*s.nodes++
	}
	return data, err
}

// tally has a repository reach another one through a count, by the name of a remote.
func tally(t *testing.T, r *Repo, path string) *int {
	t.Helper()
	nodes, open := new(int), r.opts.OpenPath
	r.opts.Dial = func(ctx context.Context, _ string) (Remote, error) {
		other, err := open(ctx, path)
		if err != nil {
			return nil, err
		}
		return tallied{AsRemote(other), nodes}, nil
	}
	must(t, r.AddRemote(t.Context(), "counted", "test://"+path))
	return nodes
}

// States and accounts are made by who receives a history, of blocks of its own and of those
// that a merge took in.
func TestStatesDoNotTravel(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		up := w.init("up", "ada")
		for i := range 20 {
			put(t, up, "a", "n", i)
		}
		bobs, others := w.clone("up", "bobs", "bob"), w.clone("up", "others", "ada")
		pushed, fetched := tally(t, bobs, "up"), tally(t, others, "up")
		put(t, up, "b", "n", 1)
		for i := range 20 {
			put(t, bobs, "c", "n", i)
		}
		p, err := bobs.Push(t.Context(), PushRequest{Remote: "counted"})
		must(t, err)
		if p.Applied != 20 || p.FastForward {
			t.Errorf("pushed %+v", p.Merged)
		}
		_, err = others.Pull(t.Context(), PullRequest{Remote: "counted"})
		must(t, err)
		if *pushed+*fetched > 0 {
			t.Errorf("%d nodes went with the push, %d with the pull", *pushed, *fetched)
		}
		for _, r := range []*Repo{up, bobs, others} {
			wantField(t, r, "c", "n", "19")
			sound(t, r)
		}
	})
}

// A foreign block whose header is not what executing it gives is no fault here: a merge goes
// by its transactions. Its state is fetched like anything else.
func TestForeignStateThatDoesNotFollow(t *testing.T) {
	w := newWorld(t, false)
	up := w.init("up", "ada")
	put(t, up, "a", "n", 1)
	bobs := w.clone("up", "bobs", "bob")
	_, err := bobs.CreateBranch(t.Context(), "side", "")
	must(t, err)
	put(t, bobs, "b", "n", 2)
	checkout(t, bobs, "side")
	side, err := bobs.Resolve(t.Context(), put(t, bobs, "z", "n", 3).String())
	must(t, err)
	l, err := bobs.ledger(t.Context())
	must(t, err)
	other, err := l.Block(t.Context(), side.ID)
	must(t, err)
	checkout(t, bobs, "master")
	must(t, bobs.Close())
	w.forgeHead("bobs", "bob", func(h *object.Header) { h.State = other.Header.State })

	nodes := tally(t, up, "bobs")
	p, err := up.Pull(t.Context(), PullRequest{Remote: "counted"})
	must(t, err)
	if p.Applied != 1 || *nodes == 0 {
		t.Errorf("pulled %+v, with %d nodes", p.Merged, *nodes)
	}
	wantField(t, up, "b", "n", "2")
	sound(t, up)
}
