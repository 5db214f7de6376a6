package transfer

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"aergo/branch"
	"aergo/net/peer"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store"
	"aergo/repo/store/faultfs"
)

// way is one implementation of repo.Remote.
type way struct {
	name   string
	prefix string // of addresses
	// begin readies a world.
	begin func(*world)
}

func ways() []way {
	return []way{
		{name: "path", begin: func(*world) {}},
		{name: "pipe", prefix: "test://", begin: func(*world) {}},
		{name: "libp2p", prefix: "test://", begin: func(w *world) { w.overLibp2p(peer.Limits{}) }},
	}
}

// overLibp2p has the world's server listen on the loopback, and clients come from hosts of
// their own.
func (w *world) overLibp2p(limits peer.Limits) *peer.Host {
	w.t.Helper()
	start := func(listen ...string) *peer.Host {
		id, err := peer.NewIdentity(nil)
		must(w.t, err)
		h, err := peer.New(peer.Options{Identity: id, Listen: listen, Known: peer.OpenKnown(faultfs.New(), "known"), Limits: limits})
		must(w.t, err)
		w.t.Cleanup(func() { must(w.t, h.Close()) })
		return h
	}
	server := start("127.0.0.1:0")
	server.Handle(ProtocolID, func(ctx context.Context, from peer.ID, s peer.Stream) {
		_ = w.server.Serve(ctx, s, string(from))
	})
	client := start()
	at := server.Addresses()[0]
	w.dial = func(string) Dialer {
		return func(ctx context.Context) (Stream, error) {
			s, _, err := client.Open(ctx, peer.Address{HostPort: at.HostPort}, ProtocolID)
			if err != nil {
				return nil, err
			}
			return w.between(s), nil
		}
	}
	return server
}

// remote opens a repository as bob.
func (w *world) remote(y way, name string) (repo.Remote, error) {
	o := w.options("bob")
	if y.prefix != "" {
		return o.Dial(w.t.Context(), y.prefix+name)
	}
	r, err := o.OpenPath(w.t.Context(), name)
	if err != nil {
		return nil, err
	}
	return repo.AsRemote(r), nil
}

// TestRemotes is the suite that every implementation of repo.Remote passes.
func TestRemotes(t *testing.T) {
	for _, y := range ways() {
		t.Run(y.name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, *world, way){
				"refs": remoteRefs, "objects": remoteObjects, "merge": remoteMerge, "refusals": remoteRefusals,
				"cancelled": remoteCancelled, "verbs": remoteVerbs, "many jobs": remoteManyJobs,
			} {
				t.Run(name, func(t *testing.T) {
					w := newWorld(t)
					y.begin(w)
					test(t, w, y)
				})
			}
		})
	}
}

func remoteRefs(t *testing.T, w *world, y way) {
	up := w.init("team/up", "ada")
	for i := range 60 {
		_, err := up.CreateTag(t.Context(), ref.Name(fmt.Sprintf("tag-%03d", i)), "", "")
		must(t, err)
	}
	_, err := up.CreateBranch(t.Context(), "Größe", "")
	must(t, err)
	put(t, up, "a", 1)
	r, err := w.remote(y, "team/up")
	must(t, err)
	defer r.Close()
	for i := range 2 {
		got, err := r.Refs(t.Context())
		must(t, err)
		want, err := up.Offer(t.Context())
		must(t, err)
		if !reflect.DeepEqual(got, want) || len(got.Tags) != 60 || len(got.Branches) != 2 {
			t.Errorf("got %+v, want %+v", got, want)
		}
		put(t, up, "a", 2+i)
	}
}

func remoteObjects(t *testing.T, w *world, y way) {
	up := w.init("up", "ada")
	fill(t, up, 0, 3000)
	head := put(t, up, "a", 1)
	r, err := w.remote(y, "up")
	must(t, err)
	defer r.Close()
	from := r.Objects()
	own := repo.AsRemote(up).Objects()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			want, _ := own.Get(t.Context(), head)
			seal, _ := own.Seal(t.Context(), head)
			got, err := from.Get(t.Context(), head)
			if err != nil || object.Sum(got) != head || string(got) != string(want) {
				t.Errorf("head: %v", err)
			}
			if got, err := from.Seal(t.Context(), head); err != nil || len(got) == 0 || string(got) != string(seal) {
				t.Errorf("seal: %v", err)
			}
			if _, err := from.Get(t.Context(), object.Sum([]byte("absent"))); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("absent: %v", err)
			}
		})
	}
	all.Wait()
}

func remoteMerge(t *testing.T, w *world, y way) {
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	bobs := w.clone(y.prefix+"up", "bob")
	put(t, up, "a", 2)
	put(t, bobs, "a", 3)
	head := put(t, bobs, "b", 4)
	r, err := w.remote(y, "up")
	must(t, err)
	defer r.Close()
	from := repo.AsRemote(bobs).Objects()
	before := headOf(t, up)
	m, err := r.Merge(ctx, from, repo.RemoteMerge{Branch: "master", Head: head, Strict: true})
	if !errors.Is(err, repo.ErrConflict) || len(m.Merged.Excluded) != 1 || headOf(t, up) != before {
		t.Errorf("strict: %+v, %v", m, err)
	}
	// The conversation goes on after that.
	m, err = r.Merge(ctx, from, repo.RemoteMerge{Branch: "master", Head: head, Message: "from bob"})
	must(t, err)
	x := m.Merged.Excluded
	if m.Merged.Applied != 1 || len(x) != 1 || m.Branch.Head != headOf(t, up) || m.Merged.Target != "master" || m.Transfer.Objects == 0 {
		t.Errorf("merged %+v", m)
	}
	if len(x) == 1 && (x[0].Table != "t" || x[0].Field != "n" || x[0].Reason != object.ReasonFieldChanged || fmt.Sprint(x[0].Key) != "[a]") {
		t.Errorf("excluded %+v", x[0])
	}
	wantRow(t, up, "a", "2")
	wantRow(t, up, "b", "4")
	if m, err = r.Merge(ctx, from, repo.RemoteMerge{Branch: "master", Head: head}); err != nil || !m.Merged.UpToDate {
		t.Errorf("again: %+v, %v", m, err)
	}
	tag, err := bobs.CreateTag(ctx, "v1", "", "bob's")
	must(t, err)
	m, err = r.Merge(ctx, from, repo.RemoteMerge{Branch: "review", Head: head, Tags: []ref.Tag{tag}})
	if err != nil || !m.Created || m.Branch.Name != "review" || len(m.Tags) != 1 || m.Tags[0] != tag {
		t.Errorf("a new branch: %+v, %v", m, err)
	}
	tag.Block = before
	m, err = r.Merge(ctx, from, repo.RemoteMerge{Branch: "review", Head: head, Tags: []ref.Tag{tag}})
	if err != nil || len(m.Tags) != 0 || len(m.Refused) != 1 || m.Refused[0].Name != "v1" || m.Refused[0].Theirs != before {
		t.Errorf("a tag that is taken: %+v, %v", m, err)
	}
	sound(t, up)
}

func remoteRefusals(t *testing.T, w *world, y way) {
	ctx := t.Context()
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	if _, err := w.remote(y, "nowhere"); !errors.Is(err, repo.ErrNoRepository) {
		t.Errorf("nowhere: %v", err)
	}
	_, _, err := w.tryClone(y.prefix+"nowhere", "bob")
	if !errors.Is(err, repo.ErrNoRemote) && !errors.Is(err, repo.ErrNoRepository) {
		t.Errorf("clone of nowhere: %v", err)
	}
	other := w.init("other", "ada")
	r, err := w.remote(y, "up")
	must(t, err)
	defer r.Close()
	before := headOf(t, up)
	from := repo.AsRemote(other).Objects()
	// A block of another lineage, one that is nowhere, a bad name.
	if _, err := r.Merge(ctx, from, repo.RemoteMerge{Branch: "master", Head: headOf(t, other)}); !errors.Is(err, branch.ErrForeign) {
		t.Errorf("foreign: %v", err)
	}
	if _, err := r.Merge(ctx, from, repo.RemoteMerge{Branch: "master", Head: object.Sum([]byte("nowhere"))}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a head that is nowhere: %v", err)
	}
	if _, err := r.Merge(ctx, from, repo.RemoteMerge{Branch: "../master", Head: before}); err == nil {
		t.Error("an unsafe name")
	}
	if headOf(t, up) != before {
		t.Error("something moved")
	}
	sound(t, up)
}

func remoteCancelled(t *testing.T, w *world, y way) {
	up := w.init("up", "ada")
	put(t, up, "a", 1)
	r, err := w.remote(y, "up")
	must(t, err)
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Objects().Get(ctx, headOf(t, up)); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if _, err := r.Merge(ctx, repo.AsRemote(up).Objects(), repo.RemoteMerge{Branch: "master", Head: headOf(t, up)}); !errors.Is(err, context.Canceled) {
		t.Errorf("merge: %v", err)
	}
}

func remoteVerbs(t *testing.T, w *world, y way) {
	ctx := t.Context()
	up := w.init("up", "ada")
	fill(t, up, 0, 3000)
	for i := range 25 {
		put(t, up, fmt.Sprintf("k%d", i), i)
	}
	for i := range 5 {
		_, err := up.CreateTag(ctx, ref.Name(fmt.Sprintf("v%d", i)), "", "a tag")
		must(t, err)
	}
	bobs, c, err := w.tryClone(y.prefix+"up", "bob")
	must(t, err)
	if c.Height != 26 || len(c.Tags) != 5 || c.Head != headOf(t, up) {
		t.Errorf("cloned %+v", c)
	}
	sound(t, bobs)
	put(t, bobs, "b", 1)
	p, err := bobs.Push(ctx, repo.PushRequest{})
	must(t, err)
	if p.Applied != 1 || p.Behind != nil || !p.LocalMoved || p.Transfer.Objects == 0 || p.Transfer.Objects > 30 {
		t.Errorf("pushed %+v", p)
	}
	wantRow(t, up, "b", "1")
	if p, err = bobs.Push(ctx, repo.PushRequest{}); err != nil || !p.UpToDate || p.Transfer.Objects != 0 {
		t.Errorf("pushed again: %+v, %v", p, err)
	}
	put(t, up, "c", 2)
	f, err := bobs.Fetch(ctx, "", "")
	must(t, err)
	if len(f.Branches) != 1 || f.Transfer.Objects == 0 || f.Transfer.Objects > 30 {
		t.Errorf("fetched %+v", f)
	}
	pulled, err := bobs.Pull(ctx, repo.PullRequest{})
	must(t, err)
	if !pulled.FastForward || pulled.Fetched.Transfer.Objects != 0 {
		t.Errorf("pulled %+v", pulled)
	}
	wantRow(t, bobs, "c", "2")
	for _, c := range w.clients {
		if c.singles != 0 {
			t.Errorf("%d objects were asked for one by one", c.singles)
		}
	}
	if infos, err := w.client.Spool.ReadDir(""); err == nil && len(infos) != 0 {
		t.Errorf("%d files are left in the spool", len(infos))
	}
	sound(t, up)
	sound(t, bobs)
}

// Many clones push at once, and each is told what became of its work.
func remoteManyJobs(t *testing.T, w *world, y way) {
	const jobs = 8
	w.onDisk, w.client.Spool = true, osfs.New(t.TempDir(), osfs.WithBoundOS())
	up := w.init("up", "ada")
	put(t, up, "same", 0)
	clones := make([]*repo.Repo, jobs)
	for i := range clones {
		clones[i] = w.clone(y.prefix+"up", "bob")
		put(t, clones[i], "same", i+1)
		put(t, clones[i], fmt.Sprintf("own-%d", i), i+1)
	}
	told := make([]repo.Pushed, jobs)
	errs := make([]error, jobs)
	var all sync.WaitGroup
	for i := range jobs {
		all.Go(func() { told[i], errs[i] = clones[i].Push(t.Context(), repo.PushRequest{}) })
	}
	all.Wait()
	whole := 0
	for i, p := range told {
		must(t, errs[i])
		switch {
		case p.Applied == 2 && len(p.Excluded) == 0:
			whole++
		case p.Applied != 1 || len(p.Excluded) != 1 || fmt.Sprint(p.Excluded[0].Key) != "[same]":
			t.Errorf("job %d was told %+v", i, p)
		}
		wantRow(t, up, fmt.Sprintf("own-%d", i), fmt.Sprint(i+1))
	}
	if whole != 1 {
		t.Errorf("%d jobs have all of their work in", whole)
	}
	sound(t, up)
}

// Whoever waits for a push is told how far it is.
func TestPushTellsWhatIsSent(t *testing.T) {
	w := newWorld(t)
	w.init("up", "ada")
	bobs := w.clone("test://up", "ada")
	put(t, bobs, "new", 1)
	var told uint64
	w.client.Sent = func(objects uint64) {
		if objects <= told {
			t.Errorf("%d objects after %d", objects, told)
		}
		told = objects
	}
	_, err := bobs.Push(t.Context(), repo.PushRequest{})
	must(t, err)
	if told == 0 {
		t.Error("nothing was told")
	}
}
