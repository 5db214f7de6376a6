package peer

import (
	"errors"
	"strings"
	"testing"
)

const someID = "12D3KooWMnqfwY2DWY2agqLtQbXvRwbKJXyiG86UxY3GUmUGRcxR"

func TestAddresses(t *testing.T) {
	for s, want := range map[string]Address{
		"aergo://example.org:4001/ledger":                 {HostPort: "example.org:4001", Repository: "ledger"},
		"aergo://127.0.0.1:1/a/b":                         {HostPort: "127.0.0.1:1", Repository: "a/b"},
		"aergo://[::1]:65535/a":                           {HostPort: "[::1]:65535", Repository: "a"},
		"aergo://" + someID + "@[2001:db8::1]:7/team/x":   {Peer: someID, HostPort: "[2001:db8::1]:7", Repository: "team/x"},
		"aergo://" + someID + "/ledger":                   {Peer: someID, Repository: "ledger"},
		"aergo://" + someID:                               {Peer: someID},
		"aergo://" + someID + "@localhost:4001":           {Peer: someID, HostPort: "localhost:4001"},
		"aergo://a-1.b:4001/Größe":                        {HostPort: "a-1.b:4001", Repository: "Größe"},
		"aergo://" + someID + "@127.0.0.1:4001/" + someID: {Peer: someID, HostPort: "127.0.0.1:4001", Repository: someID},
	} {
		a, err := ParseAddress(s)
		if err != nil || a != want {
			t.Errorf("%s is %+v, %v", s, a, err)
		}
		if a.String() != s {
			t.Errorf("%s prints as %s", s, a)
		}
	}
	for in, out := range map[string]string{
		"aergo://EXAMPLE.org:4001/x": "aergo://example.org:4001/x", "aergo://[0:0::1]:1/x": "aergo://[::1]:1/x",
		"aergo://[::ffff:127.0.0.1]:1/x": "aergo://127.0.0.1:1/x",
	} {
		if a, err := ParseAddress(in); err != nil || a.String() != out {
			t.Errorf("%s is %s, %v", in, a, err)
		}
	}
}

func TestBadAddresses(t *testing.T) {
	for _, s := range []string{
		"", "aergo", "aergo://", "aergo:///x", "http://example.org:1/x", "AERGO://example.org:1/x", "aergo://example.org/x",
		"aergo://example.org:/x", "aergo://example.org:65536/x", "aergo://example.org:-1/x", "aergo://example.org:01/x",
		"aergo://example.org:4001/", "aergo://example.org:4001/../x", "aergo://example.org:4001/a//b", "aergo://example.org:4001/.hidden",
		"aergo://example.org:4001/a/", "aergo://example.org:4001/a\\b", "aergo://example.org:4001/a?b", "aergo://example.org:4001/a\x00b",
		"aergo://@example.org:4001/x", "aergo://bob@example.org:4001/x", "aergo://" + someID + "@/x", "aergo://" + someID + "@example.org/x",
		"aergo://" + someID[1:] + "/x", "aergo://" + someID + "@" + someID + "@h:1/x", "aergo://256.1.1.1:1/x", "aergo://1.2.3:1/x",
		"aergo://-a:1/x", "aergo://a..b:1/x", "aergo://a_b:1/x", "aergo://[fe80::1%eth0]:1/x", "aergo://[::1:1/x", "aergo://::1:1/x",
		"aergo://example.org:4001/" + strings.Repeat("a", 3000), "aergo://h/tcp/1:2/x", "aergo://QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N/x",
	} {
		if a, err := ParseAddress(s); !errors.Is(err, ErrBadAddress) {
			t.Errorf("%q is %+v, %v", s, a, err)
		}
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("aergo://example.org:4001/ledger")
	f.Add("aergo://" + someID + "@[::1]:4001/a/b")
	f.Add("aergo://" + someID + "/x")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		again, err := ParseAddress(a.String())
		if err != nil || again != a {
			t.Fatalf("%q is %+v, and that is %+v, %v", s, a, again, err)
		}
		if strings.Contains(a.Repository, "..") {
			t.Fatalf("unsafe repository %q", a.Repository)
		}
		if a.HostPort != "" {
			if _, _, err := multiaddrs(a.HostPort); err != nil {
				t.Fatalf("%q cannot be dialled: %v", a.HostPort, err)
			}
		}
	})
}
