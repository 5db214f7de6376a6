package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"aergo/consensus/directory"
	"aergo/net/daemon"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

// keyState is what is to be said of the key with which somebody comes.
type keyState string

// keyStates lists all of them.
func keyStates() []keyState {
	return []keyState{"unknown", "current", "rotated", "revoked", "expired", "early"}
}

// manner is how somebody was permitted something.
type manner string

// guests serves the repositories of a world to peers that are named by their keys, by what the
// Directories say.
type guests struct {
	*world
	keys map[string]key.Public
}

// Allow implements transfer.Host.
func (g guests) Allow(ctx context.Context, peer, name string, verb transfer.Verb, to ref.Name) error {
	r := g.repos[name]
	if r == nil {
		return fmt.Errorf("%w: there is no such repository", transfer.ErrDenied)
	}
	return daemon.Rights{}.Allow(ctx, r, daemon.Request{Who: g.keys[peer], Repository: name, Verb: verb, Branch: to})
}

// Repository implements transfer.Host.
func (g guests) Repository(ctx context.Context, name string) (transfer.Repository, error) {
	if r := g.repos[name]; r != nil {
		return submittable{repo.AsRemote(r), r}, nil
	}
	return g.world.Repository(ctx, name)
}

// submittable is a repository that takes submissions.
type submittable struct {
	repo.Remote
	repo.Submitter
}

// guest is somebody who was permitted something in a manner, and comes with a key in a state.
type guest struct {
	name  string
	may   directory.Permission
	how   manner
	state keyState
}

// counts is what the guest's key stands for.
func (g guest) counts() directory.Permission {
	switch {
	case g.how == "owner", g.state == "current", g.how == "anyone" && g.state != "revoked":
		return g.may
	}
	return directory.None
}

// Every permission, granted in every manner, with a key in every state, and everything that can
// be asked for. Who may not read hears the same as of a repository that is not there.
func TestRights(t *testing.T) {
	w := newWorld(t)
	g := guests{w, map[string]key.Public{}}
	var err error
	w.server, err = transfer.NewServer(transfer.ServerOptions{Host: g, Spool: w.spool})
	must(t, err)
	tried := 0
	for _, how := range []manner{"name", "role", "anyone"} {
		for _, may := range []directory.Permission{directory.None, directory.Read, directory.Propose, directory.Write, directory.Admin} {
			if how == "anyone" && (may == directory.Propose || may == directory.Admin) {
				continue // nobody can be permitted that
			}
			name := fmt.Sprintf("%s-%s", how, may)
			r := w.init(name, "ada")
			head := apply(t, r, line("a", 1))
			for _, state := range keyStates() {
				who := guest{fmt.Sprintf("%s-%s", state, name), may, how, state}
				g.enlist(t, r, who)
				tried += g.try(t, r, name, head, who)
			}
			g.keys["ada"] = w.signer("ada").Identity.Key
			tried += g.try(t, r, name, head, guest{"ada", directory.Admin, "owner", "current"})
		}
	}
	t.Logf("%d things were tried", tried)
	if tried < 450 {
		t.Errorf("only %d things were tried", tried)
	}
}

// enlist makes a key, and has the Directory say of it what the guest is.
func (g guests) enlist(t *testing.T, r *repo.Repo, who guest) {
	t.Helper()
	private, err := g.ring.Create(t.Context(), who.name, g.opts.Random)
	must(t, err)
	g.keys[who.name] = private.Public()
	identity := &directory.Identity{Name: who.name, Kind: directory.Client, Key: private.Public(), Roles: []string{"staff"}}
	switch who.state {
	case "expired":
		identity.Until = 1
	case "early":
		identity.Since = 1 << 50
	}
	var changes []directory.Change
	if who.state != "unknown" {
		changes = append(changes, directory.Change{Add: identity})
	}
	subject := map[manner]string{"name": who.name, "role": directory.RolePrefix + "staff", "anyone": directory.Anyone}[who.how]
	if who.may != directory.None && (who.how != "name" || who.state != "unknown") {
		changes = append(changes, directory.Change{Grant: &directory.Grant{Subject: subject, Pattern: "*", May: who.may}})
	}
	switch who.state {
	case "rotated":
		next, err := g.ring.Create(t.Context(), who.name+"-next", g.opts.Random)
		must(t, err)
		changes = append(changes, directory.Change{Rotate: &directory.Rotation{Name: who.name, Key: next.Public()}})
	case "revoked":
		changes = append(changes, directory.Change{Revoke: who.name})
	}
	for _, c := range changes {
		if _, err := r.ChangeDirectory(t.Context(), repo.DirectoryChange{Changes: []directory.Change{c}}); err != nil && !errors.Is(err, repo.ErrNothing) {
			t.Fatal(err)
		}
	}
}

// dial begins a conversation in somebody's name.
func (g guests) dial(who string, between func(transfer.Stream) transfer.Stream) transfer.Dialer {
	return func(ctx context.Context) (transfer.Stream, error) {
		here, there := net.Pipe()
		g.serving.Go(func() { _ = g.server.Serve(context.WithoutCancel(ctx), there, who) })
		return between(here), nil
	}
}

func plainly(s transfer.Stream) transfer.Stream { return s }

// recorded keeps what comes by a stream.
type recorded struct {
	transfer.Stream
	got *bytes.Buffer
}

func (r recorded) Read(b []byte) (int, error) {
	n, err := r.Stream.Read(b)
	r.got.Write(b[:n])
	return n, err
}

// heard returns the bytes that somebody hears who may not know of a repository.
func (g guests) heard(t *testing.T, who, name string) string {
	t.Helper()
	var got bytes.Buffer
	c, err := transfer.Open(t.Context(), g.dial(who, func(s transfer.Stream) transfer.Stream { return recorded{s, &got} }), name,
		transfer.ClientOptions{Spool: faultfs.New(), Attempts: -1, Wait: noWait})
	if err == nil {
		must(t, c.Close())
		t.Errorf("%s is let in to %s", who, name)
	}
	if !errors.Is(err, repo.ErrNoRepository) || errors.Is(err, transfer.ErrDenied) {
		t.Errorf("%s hears of %s: %v", who, name, err)
	}
	return got.String()
}

func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// try does what can be done, and compares it with what may be. It returns how much it tried.
func (g guests) try(t *testing.T, r *repo.Repo, name string, head object.Hash, who guest) int {
	t.Helper()
	counts := who.counts()
	denied := func(what string, least bool, err error, want ...error) {
		t.Helper()
		if least && err != nil {
			t.Errorf("%s in %s: %s: %v", who.name, name, what, err)
		}
		refused := false
		for _, w := range want {
			refused = refused || errors.Is(err, w)
		}
		if !least && !refused {
			t.Errorf("%s in %s: %s, which it may not: %v", who.name, name, what, err)
		}
	}
	_, err := r.ChangeDirectory(t.Context(), repo.DirectoryChange{As: who.name, Changes: []directory.Change{
		{Grant: &directory.Grant{Subject: "role:" + who.name, Pattern: "x*", May: directory.Read}},
	}})
	denied("change the Directory", counts >= directory.Admin, err, repo.ErrNotPermitted)
	_, err = r.Submit(t.Context(), g.submission(t, r, name, who))
	denied("submit", counts >= directory.Write, err, repo.ErrNotPermitted)
	if counts < directory.Read {
		nothing := strings.Repeat("x", len(name)) // lengths tell nothing apart either
		got, want := g.heard(t, who.name, name), g.heard(t, who.name, nothing)
		if strings.ReplaceAll(got, name, nothing) != want || !strings.Contains(got, name) {
			t.Errorf("%s hears %q, and %q where there is nothing", who.name, got, want)
		}
		return 3
	}
	c, err := transfer.Open(t.Context(), g.dial(who.name, plainly), name, transfer.ClientOptions{Spool: faultfs.New(), Attempts: -1, Wait: noWait})
	must(t, err)
	_, err = c.Refs(t.Context())
	denied("list", true, err)
	_, err = c.Objects().Get(t.Context(), head)
	denied("fetch", true, err)
	must(t, c.Close())
	g.serving.Wait()
	holder := who.how == "owner" || who.state == "current"
	for _, push := range []struct {
		to ref.Name
		ok bool
	}{
		{"master", counts >= directory.Write},
		{ref.Name(who.name), counts >= directory.Write || counts == directory.Propose && holder},
		{ref.Name(who.name + "+fix"), counts >= directory.Write || counts == directory.Propose && holder},
		{ref.Name(who.name + "x"), counts >= directory.Write},
		{"other+fix", counts >= directory.Write},
	} {
		c, err := transfer.Open(t.Context(), g.dial(who.name, plainly), name, transfer.ClientOptions{Spool: faultfs.New(), Attempts: -1, Wait: noWait})
		must(t, err)
		_, err = c.Merge(t.Context(), repo.AsRemote(r).Objects(), repo.RemoteMerge{Branch: push.to, Head: head})
		denied("push to "+string(push.to), push.ok, err, transfer.ErrDenied)
		must(t, c.Close())
		g.serving.Wait()
	}
	return 9
}

// submission is a batch of a guest's for master.
func (g guests) submission(t *testing.T, r *repo.Repo, name string, who guest) repo.Submission {
	t.Helper()
	f := newForger(g.world, name)
	batch := f.batch(g.signer(who.name), f.head, nil, set("by "+who.name, 1))
	out := repo.Submission{Branch: "master", Batch: batch.Encode()}
	seal, err := f.mem.Seal(t.Context(), batch.ID)
	must(t, err)
	out.Seal = seal
	for _, chunk := range batch.Chunks {
		data, err := f.mem.Get(t.Context(), chunk.Hash)
		must(t, err)
		out.Chunks = append(out.Chunks, data)
	}
	return out
}
