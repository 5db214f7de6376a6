package directory

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
)

// The tables of a Directory.
const (
	tableIdentities = "identities"
	tableKeys       = "keys"
	tableGrants     = "grants"
)

// Limits of a Directory.
const (
	MaxIdentities   = 1 << 16
	MaxGrants       = 1 << 16
	maxKeys         = 1 << 18
	maxRoles        = 64
	maxAddresses    = 16
	maxAddressBytes = 256
	maxPatternBytes = 128
	fieldKey        = "key"
	fieldKind       = "kind"
	fieldRoles      = "roles"
	fieldAddresses  = "addresses"
	fieldSince      = "since"
	fieldUntil      = "until"
	fieldIdentity   = "identity"
	fieldState      = "state"
	fieldChanged    = "changed"
	fieldMay        = "may"
)

// ReadView reads what the rows of a state say. The error wraps ErrInvalid if they are not
// those of a Directory.
func ReadView(ctx context.Context, tree state.Tree) (View, error) {
	v := View{identities: map[string]*Identity{}, keys: map[Key]*KeyRecord{}}
	c := tree.Cursor(ctx)
	for ok := c.Seek(nil); ok; ok = c.Next() {
		kind, name, tuple, err := rowkey.Split(c.Key())
		if err != nil || kind != rowkey.KindRow {
			return View{}, fmt.Errorf("%w: it holds what is no row", ErrInvalid)
		}
		comps, err := rowkey.Decode(tuple)
		if err != nil {
			return View{}, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if err := v.row(name, comps, row{c.Value()}); err != nil {
			return View{}, fmt.Errorf("%w: table %s: %w", ErrInvalid, name, err)
		}
	}
	if err := c.Err(); err != nil {
		return View{}, err
	}
	if err := v.check(); err != nil {
		return View{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return v, nil
}

func (v *View) row(name string, comps []rowkey.Component, r row) error {
	switch name {
	case tableIdentities:
		return v.identityRow(comps, r)
	case tableKeys:
		return v.keyRow(comps, r)
	case tableGrants:
		return v.grantRow(comps, r)
	}
	return fmt.Errorf("there is no such table in a Directory")
}

func (v *View) identityRow(comps []rowkey.Component, r row) error {
	name, err := textKey(comps, 1)
	if err != nil {
		return err
	}
	i := &Identity{Name: name[0]}
	if CheckIdentity(i.Name) != nil {
		return fmt.Errorf("%q is no name of an identity", i.Name)
	}
	fields := r.fields()
	i.Kind = Kind(fields.text(fieldKind))
	if k := fields.bytes(fieldKey); len(k) == len(i.Key) {
		i.Key = Key(k)
	} else if len(k) != 0 {
		return fmt.Errorf("identity %s: its key has %d bytes", i.Name, len(k))
	}
	i.Roles, i.Addresses = fields.list(fieldRoles), fields.list(fieldAddresses)
	i.Since, i.Until = fields.uint(fieldSince), fields.uint(fieldUntil)
	if err := fields.end(); err != nil {
		return fmt.Errorf("identity %s: %w", i.Name, err)
	}
	switch {
	case i.Kind != Client && i.Kind != Server:
		return fmt.Errorf("identity %s: %q is no kind of identity", i.Name, i.Kind)
	case len(i.Roles) > maxRoles || len(i.Addresses) > maxAddresses:
		return fmt.Errorf("identity %s: too many roles or addresses", i.Name)
	case len(v.identities) >= MaxIdentities:
		return fmt.Errorf("more than %d identities", MaxIdentities)
	}
	for _, role := range i.Roles {
		if CheckIdentity(role) != nil {
			return fmt.Errorf("identity %s: %q is no name of a role", i.Name, role)
		}
	}
	for _, a := range i.Addresses {
		if a == "" || len(a) > maxAddressBytes || strings.ContainsFunc(a, unicode.IsControl) {
			return fmt.Errorf("identity %s: %q is no address", i.Name, a)
		}
	}
	v.identities[i.Name] = i
	return nil
}

func (v *View) keyRow(comps []rowkey.Component, r row) error {
	if len(comps) != 1 {
		return fmt.Errorf("a row's key has %d parts", len(comps))
	}
	b, ok := comps[0].Bytes()
	if !ok || len(b) != object.PublicSize {
		return fmt.Errorf("a row's key is no public key")
	}
	fields := r.fields()
	k := &KeyRecord{
		Key: Key(b), Identity: fields.text(fieldIdentity), State: KeyState(fields.text(fieldState)),
		Changed: fields.uint(fieldChanged), Until: fields.uint(fieldUntil),
	}
	if err := fields.end(); err != nil {
		return fmt.Errorf("key %x: %w", b[:4], err)
	}
	if k.State != Current && k.State != Rotated && k.State != Revoked {
		return fmt.Errorf("key %x: %q is no state of a key", b[:4], k.State)
	}
	if len(v.keys) >= maxKeys {
		return fmt.Errorf("more than %d keys", maxKeys)
	}
	v.keys[k.Key] = k
	return nil
}

func (v *View) grantRow(comps []rowkey.Component, r row) error {
	names, err := textKey(comps, 2)
	if err != nil {
		return err
	}
	g := Grant{Subject: names[0], Pattern: names[1]}
	fields := r.fields()
	may, ok := ParsePermission(fields.text(fieldMay))
	if err := fields.end(); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("grant to %s: no such permission", g.Subject)
	}
	g.May = may
	if rule := g.brokenRule(); rule != "" {
		return fmt.Errorf("grant to %s: %s", g.Subject, rule)
	}
	if len(v.grants) >= MaxGrants {
		return fmt.Errorf("more than %d grants", MaxGrants)
	}
	v.grants = append(v.grants, g) // rows come by key
	return nil
}

// CheckIdentity says whether a name may be that of an identity, or of a role, in a Directory.
// The error wraps key.ErrBadName.
func CheckIdentity(name string) error {
	if err := key.CheckName(name); err != nil {
		return err
	}
	if name == Anyone || strings.Contains(name, ownSeparator) {
		return fmt.Errorf("%q: %w: it is %q or has a %q in it", name, key.ErrBadName, Anyone, ownSeparator)
	}
	return nil
}

// CheckGrant says whether a grant makes sense. The error wraps ErrBadChange.
func CheckGrant(g Grant) error {
	if rule := g.brokenRule(); rule != "" {
		return fmt.Errorf("%w: %s", ErrBadChange, rule)
	}
	return nil
}

// brokenRule returns what is wrong with a grant, or nothing.
func (g *Grant) brokenRule() string {
	if g.Subject != Anyone && CheckIdentity(strings.TrimPrefix(g.Subject, RolePrefix)) != nil {
		return fmt.Sprintf("%q is nobody's name", g.Subject)
	}
	if _, err := path.Match(g.Pattern, ""); err != nil || g.Pattern == "" || len(g.Pattern) > maxPatternBytes || !utf8.ValidString(g.Pattern) {
		return fmt.Sprintf("%q is no pattern of branches", g.Pattern)
	}
	switch {
	case g.May <= None || g.May > Admin:
		return fmt.Sprintf("there is no permission %s", g.May)
	case g.May == Admin && g.Pattern != everyBranch:
		return fmt.Sprintf("the Directory is one: grant admin on %q, not on %q", everyBranch, g.Pattern)
	case g.Subject == Anyone && g.May != Read && g.May != Write:
		return fmt.Sprintf("anyone may be granted read or write, not %s", g.May)
	}
	return ""
}

// check says whether rows agree with each other: each key is of an identity, and an
// identity's key is the one that is current.
func (v *View) check() error {
	for _, k := range v.keys {
		i := v.identities[k.Identity]
		if i == nil {
			return fmt.Errorf("key %x is of %q, who is not known", k.Key[:4], k.Identity)
		}
		if (k.State == Current) != (i.Key == k.Key) {
			return fmt.Errorf("key %x of %s is %s, and the identity says otherwise", k.Key[:4], k.Identity, k.State)
		}
	}
	for _, i := range v.identities {
		if r := v.keys[i.Key]; i.Key != (Key{}) && (r == nil || r.Identity != i.Name) {
			return fmt.Errorf("identity %s: its key is not among the keys", i.Name)
		}
	}
	return nil
}

// textKey returns the n texts of a row's key.
func textKey(comps []rowkey.Component, n int) ([]string, error) {
	out := make([]string, len(comps))
	for i, c := range comps {
		s, ok := c.Text()
		if !ok {
			return nil, fmt.Errorf("a row's key is no text")
		}
		out[i] = s
	}
	if len(out) != n {
		return nil, fmt.Errorf("a row's key has %d parts", len(out))
	}
	return out, nil
}

// row is the encoded fields of a row.
type row struct{ data []byte }

func (r row) fields() *fields {
	f := &fields{left: map[string][]byte{}}
	for name, v := range table.Fields(r.data) {
		f.left[string(name)] = v
	}
	return f
}

// fields are taken one by one, and none may be left.
type fields struct {
	left map[string][]byte
	err  error
}

func (f *fields) take(name string) []byte {
	v := f.left[name]
	delete(f.left, name)
	return v
}

func (f *fields) want(name string, ok bool) {
	if !ok && f.err == nil {
		f.err = fmt.Errorf("field %s is of another type", name)
	}
}

func (f *fields) text(name string) string {
	v := f.take(name)
	s, ok := value.AsText(v)
	f.want(name, ok || v == nil)
	return string(s)
}

func (f *fields) bytes(name string) []byte {
	v := f.take(name)
	b, ok := value.AsBytes(v)
	f.want(name, ok || v == nil)
	return b
}

func (f *fields) uint(name string) uint64 {
	v := f.take(name)
	n, ok := value.AsUint(v)
	f.want(name, ok || v == nil)
	return n
}

// list returns the texts of a list, ascending.
func (f *fields) list(name string) []string {
	v := f.take(name)
	f.want(name, v == nil || value.KindOf(v) == value.KindList)
	var out []string
	for e := range value.Elements(v) {
		s, ok := value.AsText(e)
		f.want(name, ok)
		out = append(out, string(s))
	}
	slices.Sort(out)
	return out
}

func (f *fields) end() error {
	if f.err == nil {
		for name := range f.left {
			return fmt.Errorf("there is no field %q", name)
		}
	}
	return f.err
}
