package directory

import (
	"path"
	"slices"
	"strings"

	"aergo/repo/object"
)

// Key is a public key.
type Key = [object.PublicSize]byte

// Permission is what somebody may do. Each includes the ones before it.
type Permission uint8

// The permissions.
const (
	None    Permission = iota
	Read               // see the branch
	Propose            // push to branches of one's own (see OwnBranch)
	Write              // merge into the branch
	Admin              // change the Directory
)

var permissionNames = [...]string{"none", "read", "propose", "write", "admin"}

func (p Permission) String() string {
	if int(p) < len(permissionNames) {
		return permissionNames[p]
	}
	return "unknown"
}

// ParsePermission returns the permission of a name, and false if there is none.
func ParsePermission(s string) (Permission, bool) {
	i := slices.Index(permissionNames[:], s)
	return Permission(max(i, 0)), i > 0
}

// KeyState is what a key counts for.
type KeyState string

// The states of a key.
const (
	Unknown KeyState = ""
	Current KeyState = "current"
	Rotated KeyState = "rotated" // another one has taken its place
	Revoked KeyState = "revoked" // it enters no new block
)

// Kind says what an identity is.
type Kind string

// The kinds of identity.
const (
	Client Kind = "client"
	Server Kind = "server"
)

const (
	// Anyone is the subject of grants to everybody.
	Anyone = "anyone"
	// RolePrefix begins the subject of a grant to all who have a role.
	RolePrefix = "role:"
	// AnyBranch matches only patterns that match every branch.
	AnyBranch = ""
	// everyBranch is the pattern that matches them.
	everyBranch = "*"
)

// Identity is somebody whom the Directory knows.
type Identity struct {
	Name      string
	Kind      Kind
	Key       Key      // the one that counts now; zero if it was revoked
	Roles     []string // ascending
	Addresses []string // where a server is; ascending
	Since     uint64   // milliseconds since the Unix epoch; 0 is always
	Until     uint64   // 0 is for ever
}

// valid says whether an identity counts at a time.
func (i *Identity) valid(atMillis uint64) bool {
	return atMillis >= i.Since && (i.Until == 0 || atMillis <= i.Until)
}

// KeyRecord is what the Directory says about a key.
type KeyRecord struct {
	Key      Key
	Identity string
	State    KeyState
	Changed  uint64 // height of the Directory block that gave it this state
	Until    uint64 // last time, in milliseconds, at which a rotated key counts for older marks
}

// Grant permits something.
type Grant struct {
	Subject string // a name of an identity, Anyone, or RolePrefix and a role
	Pattern string // of names of branches, with * and ? as in path.Match
	May     Permission
}

// View is what the rows of a Directory say. The zero View is that of a genesis.
type View struct {
	identities map[string]*Identity
	keys       map[Key]*KeyRecord
	grants     []Grant
}

// Identities returns who is known, by name. The caller must not change them.
func (v *View) Identities() []*Identity {
	all := make([]*Identity, 0, len(v.identities))
	for _, i := range v.identities {
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b *Identity) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Identity returns who is known by a name, nil for nobody.
func (v *View) Identity(name string) *Identity { return v.identities[name] }

// Keys returns the keys that an identity has and had, those changed first before the others.
func (v *View) Keys(identity string) []KeyRecord {
	var all []KeyRecord
	for _, k := range v.keys {
		if k.Identity == identity {
			all = append(all, *k)
		}
	}
	slices.SortFunc(all, func(a, b KeyRecord) int {
		if a.Changed != b.Changed {
			return int(min(a.Changed, 1<<62)) - int(min(b.Changed, 1<<62))
		}
		return slices.Compare(a.Key[:], b.Key[:])
	})
	return all
}

// Grants returns what is permitted, by subject and pattern.
func (v *View) Grants() []Grant { return slices.Clone(v.grants) }

// KeyState returns what a key counts for by itself.
func (v *View) KeyState(k Key) KeyState {
	if r := v.keys[k]; r != nil {
		return r.State
	}
	return Unknown
}

// Record returns what is known about a key.
func (v *View) Record(k Key) (KeyRecord, bool) {
	if r := v.keys[k]; r != nil {
		return *r, true
	}
	return KeyRecord{}, false
}

// Holder returns whose current key it is at a time, nil for nobody who counts then.
func (v *View) Holder(k Key, atMillis uint64) *Identity {
	r := v.keys[k]
	if r == nil || r.State != Current {
		return nil
	}
	if i := v.identities[r.Identity]; i != nil && i.valid(atMillis) {
		return i
	}
	return nil
}

// Permission is what a key may do with a branch by the grants: what everybody may, and, if it
// is the current key of an identity that is valid, what that one and its roles may. A key that
// was revoked may nothing.
func (v *View) Permission(k Key, branch string, atMillis uint64) Permission {
	if v.KeyState(k) == Revoked {
		return None
	}
	who := v.Holder(k, atMillis)
	may := None
	for _, g := range v.grants {
		if g.May > may && g.covers(branch) && (g.Subject == Anyone || who != nil && who.is(g.Subject)) {
			may = g.May
		}
	}
	return may
}

// PermissionBefore is Permission for something that was signed with a mark on a block that
// cites this chain's block of height markHeight: a rotated key counts for marks from before
// its rotation until its time is over, as the key that took its place does.
func (v *View) PermissionBefore(k Key, branch string, atMillis, markHeight uint64) Permission {
	r := v.keys[k]
	if r == nil || r.State != Rotated || markHeight >= r.Changed || atMillis > r.Until {
		return v.Permission(k, branch, atMillis)
	}
	if i := v.identities[r.Identity]; i != nil {
		return v.Permission(i.Key, branch, atMillis)
	}
	return None
}

func (g *Grant) covers(branch string) bool {
	if g.Pattern == everyBranch {
		return true
	}
	ok, err := path.Match(g.Pattern, branch)
	return err == nil && ok && branch != AnyBranch
}

// is says whether a subject of a grant stands for the identity.
func (i *Identity) is(subject string) bool {
	if role, ok := strings.CutPrefix(subject, RolePrefix); ok {
		return slices.Contains(i.Roles, role)
	}
	return subject == i.Name
}

// ownSeparator stands between the name of an identity and the rest of its branches' names. No
// name of an identity in a Directory contains it.
const ownSeparator = "+"

// OwnBranch says whether a branch is one that an identity with Propose may push to: it has
// the identity's name, or begins with that and a plus, as ada+fix does.
func (i *Identity) OwnBranch(branch string) bool {
	rest, ok := strings.CutPrefix(branch, i.Name)
	return ok && (rest == "" || strings.HasPrefix(rest, ownSeparator))
}

// MayPush says whether the holder of a key may have something merged into a branch.
func (d *Directory) MayPush(k Key, branch string, atMillis uint64) bool {
	switch may := d.Permission(k, branch, atMillis); {
	case may >= Write:
		return true
	case may == Propose:
		who := d.Holder(k, atMillis)
		return who != nil && who.OwnBranch(branch)
	}
	return false
}

// MayRead says whether the holder of a key may read the repository: some branch of it at
// least. Objects know no branches, so reading is not divided.
func (d *Directory) MayRead(k Key, atMillis uint64) bool {
	if k == d.Owner.Key {
		return true
	}
	if d.KeyState(k) == Revoked {
		return false
	}
	who := d.Holder(k, atMillis)
	return slices.ContainsFunc(d.grants, func(g Grant) bool {
		return g.May >= Read && (g.Subject == Anyone || who != nil && who.is(g.Subject))
	})
}
