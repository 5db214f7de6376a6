package transfer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// part clones a part of a repository, and returns what went over the wire.
func (w *world) part(who string, req repo.CloneRequest) (*repo.Repo, *Client, error) {
	w.client.Spool = faultfs.New()
	r, _, err := repo.Clone(w.t.Context(), w.folder(), w.options(who), req)
	if err != nil {
		return nil, nil, err
	}
	w.t.Cleanup(func() { _ = r.Close() })
	return r, w.clients[len(w.clients)-1], nil
}

// importRows commits rows of a table.
func importRows(t testing.TB, r *repo.Repo, table string, from, count int) {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("key,n\n")
	for i := range count {
		fmt.Fprintf(&csv, "row-%07d,%s\n", from+i, object.Sum([]byte{byte(i), byte(i >> 8), byte(from), byte(from >> 8)}))
	}
	_, err := r.Import(t.Context(), strings.NewReader(csv.String()), repo.ImportRequest{Table: table, Format: "csv", Key: []string{"key"}})
	must(t, err)
	_, err = r.Commit(t.Context(), repo.CommitRequest{Message: "rows of " + table})
	must(t, err)
}

// longUp makes a repository with a history that is much larger than its state.
func longUp(t testing.TB, w *world) *repo.Repo {
	t.Helper()
	up := w.init("up", "ada")
	importRows(t, up, "u", 0, 1500)
	for i := range 6 {
		importRows(t, up, "v", i, 1500) // each changes the rows of the last
	}
	_, err := up.CreateTag(t.Context(), "v1", "master~3", "")
	must(t, err)
	put(t, up, "a", 1)
	put(t, up, "a", 2)
	return up
}

// What is left out does not travel, and what is wanted is not asked for one by one.
func TestPartsOverTheWire(t *testing.T) {
	w := newWorld(t)
	up := longUp(t, w)
	_, c, err := w.part("bob", repo.CloneRequest{From: "test://up"})
	must(t, err)
	all := c.Traffic()
	for _, test := range []struct {
		name  string
		req   repo.CloneRequest
		share uint64 // of the bytes, in percent, at most
	}{
		{"depth", repo.CloneRequest{Depth: 2}, 35},
		{"filter", repo.CloneRequest{Tables: []string{"u"}}, 30},
		{"filter of what is small", repo.CloneRequest{Tables: []string{"t"}}, 10},
		{"filter and depth", repo.CloneRequest{Tables: []string{"u"}, Depth: 1}, 20},
		{"at", repo.CloneRequest{At: "master@2"}, 60},
		{"at a tag, of some depth", repo.CloneRequest{At: "v1", Depth: 1}, 60},
	} {
		test.req.From = "test://up"
		r, c, err := w.part("bob", test.req)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		got := c.Traffic()
		t.Logf("%s: %d bytes came, %d%% of %d", test.name, got.Received, 100*got.Received/all.Received, all.Received)
		if 100*got.Received > test.share*all.Received || c.singles > 2 {
			t.Errorf("%s: %d bytes came, %d%%; %d objects were asked for one by one", test.name, got.Received, 100*got.Received/all.Received, c.singles)
		}
		sound(t, r)
	}

	// A shallow clone works over the wire as it does beside its remote.
	r, _, err := w.part("bob", repo.CloneRequest{From: "test://up", Depth: 1})
	must(t, err)
	put(t, up, "b", 3)
	put(t, r, "c", 4)
	_, err = r.Pull(t.Context(), repo.PullRequest{})
	must(t, err)
	_, err = r.Push(t.Context(), repo.PushRequest{})
	must(t, err)
	wantRow(t, up, "c", "4")
	sound(t, r)
	_, err = r.Deepen(t.Context(), repo.DeepenRequest{Depth: 5})
	must(t, err)
	sound(t, r)
	before := w.clients[len(w.clients)-1].Traffic()
	_, err = r.Deepen(t.Context(), repo.DeepenRequest{Depth: repo.Unshallow})
	must(t, err)
	c = w.clients[len(w.clients)-1]
	if v, err := r.Verify(t.Context(), repo.VerifyRequest{All: true}); err != nil || v.Beyond != 0 || c.singles > 2 {
		t.Errorf("verified %+v: %v; %d objects were asked for one by one", v, err, c.singles)
	}
	t.Logf("deepening: %+v, then %+v", before, c.Traffic())
	sound(t, r)
}

// A lie is found out in whatever part is taken.
func TestLiesToPartialClones(t *testing.T) {
	w := newWorld(t)
	up := w.init("up", "ada")
	importRows(t, up, "u", 0, 300)
	importRows(t, up, "v", 0, 300)
	put(t, up, "a", 1)
	put(t, up, "a", 2)
	for name, req := range map[string]repo.CloneRequest{
		"depth": {From: "test://up", Depth: 2}, "filter": {From: "test://up", Tables: []string{"u"}}, "at": {From: "test://up", At: "master~1"},
	} {
		for _, test := range lieTests() {
			lied := 0
			w.lie("up", func(r Repository) Repository { return liar{Repository: r, source: test.source(&lied)} })
			_, _, err := w.part("bob", req)
			if lied > 0 && !isOneOf(err, test.wants) || lied == 0 && err != nil {
				t.Errorf("%s: %s, after %d lies: %v", name, test.name, lied, err)
			}
			nothingLeft(t, w.client.Spool)
		}
		w.lie("up", nil)
		r, _, err := w.part("bob", req)
		must(t, err)
		sound(t, r)
	}
}

// A partial clone that serves says what it does not have.
func TestServedPartially(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	up := longUp(t, w)
	for name, req := range map[string]repo.CloneRequest{
		"shallow": {From: "test://up", Depth: 1}, "filtered": {From: "test://up", Tables: []string{"u"}},
	} {
		r, _, err := w.part("bob", req)
		must(t, err)
		w.repos[name] = r
		var remote *RemoteError
		_, _, err = w.part("bob", repo.CloneRequest{From: "test://" + name})
		if !errors.Is(err, repo.ErrRemotePartial) || !errors.As(err, &remote) || remote.Code != CodeLacking {
			t.Errorf("a clone of a %s one: %v", name, err)
		}
	}
	less, _, err := w.part("bob", repo.CloneRequest{From: "test://shallow", Depth: 1})
	must(t, err)
	sound(t, less)

	// To one that lacks the rest a push fails, and says why.
	old, _, err := w.part("ada", repo.CloneRequest{From: "test://up", At: "master@1"})
	must(t, err)
	w.repos["old"] = old
	shallow := w.repos["shallow"]
	put(t, shallow, "mine", 1)
	if _, err := shallow.Push(ctx, repo.PushRequest{Remote: "test://old", Branch: "mine"}); !errors.Is(err, repo.ErrBeyond) || errors.Is(err, repo.ErrRemotePartial) {
		t.Errorf("a push to who lacks the rest: %v", err)
	}
	sound(t, old)
	sound(t, up)
}
