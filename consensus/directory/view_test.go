package directory

import (
	"fmt"
	"testing"

	"aergo/repo/object"
)

func keyOf(n byte) Key { return Key{n} }

// town is a view with a person for each state of a key.
func town() *Directory {
	d := &Directory{Founder: object.Identity{Key: keyOf(1), Name: "ada"}, Owner: object.Identity{Key: keyOf(1), Name: "ada"}}
	d.View = View{identities: map[string]*Identity{}, keys: map[Key]*KeyRecord{}}
	add := func(n byte, name string, state KeyState, change func(*Identity)) {
		i := &Identity{Name: name, Kind: Client, Key: keyOf(n)}
		if change != nil {
			change(i)
		}
		r := &KeyRecord{Key: keyOf(n), Identity: name, State: state, Changed: 5}
		switch state {
		case Rotated:
			r.Until = 2000
			i.Key = keyOf(n + 100)
			d.keys[i.Key] = &KeyRecord{Key: i.Key, Identity: name, State: Current, Changed: 5}
		case Revoked:
			i.Key = Key{}
		}
		d.keys[r.Key] = r
		d.identities[name] = i
	}
	add(2, "ben", Current, nil)
	add(3, "cleo", Rotated, nil)
	add(4, "dan", Revoked, nil)
	add(5, "eve", Current, func(i *Identity) { i.Until = 999 })
	add(6, "fay", Current, func(i *Identity) { i.Since = 1001 })
	add(7, "gus", Current, func(i *Identity) { i.Roles = []string{"staff"} })
	return d
}

// Every permission, for a grant to everybody, to a name and to a role, and for every state of
// a key: what the key may do on a branch, read, and push to.
func TestWhoMayDoWhat(t *testing.T) {
	people := map[string]byte{"owner": 1, "current": 2, "rotated": 3, "successor": 103, "revoked": 4, "expired": 5, "early": 6, "staff": 7, "unknown": 99}
	counts := map[string]string{"current": "ben", "successor": "cleo", "staff": "gus"} // whose name a grant finds by this key
	for _, may := range []Permission{None, Read, Propose, Write, Admin} {
		for subject, reached := range map[string]func(person string) bool{
			Anyone:               func(p string) bool { return p != "revoked" },
			"ben":                func(p string) bool { return counts[p] == "ben" },
			"cleo":               func(p string) bool { return counts[p] == "cleo" },
			"dan":                func(string) bool { return false },
			"eve":                func(string) bool { return false },
			"fay":                func(string) bool { return false },
			RolePrefix + "staff": func(p string) bool { return p == "staff" },
		} {
			d := town()
			if may != None {
				d.grants = []Grant{{Subject: subject, Pattern: "*", May: may}}
			}
			for person, n := range people {
				want := None
				switch {
				case person == "owner":
					want = Admin
				case reached(person):
					want = may
				}
				label := fmt.Sprintf("%s on %s to %s", may, subject, person)
				if got := d.Permission(keyOf(n), "master", 1000); got != want {
					t.Errorf("%s: permission is %s, want %s", label, got, want)
				}
				if got := d.MayRead(keyOf(n), 1000); got != (want >= Read) {
					t.Errorf("%s: may read: %v", label, got)
				}
				if got := d.MayPush(keyOf(n), "master", 1000); got != (want >= Write) {
					t.Errorf("%s: may push to master: %v", label, got)
				}
				own := counts[person] + "+fix"
				if got := d.MayPush(keyOf(n), own, 1000); got != (want >= Write || want == Propose && counts[person] != "") {
					t.Errorf("%s: may push to %s: %v", label, own, got)
				}
			}
		}
	}
}

func TestRotatedKeysCountForOlderMarks(t *testing.T) {
	d := town()
	d.grants = []Grant{{Subject: "cleo", Pattern: "*", May: Write}}
	for _, test := range []struct {
		at, mark uint64
		want     Permission
	}{
		{1000, 4, Write}, {2000, 0, Write}, {2001, 4, None}, {1000, 5, None}, {1000, 6, None},
	} {
		if got := d.PermissionBefore(keyOf(3), AnyBranch, test.at, test.mark); got != test.want {
			t.Errorf("at %d with a mark at %d: %s, want %s", test.at, test.mark, got, test.want)
		}
	}
	if got := d.PermissionBefore(keyOf(4), AnyBranch, 1000, 0); got != None {
		t.Errorf("a revoked key with an old mark may %s", got)
	}
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, branch string
		want            bool
	}{
		{"*", "master", true}, {"*", AnyBranch, true}, {"release-*", "release-1", true}, {"release-*", "master", false},
		{"release-*", AnyBranch, false}, {"?", "x", true}, {"?", AnyBranch, false}, {"**", AnyBranch, false}, {"[ab]", "a", true}, {"[", "[", false},
	} {
		g := Grant{Pattern: test.pattern}
		if got := g.covers(test.branch); got != test.want {
			t.Errorf("%q covers %q: %v", test.pattern, test.branch, got)
		}
	}
}

func TestOwnBranches(t *testing.T) {
	i := Identity{Name: "ada"}
	for branch, want := range map[string]bool{"ada": true, "ada+fix": true, "ada+": true, "adam": false, "ada.fix": false, "+ada": false, "": false} {
		if got := i.OwnBranch(branch); got != want {
			t.Errorf("%q is ada's own: %v", branch, got)
		}
	}
}

func TestNamesAndGrantsThatMakeNoSense(t *testing.T) {
	for _, name := range []string{"", "anyone", "a+b", "role:x", "../x", "a b"} {
		if CheckIdentity(name) == nil {
			t.Errorf("%q may be the name of an identity", name)
		}
	}
	for _, g := range []Grant{
		{"ben", "*", None}, {"ben", "*", Admin + 1}, {"ben", "", Read}, {"ben", "[", Read}, {"ben", "x*", Admin}, {Anyone, "*", Admin},
		{Anyone, "*", Propose}, {"a+b", "*", Read}, {"role:", "*", Read}, {"role:a b", "*", Read},
	} {
		if CheckGrant(g) == nil {
			t.Errorf("%+v is a grant", g)
		}
	}
}
