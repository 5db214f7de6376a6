package directory

import (
	"errors"
	"strings"
	"testing"
)

func viewOf(keys ...KeyRecord) *View {
	v := &View{identities: map[string]*Identity{}, keys: map[Key]*KeyRecord{}}
	for _, k := range keys {
		v.keys[k.Key] = &k
		i := v.identities[k.Identity]
		if i == nil {
			i = &Identity{Name: k.Identity, Kind: Client}
			v.identities[k.Identity] = i
		}
		if k.State == Current {
			i.Key = k.Key
		}
	}
	return v
}

func TestCheck(t *testing.T) {
	const height = 7
	rec := func(n byte, who string, state KeyState, changed, until uint64) KeyRecord {
		return KeyRecord{Key: keyOf(n), Identity: who, State: state, Changed: changed, Until: until}
	}
	ben := rec(2, "ben", Current, 3, 0)
	founder := keyOf(1)
	for _, test := range []struct {
		name          string
		before, after []KeyRecord
		says          string // empty if it may be
	}{
		{"nothing", nil, nil, ""},
		{"nothing about who is there", []KeyRecord{ben}, []KeyRecord{ben}, ""},
		{"somebody new", nil, []KeyRecord{rec(2, "ben", Current, height, 0)}, ""},
		{"somebody new, long ago", nil, []KeyRecord{ben}, "changed at height 7, not 3"},
		{"rotated", []KeyRecord{ben}, []KeyRecord{rec(2, "ben", Rotated, height, 99), rec(3, "ben", Current, height, 0)}, ""},
		{"rotated long ago", []KeyRecord{ben}, []KeyRecord{rec(2, "ben", Rotated, 3, 99), rec(3, "ben", Current, height, 0)}, "changed at height"},
		{"revoked", []KeyRecord{ben}, []KeyRecord{rec(2, "ben", Revoked, height, 0)}, ""},
		{"revoked with a time", []KeyRecord{ben}, []KeyRecord{rec(2, "ben", Revoked, height, 99)}, "time after rotation"},
		{"revoked after rotation", []KeyRecord{rec(2, "ben", Rotated, 3, 99)}, []KeyRecord{rec(2, "ben", Revoked, height, 0)}, ""},
		{"forgotten", []KeyRecord{ben}, nil, "forgotten"},
		{"to another", []KeyRecord{ben}, []KeyRecord{rec(2, "cleo", Current, height, 0)}, "changes hands"},
		{"revoked and back", []KeyRecord{rec(2, "ben", Revoked, 3, 0)}, []KeyRecord{rec(2, "ben", Current, height, 0)}, "cannot become current"},
		{"rotated and back", []KeyRecord{rec(2, "ben", Rotated, 3, 9)}, []KeyRecord{rec(2, "ben", Current, height, 0)}, "cannot become current"},
		{"revoked, now rotated", []KeyRecord{rec(2, "ben", Revoked, 3, 0)}, []KeyRecord{rec(2, "ben", Rotated, height, 9)}, "cannot become rotated"},
		{"a longer time", []KeyRecord{rec(2, "ben", Rotated, 3, 9)}, []KeyRecord{rec(2, "ben", Rotated, height, 99)}, "cannot become rotated again"},
		{"rotated from nowhere", nil, []KeyRecord{rec(2, "ben", Rotated, height, 9)}, "never there"},
		{"the founder's, rotated", nil, []KeyRecord{rec(1, "ada", Rotated, height, 9), rec(9, "ada", Current, height, 0)}, ""},
		{"the founder's, revoked", nil, []KeyRecord{rec(1, "ada", Revoked, height, 0)}, "owner's key is revoked"},
		{"the owner's, revoked", []KeyRecord{rec(1, "ada", Rotated, 3, 9), rec(9, "ada", Current, 3, 0)},
			[]KeyRecord{rec(1, "ada", Rotated, 3, 9), rec(9, "ada", Revoked, height, 0)}, "owner's key is revoked"},
	} {
		err := Check(founder, viewOf(test.before...), viewOf(test.after...), height)
		switch {
		case test.says == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.says != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: error is %v, want one that says %q", test.name, err, test.says)
		}
	}
}

func TestTheOwnerIsValidAlways(t *testing.T) {
	after := viewOf(KeyRecord{Key: keyOf(1), Identity: "ada", State: Current, Changed: 1})
	after.identities["ada"].Until = 5
	if err := Check(keyOf(1), viewOf(), after, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("error is %v", err)
	}
}
