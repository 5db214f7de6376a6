package peer

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-billy/v5/util"
)

func TestKnownPeers(t *testing.T) {
	everywhere(t, func(t *testing.T, fs billy.Filesystem) {
		k := OpenKnown(fs, "known")
		a, b := newIdentity(t).ID(), newIdentity(t).ID()
		if id, err := k.Peer("h:1"); id != "" || err != nil {
			t.Errorf("nothing there: %q, %v", id, err)
		}
		must(t, k.Pin("h:1", a))
		must(t, k.Pin("h:1", a))
		must(t, k.Pin("h:2", a))
		must(t, k.Pin("[::1]:3", b))
		again := OpenKnown(fs, "known")
		var changed *ChangedKeyError
		if err := again.Pin("h:2", b); !errors.As(err, &changed) || changed.Line != 2 || changed.Known != a || changed.Found != b {
			t.Errorf("another key: %v", err)
		}
		if id, err := again.Peer("h:2"); id != a || err != nil {
			t.Errorf("%s, %v", id, err)
		}
		if all, err := again.Addresses(a); err != nil || len(all) != 2 || all[0] != "h:2" || all[1] != "h:1" {
			t.Errorf("%v, %v", all, err)
		}
		for _, bad := range []string{"", "h", "H:1", "h:1\nx:1", "h:1 ", "h :1"} {
			if err := k.Pin(bad, a); !errors.Is(err, ErrBadAddress) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if err := k.Pin("h:9", "nonsense"); !errors.Is(err, ErrBadID) {
			t.Errorf("nonsense: %v", err)
		}
		text, err := util.ReadFile(fs, "known")
		must(t, err)
		if want := fmt.Sprintf("h:1 %s\nh:2 %s\n[::1]:3 %s\n", a, a, b); string(text) != want {
			t.Errorf("file %q", text)
		}
	})
}

func TestKnownPeersByHand(t *testing.T) {
	a, b := newIdentity(t).ID(), newIdentity(t).ID()
	fs := memfs.New()
	must(t, util.WriteFile(fs, "known", fmt.Appendf(nil, "# ours\r\n\nh:1 %s\nh:1 %s\nh:2 %s", a, b, b), 0o600))
	k := OpenKnown(fs, "known")
	if id, err := k.Peer("h:1"); id != a || err != nil {
		t.Errorf("%s, %v: what stands first holds", id, err)
	}
	// The last line was not ended: it was being written when that was stopped.
	if id, err := k.Peer("h:2"); id != "" || err != nil {
		t.Errorf("%s, %v", id, err)
	}
	must(t, k.Pin("h:2", a))
	if id, err := k.Peer("h:2"); id != a || err != nil {
		t.Errorf("%s, %v", id, err)
	}
	for _, bad := range []string{"x\n", "h:1\n", "h:1  " + string(a) + "\n", "h:1 " + string(a) + " \n", "H:1 " + string(a) + "\n", "h:1 " + string(a[1:]) + "\n",
		strings.Repeat("#", maxKnownBytes+1)} {
		must(t, util.WriteFile(fs, "bad", []byte(bad), 0o600))
		k := OpenKnown(fs, "bad")
		if _, err := k.Peer("h:1"); !errors.Is(err, ErrBadKnown) {
			t.Errorf("%.40q: %v", bad, err)
		}
		if err := k.Pin("h:3", a); !errors.Is(err, ErrBadKnown) {
			t.Errorf("pin into %.40q: %v", bad, err)
		}
	}
}

// Of several that meet different peers at one place at once, one is right and all agree.
func TestOnePinWins(t *testing.T) {
	fs := osfs.New(t.TempDir(), osfs.WithBoundOS())
	const n = 8
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = newIdentity(t).ID()
	}
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = OpenKnown(fs, "known").Pin("h:1", ids[i]) })
	}
	all.Wait()
	winner, err := OpenKnown(fs, "known").Peer("h:1")
	must(t, err)
	for i, err := range errs {
		if won := ids[i] == winner; won != (err == nil) || !won && !errors.Is(err, ErrChangedKey) {
			t.Errorf("%s: %v, while %s won", ids[i], err, winner)
		}
	}
}

func FuzzKnown(f *testing.F) {
	f.Add("h:1 " + someID + "\n# x\n[::1]:2 " + someID + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, whole, err := parseKnown("known", text)
		if err != nil {
			return
		}
		if whole < 0 || whole > int64(len(text)) {
			t.Fatalf("%d whole bytes of %d", whole, len(text))
		}
		seen := map[string]bool{}
		for _, e := range all {
			if clean, err := cleanHostPort(e.hostPort); err != nil || clean != e.hostPort || seen[e.hostPort] {
				t.Fatalf("entry %+v", e)
			}
			seen[e.hostPort] = true
		}
	})
}
