package ref

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
)

func contextCancelled(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

// The format is a promise to other programs and to older versions.
func TestFormatIsFixed(t *testing.T) {
	zero := strings.Repeat("0", 63)
	one := branch("master", "1")
	one.ID, one.Root, one.Head, one.Logic = [32]byte{31: 1}, [32]byte{31: 2}, [32]byte{31: 3}, [32]byte{}
	one.Parent = ""
	want := "aergo-ref 1\nkind branch\nname master\nid " + zero + "1\nroot " + zero + "2\nhead " + zero +
		"3\nnonce 7\nparent -\nlogic -\ncrc 3d816d96\n"
	if got := string(encode(one)); got != want {
		t.Errorf("branch is\n%s\nwant\n%s", got, want)
	}
	want = "aergo-ref 1\nkind head\nbranch -\ntag v1\ncrc 7e1ce06b\n"
	if got := string(encode(Head{Tag: "v1"})); got != want {
		t.Errorf("head is\n%s\nwant\n%s", got, want)
	}
}

func fuzzDecode[R record](t *testing.T, text []byte, parse func(*reader) R) {
	t.Helper()
	rec, err := decode(text, parse)
	if err == nil && string(encode(rec)) != string(text) {
		t.Fatalf("%q comes back as %q", text, encode(rec))
	}
}

// The fuzzer cannot guess a checksum, so each input is tried with the right one as well.
func FuzzDecode(f *testing.F) {
	f.Add(string(encode(branch("master", "1"))))
	f.Add(string(encode(Branch{Name: "a"})))
	f.Add(string(encode(Tag{Name: "v1", Block: hash("b")})))
	f.Add(string(encode(RemoteBranch{Remote: "origin", Name: "a"})))
	f.Add(string(encode(Head{Branch: "a"})))
	f.Add("aergo-ref 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		body, _, _ := strings.Cut(text, "crc ")
		repaired := fmt.Sprintf("%scrc %08x\n", body, checksum([]byte(body)))
		for _, in := range []string{text, repaired} {
			fuzzDecode(t, []byte(in), parseBranch)
			fuzzDecode(t, []byte(in), parseTag)
			fuzzDecode(t, []byte(in), parseRemote)
			fuzzDecode(t, []byte(in), parseHead)
		}
	})
}

func BenchmarkBranch(b *testing.B) {
	s := NewStore(osfs.New(b.TempDir(), osfs.WithBoundOS()))
	if err := s.SetBranch(b.Context(), Branch{}, branch("master", "1")); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Branch(b.Context(), "master"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSetBranch(b *testing.B) {
	s := NewStore(osfs.New(b.TempDir(), osfs.WithBoundOS()))
	var old Branch
	new := branch("master", "1")
	for b.Loop() {
		new.Nonce++
		if err := s.SetBranch(b.Context(), old, new); err != nil {
			b.Fatal(err)
		}
		old = new
	}
}
