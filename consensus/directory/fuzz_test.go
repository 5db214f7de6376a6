package directory

import (
	"testing"

	"aergo/contract/table"
	"aergo/contract/value"
	rowkey "aergo/repo/state/key"
)

// Whatever lies in a row of a Directory, it is a row that makes sense or an error.
func FuzzRow(f *testing.F) {
	d := town()
	for _, c := range []Change{
		{Add: &Identity{Name: "hal", Kind: Server, Key: keyOf(50), Roles: []string{"staff"}, Addresses: []string{"host:1"}, Since: 1, Until: 2}},
		{Grant: &Grant{Subject: RolePrefix + "staff", Pattern: "a*", May: Write}}, {Revoke: "ben"},
		{Rotate: &Rotation{Name: "cleo", Key: keyOf(51), Until: 9}},
	} {
		transactions, err := d.Specs(c)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range transactions[0] {
			row, err := table.AppendRow(nil, sorted(s.Fields))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(s.Table, rowkey.Append(nil, s.Key...), row)
		}
	}
	f.Fuzz(func(t *testing.T, name string, tuple, data []byte) {
		comps, err := rowkey.Decode(tuple)
		if err != nil || table.CheckRow(data) != nil {
			return
		}
		v := View{identities: map[string]*Identity{}, keys: map[Key]*KeyRecord{}}
		if v.row(name, comps, row{data}) != nil {
			return
		}
		for _, i := range v.identities {
			if CheckIdentity(i.Name) != nil || i.Kind != Client && i.Kind != Server {
				t.Errorf("an identity is %+v", i)
			}
		}
		for _, g := range v.grants {
			if CheckGrant(g) != nil {
				t.Errorf("a grant is %+v", g)
			}
		}
		if len(v.identities)+len(v.keys)+len(v.grants) != 1 {
			t.Errorf("one row is %+v", v)
		}
	})
}

func sorted(fields []value.Field) []value.Field {
	out := append([]value.Field(nil), fields...)
	for i := range out {
		for j := i; j > 0 && out[j].Name < out[j-1].Name; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}
