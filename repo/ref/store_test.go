package ref

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aergo/repo/object"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
)

func onEveryFS(t *testing.T, test func(t *testing.T, fs billy.Filesystem)) {
	t.Run("disk", func(t *testing.T) {
		// A folder that does not exist yet, as in a new repository.
		test(t, osfs.New(filepath.Join(t.TempDir(), "refs"), osfs.WithBoundOS()))
	})
	t.Run("memory", func(t *testing.T) { test(t, memfs.New()) })
}

func hash(s string) object.Hash { return object.Sum([]byte(s)) }

func branch(name Name, head string) Branch {
	return Branch{Name: name, ID: hash("id"), Root: hash("root"), Head: hash(head), Nonce: 7, Parent: "dev", Logic: hash("logic")}
}

// kindTest drives one type of ref through the store, so that all types keep the same promises.
type kindTest[R record] struct {
	name      string
	a, b      R // one ref, two values
	other     R // another ref
	get       func(*Store, R) (R, error)
	set       func(*Store, R, R) error
	remove    func(*Store, R) error
	canDelete bool
}

func (k kindTest[R]) run(t *testing.T, fs billy.Filesystem) {
	s := NewStore(fs)
	var none R
	is := func(what string, got error, want error) {
		t.Helper()
		if !errors.Is(got, want) || (want == nil && got != nil) {
			t.Errorf("%s %s: error is %v, want %v", k.name, what, got, want)
		}
	}
	holds := func(want R) {
		t.Helper()
		// A second store sees what is on the disk.
		if got, err := k.get(NewStore(fs), want); err != nil || got != want {
			t.Errorf("%s: holds %+v, %v; want %+v", k.name, got, err, want)
		}
	}
	_, err := k.get(s, k.a)
	is("get absent", err, ErrNotFound)
	is("replace absent", k.set(s, k.a, k.b), ErrNotFound)
	is("create", k.set(s, none, k.a), nil)
	holds(k.a)
	is("create again", k.set(s, none, k.b), ErrExists)
	is("create the same again", k.set(s, none, k.a), ErrExists)
	is("expect another value", k.set(s, k.b, k.b), ErrConflict)
	holds(k.a)
	is("replace", k.set(s, k.a, k.b), nil)
	is("replace twice", k.set(s, k.a, k.b), ErrConflict)
	is("replace by itself", k.set(s, k.b, k.b), nil)
	holds(k.b)
	is("store nothing", k.set(s, k.b, none), ErrBadName)
	if !k.canDelete {
		return
	}
	is("rename", k.set(s, k.b, k.other), ErrConflict)
	is("delete another value", k.remove(s, k.a), ErrConflict)
	is("delete absent", k.remove(s, k.other), ErrNotFound)
	is("delete nothing", k.remove(s, none), ErrBadName)
	holds(k.b)
	is("delete", k.remove(s, k.b), nil)
	_, err = k.get(s, k.b)
	is("get deleted", err, ErrNotFound)
	is("create after delete", k.set(s, none, k.a), nil)
	holds(k.a)
}

func TestCompareAndSet(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		ctx := t.Context()
		kindTest[Branch]{"branch", branch("master", "1"), branch("master", "2"), branch("other", "1"),
			func(s *Store, r Branch) (Branch, error) { return s.Branch(ctx, r.Name) },
			func(s *Store, old, new Branch) error { return s.SetBranch(ctx, old, new) },
			func(s *Store, old Branch) error { return s.DeleteBranch(ctx, old) }, true}.run(t, fs)
		kindTest[Tag]{"tag", Tag{"v1", hash("o"), hash("b")}, Tag{Name: "v1"}, Tag{Name: "v2"},
			func(s *Store, r Tag) (Tag, error) { return s.Tag(ctx, r.Name) },
			func(s *Store, old, new Tag) error { return s.SetTag(ctx, old, new) },
			func(s *Store, old Tag) error { return s.DeleteTag(ctx, old) }, true}.run(t, fs)
		kindTest[RemoteBranch]{"remote", RemoteBranch{"origin", "m", hash("h"), hash("i"), hash("r")},
			RemoteBranch{Remote: "origin", Name: "m"}, RemoteBranch{Remote: "fork", Name: "m"},
			func(s *Store, r RemoteBranch) (RemoteBranch, error) { return s.RemoteBranch(ctx, r.Remote, r.Name) },
			func(s *Store, old, new RemoteBranch) error { return s.SetRemoteBranch(ctx, old, new) },
			func(s *Store, old RemoteBranch) error { return s.DeleteRemoteBranch(ctx, old) }, true}.run(t, fs)
		kindTest[Head]{"head", Head{Branch: "master"}, Head{Tag: "v1"}, Head{},
			func(s *Store, _ Head) (Head, error) { return s.Head(ctx) },
			func(s *Store, old, new Head) error { return s.SetHead(ctx, old, new) }, nil, false}.run(t, fs)
		if err := NewStore(fs).SetHead(ctx, Head{Tag: "v1"}, Head{Branch: "a", Tag: "b"}); !errors.Is(err, ErrBadName) {
			t.Errorf("HEAD that is both: %v", err)
		}
	})
}

func TestLists(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		ctx, s := t.Context(), NewStore(fs)
		if b, err := s.Branches(ctx); err != nil || len(b) != 0 {
			t.Fatalf("new store: %v, %v", b, err)
		}
		if r, err := s.Remotes(ctx); err != nil || len(r) != 0 {
			t.Fatalf("new store: %v, %v", r, err)
		}
		for _, name := range []Name{"zeta", "alpha", "日本", "Mid"} {
			if err := s.SetBranch(ctx, Branch{}, branch(name, "1")); err != nil {
				t.Fatal(err)
			}
			if err := s.SetTag(ctx, Tag{}, Tag{Name: name}); err != nil {
				t.Fatal(err)
			}
			if err := s.SetRemoteBranch(ctx, RemoteBranch{}, RemoteBranch{Remote: name, Name: "b"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.DeleteRemoteBranch(ctx, RemoteBranch{Remote: "Mid", Name: "b"}); err != nil {
			t.Fatal(err)
		}
		branches, err1 := s.Branches(ctx)
		tags, err2 := s.Tags(ctx)
		remotes, err3 := s.Remotes(ctx)
		one, err4 := s.RemoteBranches(ctx, "zeta")
		absent, err5 := s.RemoteBranches(ctx, "absent")
		if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range branches {
			got = append(got, string(b.Name))
		}
		got = append(got, "|")
		for _, x := range tags {
			got = append(got, string(x.Name))
		}
		line := fmt.Sprint(got, remotes, len(one), len(absent))
		if line != "[Mid alpha zeta 日本 | Mid alpha zeta 日本] [alpha zeta 日本] 1 0" {
			t.Errorf("lists are %s", line)
		}
		if _, err := s.RemoteBranches(ctx, "../x"); !errors.Is(err, ErrBadName) {
			t.Errorf("bad remote: %v", err)
		}
	})
}

func readFile(t *testing.T, fs billy.Filesystem, path string) string {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, fs billy.Filesystem, path, text string) {
	t.Helper()
	f, err := fs.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Every single-byte change and every cut of a file is noticed, named, never served and
// never overwritten.
func TestDamageIsNoticed(t *testing.T) {
	ctx, fs := t.Context(), memfs.New()
	s := NewStore(fs)
	b := branch("master", "1")
	if err := s.SetBranch(ctx, Branch{}, b); err != nil {
		t.Fatal(err)
	}
	if err := s.SetBranch(ctx, Branch{}, branch("sound", "1")); err != nil {
		t.Fatal(err)
	}
	good := readFile(t, fs, "branches/master")
	var texts []string
	for i := range good {
		texts = append(texts, good[:i], good[:i]+string(rune(good[i]^1))+good[i+1:], good[:i]+" "+good[i:])
	}
	texts = append(texts, good+"\n", strings.ReplaceAll(good, "\n", "\r\n"), strings.Repeat("x", 1<<20),
		readFile(t, fs, "branches/sound"))
	for _, text := range texts {
		writeFile(t, fs, "branches/master", text)
		got, err := s.Branch(ctx, "master")
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "branches/master") || got != (Branch{}) {
			t.Fatalf("%.300q: gives %+v, %v", text, got, err)
		}
		for _, old := range []Branch{{}, b} {
			if err := s.SetBranch(ctx, old, b); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%.300q: is overwritten, %v", text, err)
			}
		}
		list, err := s.Branches(ctx)
		if len(list) != 1 || list[0].Name != "sound" || !errors.Is(err, ErrDamaged) {
			t.Fatalf("%.300q: list is %+v, %v", text, list, err)
		}
	}
	writeFile(t, fs, "branches/bad name", good)
	if _, err := s.Branches(ctx); err == nil || !strings.Contains(err.Error(), "branches/bad name") {
		t.Errorf("stray file: %v", err)
	}
	if err := fs.MkdirAll("tags/folder", 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tag(ctx, "folder"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a folder for a tag: %v", err)
	}
}

func TestBadNamesTouchNothing(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		ctx, s := t.Context(), NewStore(fs)
		for _, name := range []Name{"", "..", "../x", "a/b", ".new-1", "x\x00"} {
			b := branch(name, "1")
			_, getErr := s.Branch(ctx, name)
			for _, err := range []error{getErr, s.SetBranch(ctx, Branch{}, b), s.DeleteBranch(ctx, b),
				s.SetBranch(ctx, Branch{}, Branch{Name: "ok", Parent: name + "/"}),
				s.SetRemoteBranch(ctx, RemoteBranch{}, RemoteBranch{Remote: name, Name: "x"}),
				s.SetHead(ctx, Head{}, Head{Tag: name})} {
				if !errors.Is(err, ErrBadName) {
					t.Errorf("%q: error is %v", name, err)
				}
			}
		}
		if infos, err := fs.ReadDir("."); err == nil && len(infos) > 0 {
			t.Errorf("%d files were made", len(infos))
		}
	})
}

// Of many writers that start from one value exactly one wins, each round, and readers
// only ever see whole values.
func TestWritersAndReadersTogether(t *testing.T) {
	onEveryFS(t, func(t *testing.T, fs billy.Filesystem) {
		ctx, s := t.Context(), NewStore(fs)
		start := branch("master", "0")
		if err := s.SetBranch(ctx, Branch{}, start); err != nil {
			t.Fatal(err)
		}
		const writers, rounds = 4, 20
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for done := 0; done < rounds; {
					old, err := s.Branch(ctx, "master")
					if err != nil {
						t.Error(err)
						return
					}
					next := old
					next.Nonce++
					switch err := s.SetBranch(ctx, old, next); {
					case err == nil:
						done++
					case !errors.Is(err, ErrConflict):
						t.Error(err)
						return
					}
				}
			})
			wg.Go(func() {
				for range rounds {
					if list, err := s.Branches(ctx); err != nil || len(list) != 1 {
						t.Errorf("reader: %v, %v", list, err)
						return
					}
				}
			})
		}
		wg.Wait()
		end, err := s.Branch(ctx, "master")
		if err != nil || end.Nonce != start.Nonce+writers*rounds {
			t.Errorf("nonce is %d, %v, want %d", end.Nonce, err, start.Nonce+writers*rounds)
		}
		if n, err := s.Clean(ctx); n != 0 || err != nil {
			t.Errorf("%d files are left over, %v", n, err)
		}
	})
}

func TestCancelled(t *testing.T) {
	ctx, cancel := contextCancelled(t)
	defer cancel()
	s := NewStore(memfs.New())
	_, err := s.Branches(ctx)
	for _, err := range []error{err, s.SetBranch(ctx, Branch{}, branch("a", "1"))} {
		if !errors.Is(err, ctx.Err()) {
			t.Errorf("error is %v", err)
		}
	}
}
