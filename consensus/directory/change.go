package directory

import (
	"errors"
	"fmt"
	"slices"

	"aergo/contract/table"
	"aergo/contract/value"
	rowkey "aergo/repo/state/key"
)

var (
	// ErrUnknown says that the Directory knows nobody by a name.
	ErrUnknown = errors.New("identity not found")
	// ErrKeyTaken says that a key is, or was, somebody's already.
	ErrKeyTaken = errors.New("key is known already")
	// ErrBadChange says that a change makes no sense.
	ErrBadChange = errors.New("change makes no sense")
)

// Change is one thing to be changed in a Directory. Exactly one field is set.
type Change struct {
	Add    *Identity // somebody new, or somebody known with other roles, addresses or validity
	Grant  *Grant    // with None to take back what was granted
	Revoke string    // the name of who loses the key, and gets no other one but by Add
	Rotate *Rotation
}

// Rotation gives an identity another key.
type Rotation struct {
	Name string
	Key  Key
	// Until is the last time, in milliseconds since the Unix epoch, of blocks that take what
	// was signed with the old key and marked before.
	Until uint64
}

// Specs returns the operations that make changes, one transaction for each change, in the
// next block of the Directory. The errors wrap ErrUnknown, ErrKeyTaken, ErrBadChange or
// key.ErrBadName.
func (d *Directory) Specs(changes ...Change) ([][]table.Spec, error) {
	a := author{d, d.Height + 1, map[string]bool{}}
	var out [][]table.Spec
	for _, c := range changes {
		var specs []table.Spec
		var err error
		switch {
		case c.Add != nil:
			specs, err = a.add(*c.Add)
		case c.Grant != nil:
			specs, err = a.grant(*c.Grant)
		case c.Rotate != nil:
			specs, err = a.rotate(*c.Rotate)
		default:
			specs, err = a.revoke(c.Revoke)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, specs)
	}
	return out, nil
}

// author writes changes for the block of a height.
type author struct {
	*Directory
	height uint64
	added  map[string]bool // by earlier changes
}

func (a author) add(i Identity) ([]table.Spec, error) {
	if err := CheckIdentity(i.Name); err != nil {
		return nil, err
	}
	known := a.identities[i.Name]
	if i.Key == (Key{}) && known != nil {
		i.Key = known.Key
	}
	if i.Key == (Key{}) {
		return nil, fmt.Errorf("identity %s: %w: it needs a key", i.Name, ErrBadChange)
	}
	a.added[i.Name] = true
	if i.Key == a.Owner.Key && (i.Since != 0 || i.Until != 0) {
		return nil, fmt.Errorf("identity %s: %w: the owner is valid always", i.Name, ErrBadChange)
	}
	specs := []table.Spec{identitySpec(i)}
	if known != nil && known.Key == i.Key {
		return specs, nil
	}
	if known != nil && known.Key != (Key{}) {
		return nil, fmt.Errorf("identity %s: %w: it has another key, which can be rotated", i.Name, ErrBadChange)
	}
	if err := a.free(i.Key, i.Name); err != nil {
		return nil, err
	}
	return append(specs, a.keySpec(i.Key, i.Name, Current, 0)), nil
}

// free says whether a key may become that of an identity. The founder's is the founder's,
// although the rows of a young Directory do not say so.
func (a author) free(k Key, name string) error {
	if r := a.keys[k]; r != nil {
		return fmt.Errorf("key %x: %w: it is %s, of %s", k[:4], ErrKeyTaken, r.State, r.Identity)
	}
	if k == a.Founder.Key && name != a.Founder.Name {
		return fmt.Errorf("key %x: %w: it is the owner's, %s", k[:4], ErrKeyTaken, a.Founder.Name)
	}
	return nil
}

func (a author) grant(g Grant) ([]table.Spec, error) {
	row := table.Spec{Table: tableGrants, Key: []rowkey.Component{rowkey.Text(g.Subject), rowkey.Text(g.Pattern)}}
	if g.May == None {
		if !slices.ContainsFunc(a.grants, func(h Grant) bool { return h.Subject == g.Subject && h.Pattern == g.Pattern }) {
			return nil, fmt.Errorf("grant to %s on %q: %w", g.Subject, g.Pattern, ErrUnknown)
		}
		row.Code = table.Del
		return []table.Spec{row}, nil
	}
	if err := CheckGrant(g); err != nil {
		return nil, err
	}
	if !isGroup(g.Subject) && a.identities[g.Subject] == nil && !a.added[g.Subject] {
		return nil, fmt.Errorf("%q: %w", g.Subject, ErrUnknown)
	}
	row.Code, row.Fields = table.Put, []value.Field{text(fieldMay, g.May.String())}
	return []table.Spec{row}, nil
}

func (a author) rotate(r Rotation) ([]table.Spec, error) {
	known := a.identities[r.Name]
	if known == nil && r.Name == a.Founder.Name {
		known = &Identity{Name: r.Name, Kind: Client, Key: a.Founder.Key}
	}
	switch {
	case known == nil:
		return nil, fmt.Errorf("%q: %w", r.Name, ErrUnknown)
	case known.Key == (Key{}):
		return nil, fmt.Errorf("identity %s: %w: its key is revoked; add it again with another one", r.Name, ErrBadChange)
	case known.Key == r.Key:
		return nil, fmt.Errorf("key %x: %w: it is the key that %s has", r.Key[:4], ErrKeyTaken, r.Name)
	}
	if err := a.free(r.Key, r.Name); err != nil {
		return nil, err
	}
	old := known.Key
	next := *known
	next.Key = r.Key
	return []table.Spec{
		identitySpec(next), a.keySpec(old, r.Name, Rotated, r.Until), a.keySpec(r.Key, r.Name, Current, 0),
	}, nil
}

func (a author) revoke(name string) ([]table.Spec, error) {
	known := a.identities[name]
	switch {
	case known == nil && name == a.Founder.Name, known != nil && known.Key == a.Owner.Key:
		return nil, fmt.Errorf("%w: the owner's key can be rotated, not revoked", ErrBadChange)
	case known == nil:
		return nil, fmt.Errorf("%q: %w", name, ErrUnknown)
	case known.Key == (Key{}):
		return nil, fmt.Errorf("identity %s: %w: its key is revoked already", name, ErrBadChange)
	}
	specs := []table.Spec{{
		Code: table.Put, Table: tableIdentities, Key: []rowkey.Component{rowkey.Text(name)}, Unset: []string{fieldKey},
	}}
	// What was rotated before goes with it: whoever loses a key rarely knows since when.
	for _, k := range a.Keys(name) {
		if k.State != Revoked {
			specs = append(specs, a.keySpec(k.Key, name, Revoked, 0))
		}
	}
	return specs, nil
}

func isGroup(subject string) bool {
	return subject == Anyone || len(subject) > len(RolePrefix) && subject[:len(RolePrefix)] == RolePrefix
}

func identitySpec(i Identity) table.Spec {
	fields := []value.Field{text(fieldKind, string(i.Kind)), {Name: fieldKey, Enc: value.AppendBytes(nil, i.Key[:])}}
	for name, list := range map[string][]string{fieldRoles: i.Roles, fieldAddresses: i.Addresses} {
		if len(list) > 0 {
			fields = append(fields, value.Field{Name: name, Enc: texts(list)})
		}
	}
	for name, at := range map[string]uint64{fieldSince: i.Since, fieldUntil: i.Until} {
		if at != 0 {
			fields = append(fields, value.Field{Name: name, Enc: value.AppendUint(nil, at)})
		}
	}
	return table.Spec{Code: table.Replace, Table: tableIdentities, Key: []rowkey.Component{rowkey.Text(i.Name)}, Fields: fields}
}

func (a author) keySpec(k Key, name string, state KeyState, until uint64) table.Spec {
	fields := []value.Field{
		text(fieldIdentity, name), text(fieldState, string(state)), {Name: fieldChanged, Enc: value.AppendUint(nil, a.height)},
	}
	if until != 0 {
		fields = append(fields, value.Field{Name: fieldUntil, Enc: value.AppendUint(nil, until)})
	}
	return table.Spec{Code: table.Replace, Table: tableKeys, Key: []rowkey.Component{rowkey.Bytes(k[:])}, Fields: fields}
}

func text(name, s string) value.Field {
	return value.Field{Name: name, Enc: value.AppendText(nil, s)}
}

// texts encodes a list of texts, each once.
func texts(list []string) []byte {
	list = slices.Compact(slices.Sorted(slices.Values(list)))
	elements := make([][]byte, len(list))
	for i, s := range list {
		elements[i] = value.AppendText(nil, s)
	}
	return value.AppendList(nil, elements...)
}
