package daemon

import (
	"errors"
	"fmt"
	"testing"

	"aergo/consensus/directory"
	"aergo/net/transfer"
	"aergo/repo"
	"aergo/repo/ref"
)

// keyState is what became of the key that somebody comes with.
type keyState string

const (
	current keyState = "current"
	rotated keyState = "rotated"
	revoked keyState = "revoked"
	unknown keyState = "unknown"
)

// Every permission, with a key in every state, and all that can be asked through the daemon:
// reading, pushing to a branch of one's own, and to another one.
func TestRightsTable(t *testing.T) {
	w := newWorld(t)
	w.init("a")
	d := w.start(nil)
	may := []directory.Permission{directory.None, directory.Read, directory.Propose, directory.Write, directory.Admin}
	for _, p := range may {
		for _, state := range []keyState{current, rotated, revoked, unknown} {
			t.Run(fmt.Sprintf("%s, %s key", p, state), func(t *testing.T) {
				name := fmt.Sprintf("%s-%s", p, state)
				w.enlist(t, d, name, p, state)
				counts := p
				if state != current {
					counts = directory.None
				}
				w.tryAll(t, d, name, counts)
			})
		}
	}
	t.Run("owner", func(t *testing.T) { w.tryAll(t, d, "ada", directory.Admin) })
}

// enlist makes a key, and has the Directory say of it what the table does.
func (w *world) enlist(t *testing.T, d *Daemon, name string, may directory.Permission, state keyState) {
	t.Helper()
	private, err := w.ring.Create(t.Context(), name, nil)
	must(t, err)
	var changes []directory.Change
	if state != unknown {
		changes = append(changes, directory.Change{Add: &directory.Identity{Name: name, Kind: directory.Client, Key: private.Public()}})
		if may != directory.None {
			changes = append(changes, directory.Change{Grant: &directory.Grant{Subject: name, Pattern: "*", May: may}})
		}
	}
	switch state {
	case rotated:
		next, err := w.ring.Create(t.Context(), name+"-next", nil)
		must(t, err)
		changes = append(changes, directory.Change{Rotate: &directory.Rotation{Name: name, Key: next.Public()}})
	case revoked:
		changes = append(changes, directory.Change{Revoke: name})
	}
	for _, c := range changes {
		must(t, d.Repositories().Use(t.Context(), "a", func(r *repo.Repo) error {
			_, err := r.ChangeDirectory(t.Context(), repo.DirectoryChange{Changes: []directory.Change{c}})
			return err
		}))
	}
}

// tryAll does what can be done, and compares with what may be.
func (w *world) tryAll(t *testing.T, d *Daemon, name string, may directory.Permission) {
	t.Helper()
	clone, err := w.clone(d, name, "a")
	if may < directory.Read {
		if !errors.Is(err, repo.ErrNoRepository) || errors.Is(err, transfer.ErrDenied) {
			t.Fatalf("read: %v", err)
		}
		return
	}
	must(t, err)
	put(t, clone, "by "+name)
	for _, push := range []struct {
		to    ref.Name
		least directory.Permission
	}{{"master", directory.Write}, {ref.Name(name + "+fix"), directory.Propose}, {ref.Name(name), directory.Propose}, {"other+fix", directory.Write}} {
		_, err := clone.Push(t.Context(), repo.PushRequest{Branch: push.to})
		if may >= push.least && err != nil || may < push.least && !errors.Is(err, transfer.ErrDenied) {
			t.Errorf("push to %s: %v", push.to, err)
		}
	}
}
