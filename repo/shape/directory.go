package shape

import (
	"encoding/hex"
	"time"

	"aergo/consensus/directory"
	"aergo/repo"
	"aergo/repo/object"
)

// Directory is who may do what in a repository.
type Directory struct {
	Block      object.Hash  `json:"block"`
	Height     uint64       `json:"height"`
	Time       time.Time    `json:"time"`
	Genesis    object.Hash  `json:"genesis"`
	Lineage    object.Hash  `json:"lineage"`
	Upstream   *object.Hash `json:"upstream"` // null for the first Directory of a lineage
	Owner      Person       `json:"owner"`
	Identities []Identity   `json:"identities"`
	Grants     []Grant      `json:"grants"`
}

// Person is a name with a key.
type Person struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Identity is somebody whom a Directory knows.
type Identity struct {
	Name      string      `json:"name"`
	Kind      string      `json:"kind"` // client or server
	Key       string      `json:"key"`  // empty if it is revoked
	Roles     []string    `json:"roles"`
	Addresses []string    `json:"addresses"`
	Since     *time.Time  `json:"since"`
	Until     *time.Time  `json:"until"`
	Keys      []KeyRecord `json:"keys"` // that it has and had
}

// KeyRecord is what became of a key.
type KeyRecord struct {
	Key    string     `json:"key"`
	State  string     `json:"state"`  // current, rotated or revoked
	Height uint64     `json:"height"` // of the Directory block that says so
	Until  *time.Time `json:"until"`  // to when a rotated key counts for what was marked before
}

// Grant permits something.
type Grant struct {
	Subject  string `json:"subject"` // a name, anyone, or role: and a role
	Branches string `json:"branches"`
	May      string `json:"may"`
}

// OfDirectory is the shape of a Directory.
func OfDirectory(d repo.DirectoryInfo) Directory {
	out := Directory{
		Block: d.Block, Height: d.Height, Time: d.Time, Genesis: d.Genesis, Lineage: d.Lineage, Upstream: Optional(d.Upstream),
		Owner: Person{d.Owner.Name, PublicKey(d.Owner)}, Identities: []Identity{}, Grants: []Grant{},
	}
	for _, i := range d.Identities {
		j := Identity{
			Name: i.Name, Kind: string(i.Kind), Roles: list(i.Roles), Addresses: list(i.Addresses), Since: moment(i.Since), Until: moment(i.Until), Keys: []KeyRecord{},
		}
		if i.Key != (directory.Key{}) {
			j.Key = hex.EncodeToString(i.Key[:])
		}
		for _, k := range d.Keys {
			if k.Identity == i.Name {
				j.Keys = append(j.Keys, KeyRecord{hex.EncodeToString(k.Key[:]), string(k.State), k.Changed, moment(k.Until)})
			}
		}
		out.Identities = append(out.Identities, j)
	}
	for _, g := range d.Grants {
		out.Grants = append(out.Grants, Grant{g.Subject, g.Pattern, g.May.String()})
	}
	return out
}

// list makes no list an empty one.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// moment is a time in milliseconds since the Unix epoch, or nil for 0.
func moment(millis uint64) *time.Time {
	if millis == 0 {
		return nil
	}
	t := time.UnixMilli(int64(min(millis, 1<<62))).UTC()
	return &t
}
