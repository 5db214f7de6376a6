package ref

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNames(t *testing.T) {
	good := []string{"a", "master", "Straße", "日本語", "feature-1", "v1.0", "a.b", "_x", "+", "=", "a,b;c", "$x", "%41", "x.locked",
		"lock", "head", "Head", "HEADS", "cafe", "deadbeef", strings.Repeat("a", 63), strings.Repeat("a", 65), strings.Repeat("g", 64),
		strings.Repeat("x", 100), strings.Repeat("é", 50), "#1", "!", "(a)", "e\u0301", "👍"}
	bad := map[string]string{
		"":                       "empty",
		strings.Repeat("x", 101): "longer than 100 bytes",
		strings.Repeat("é", 51):  "longer than 100 bytes",
		"a\xff":                  "UTF-8",
		"-a":                     "begin",
		".a":                     "begin",
		".":                      "begin",
		"..":                     "begin",
		"a.":                     "end in",
		"a.lock":                 "end in",
		"a..b":                   `".."`,
		"HEAD":                   "HEAD",
		strings.Repeat("a1", 32): "hash",
		strings.Repeat("A1", 32): "hash",
		"a b":                    "space",
		"a\tb":                   "space",
		"a\nb":                   "space",
		"a\u00a0b":               "space",
		"a\u2028b":               "space",
		"a\x00":                  "control",
		"a\x1b[31m":              "control",
		"a\x7f":                  "control",
		"a\u009fb":               "control",
		"a\u202eb":               "control",
	}
	for _, c := range `/\:~^?*[]{}@"'<>|` {
		bad["a"+string(c)+"b"] = fmt.Sprintf("%q", c)
	}
	for _, s := range good {
		if n, err := ParseName(s); err != nil || string(n) != s {
			t.Errorf("%q is refused: %v", s, err)
		}
	}
	for s, rule := range bad {
		_, err := ParseName(s)
		var nameErr *NameError
		if !errors.As(err, &nameErr) || !errors.Is(err, ErrBadName) || nameErr.Name != s {
			t.Errorf("%q: error is %v", s, err)
			continue
		}
		if !strings.Contains(nameErr.Rule, rule) {
			t.Errorf("%q: the rule is %q, want %q", s, nameErr.Rule, rule)
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) || !utf8.ValidString(err.Error()) {
			t.Errorf("%q: the message is not printable: %q", s, err)
		}
	}
}

// A valid name is one plain component of a path, wherever it is used, and no file of the
// store's own.
func FuzzName(f *testing.F) {
	for _, s := range []string{"master", "..", "a/../b", ".new-0", "a\\b", "C:", "HEAD", "x.lock", "日本", "\u202e", "~"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			if !errors.Is(err, ErrBadName) || n != "" {
				t.Fatalf("%q: %q, %v", s, n, err)
			}
			return
		}
		paths := map[string]string{
			Branch{Name: n}.path():                    branchesFolder,
			Tag{Name: n}.path():                       tagsFolder,
			RemoteBranch{Remote: "r", Name: n}.path(): remotesFolder + "/r",
			RemoteBranch{Remote: n, Name: "b"}.path(): remotesFolder + "/" + s,
		}
		for path, folder := range paths {
			clean := filepath.ToSlash(filepath.Join("/base", path))
			if clean != "/base/"+path || folderOf(path) != folder {
				t.Fatalf("%q leaves its folder: %s", s, clean)
			}
		}
		if !filepath.IsLocal(s) || filepath.Base(s) != s || strings.HasPrefix(s, tempPrefix) || s == headFile {
			t.Fatalf("%q is no plain file name", s)
		}
	})
}
