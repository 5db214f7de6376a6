package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"aergo/branch"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
	"aergo/repo/store/faultfs"
)

// liar is a repository that lies about its objects or its refs.
type liar struct {
	Repository
	source liarSource
	refs   func(*repo.RemoteRefs)
}

func (l liar) Objects() repo.Source {
	s := l.source
	s.Source = l.Repository.Objects()
	return s
}

func (l liar) Refs(ctx context.Context) (repo.RemoteRefs, error) {
	all, err := l.Repository.Refs(ctx)
	if l.refs != nil {
		l.refs(&all)
	}
	return all, err
}

type liarSource struct {
	repo.Source
	get  func(h object.Hash, data []byte) []byte // nil to withhold it
	seal func(h object.Hash, seal []byte) []byte
}

func (s liarSource) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	data, err := s.Source.Get(ctx, h)
	if err != nil || s.get == nil {
		return data, err
	}
	if data = s.get(h, slices.Clone(data)); data == nil {
		return nil, store.ErrNotFound
	}
	return data, nil
}

func (s liarSource) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	seal, err := s.Source.Seal(ctx, h)
	if err != nil || s.seal == nil || len(seal) == 0 {
		return seal, err
	}
	return s.seal(h, slices.Clone(seal)), nil
}

// lieTest is one lie about the objects of a kind, and what it comes to.
type lieTest struct {
	name   string
	source func(lied *int) liarSource
	wants  []error
}

// lieTests are about what a full clone asks for. States and accounts are not: see stateLies.
func lieTests() []lieTest {
	tests := liesAbout(object.KindHeader, object.KindBody, object.KindBatch, object.KindChunk, object.KindTree, object.KindReceipts)
	for name, lie := range map[string]func([]byte) []byte{
		"seal flipped": func(b []byte) []byte { b[0] ^= 1; return b },
		"seal cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"no seal":      func([]byte) []byte { return nil },
		"huge seal":    func([]byte) []byte { return make([]byte, store.MaxSealBytes+1) },
	} {
		tests = append(tests, lieTest{name, func(lied *int) liarSource {
			return liarSource{seal: func(_ object.Hash, b []byte) []byte { *lied++; return lie(b) }}
		}, []error{branch.ErrInvalid, store.ErrCorrupt}})
	}
	return tests
}

func liesAbout(kinds ...object.Kind) []lieTest {
	about := func(kind object.Kind, lied *int, lie func([]byte) []byte) func(object.Hash, []byte) []byte {
		return func(_ object.Hash, data []byte) []byte {
			if k, err := object.KindOf(data); err != nil || k != kind {
				return data
			}
			*lied++
			return lie(data)
		}
	}
	var tests []lieTest
	for _, kind := range kinds {
		for name, lie := range map[string]func([]byte) []byte{
			"flipped": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
			"cut":     func(b []byte) []byte { return b[:len(b)-1] },
			"longer":  func(b []byte) []byte { return append(b, 0) },
			"empty":   func(b []byte) []byte { return b[:0] },
			"huge":    func([]byte) []byte { return make([]byte, store.MaxObjectBytes+1) },
		} {
			wants := []error{ErrProtocol, store.ErrCorrupt}
			tests = append(tests, lieTest{fmt.Sprint(kind, " ", name), func(lied *int) liarSource { return liarSource{get: about(kind, lied, lie)} }, wants})
		}
		tests = append(tests, lieTest{fmt.Sprint(kind, " withheld"), func(lied *int) liarSource {
			return liarSource{get: about(kind, lied, func([]byte) []byte { return nil })}
		}, []error{store.ErrCorrupt, ErrProtocol, &RemoteError{}}})
	}
	return tests
}

func isOneOf(err error, wants []error) bool {
	var remote *RemoteError
	for _, want := range wants {
		if _, any := want.(*RemoteError); any && errors.As(err, &remote) || errors.Is(err, want) {
			return true
		}
	}
	return false
}

// A server that lies is found out, nothing of it is kept, and the truth gets through after.
func TestLyingServer(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone("test://up", "bob")
	fill(t, up, 0, 300)
	put(t, up, "b", 2)
	before, err := bobs.Fsck(t.Context())
	must(t, err)
	for _, test := range lieTests() {
		t.Run(test.name, func(t *testing.T) {
			lied := 0
			w.client.Spool = faultfs.New()
			w.lie("up", func(r Repository) Repository { return liar{Repository: r, source: test.source(&lied)} })
			_, err := bobs.Fetch(t.Context(), "", "")
			if lied == 0 || !isOneOf(err, test.wants) {
				t.Errorf("after %d lies: %v", lied, err)
			}
			unchanged(t, bobs, before)
			nothingLeft(t, w.client.Spool)
		})
	}
	w.lie("up", nil)
	_, err = bobs.Pull(t.Context(), repo.PullRequest{})
	must(t, err)
	wantRow(t, bobs, "b", "2")
	sound(t, bobs)
}

// Who executes a history makes its states. Only a shallow clone has to be told the one that it
// begins with, and lies about that are found out.
func TestLyingServerOfStates(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	fill(t, up, 0, 300)
	put(t, up, "a", 1)
	for i, test := range liesAbout(object.KindStateNode) {
		t.Run(test.name, func(t *testing.T) {
			w.client.Spool = faultfs.New()
			w.lie("up", nil)
			bobs, _, err := repo.Clone(t.Context(), faultfs.New(), w.options("bob"), repo.CloneRequest{From: "test://up", Depth: 1})
			must(t, err)
			defer bobs.Close()
			lied := 0
			w.lie("up", func(r Repository) Repository { return liar{Repository: r, source: test.source(&lied)} })
			_, _, err = repo.Clone(t.Context(), faultfs.New(), w.options("bob"), repo.CloneRequest{From: "test://up", Depth: 1})
			if lied == 0 || !isOneOf(err, test.wants) {
				t.Errorf("after %d lies: %v", lied, err)
			}
			put(t, up, "a", 2+i)
			lied = 0
			_, err = bobs.Fetch(t.Context(), "", "")
			if lied == 0 || !isOneOf(err, test.wants) {
				t.Errorf("fetched after %d lies: %v", lied, err)
			}
			nothingLeft(t, w.client.Spool)
		})
	}
}

// The same for a client that pushes, whose conversation goes on where that makes sense.
func TestLyingClient(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone("test://up", "bob")
	fill(t, bobs, 0, 300)
	head := put(t, bobs, "b", 2)
	before, err := up.Fsck(t.Context())
	must(t, err)
	for _, test := range lieTests() {
		t.Run(test.name, func(t *testing.T) {
			lied := 0
			c, err := w.open(t.Context(), "bob", "up")
			must(t, err)
			from := liar{Repository: repo.AsRemote(bobs), source: test.source(&lied)}.Objects()
			_, err = c.Merge(t.Context(), from, repo.RemoteMerge{Branch: "master", Head: head})
			var remote *RemoteError
			if lied == 0 || err == nil || !isOneOf(err, test.wants) && !errors.As(err, &remote) {
				t.Errorf("after %d lies: %v", lied, err)
			}
			if remote != nil && remote.Code == CodeInternal {
				t.Errorf("nobody foresaw it: %v", err)
			}
			must(t, c.Close())
			w.serving.Wait() // folders in memory do not bear two at once
			unchanged(t, up, before)
		})
	}
	w.serving.Wait()
	nothingLeft(t, w.spools["up"])
	_, err = bobs.Push(t.Context(), repo.PushRequest{})
	must(t, err)
	wantRow(t, up, "b", "2")
	sound(t, up)
}

func TestLiesAboutRefs(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone("test://up", "bob")
	put(t, up, "a", 2)
	for name, lie := range map[string]func(*repo.RemoteRefs){
		"branch that climbs":  func(r *repo.RemoteRefs) { r.Branches[0].Name = "../../x" },
		"branch with a slash": func(r *repo.RemoteRefs) { r.Branches[0].Name = "a/b" },
		"branch unnamed":      func(r *repo.RemoteRefs) { r.Branches[0].Name = "" },
		"branch with a flag":  func(r *repo.RemoteRefs) { r.Branches[0].Name = "-f" },
		"branch hidden":       func(r *repo.RemoteRefs) { r.Branches[0].Name = ".git" },
		"branch of a device":  func(r *repo.RemoteRefs) { r.Branches[0].Name = "a\x00b" },
		"tag that climbs":     func(r *repo.RemoteRefs) { r.Tags = append(r.Tags, ref.Tag{Name: "..", Block: r.Branches[0].Head}) },
		"head that climbs":    func(r *repo.RemoteRefs) { r.Head.Branch = "../x" },
		"head of two":         func(r *repo.RemoteRefs) { r.Head.Tag = "x" },
		"head of nothing":     func(r *repo.RemoteRefs) { r.Head = ref.Head{} },
		"head nowhere":        func(r *repo.RemoteRefs) { r.Branches[0].Head = object.Sum([]byte("nowhere")) },
		"lineage":             func(r *repo.RemoteRefs) { r.Lineage = object.Sum([]byte("another")) },
		"no lineage":          func(r *repo.RemoteRefs) { r.Lineage = object.Hash{} },
	} {
		w.client.Spool = faultfs.New()
		w.lie("up", func(r Repository) Repository { return liar{Repository: r, refs: lie} })
		if _, err := bobs.Fetch(t.Context(), "", ""); !isOneOf(err, []error{ErrProtocol, branch.ErrForeign, store.ErrCorrupt}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.lie("up", nil)
	_, err := bobs.Pull(t.Context(), repo.PullRequest{})
	must(t, err)
	sound(t, bobs)
}
