package branch

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"

	"aergo/repo/object"
	"aergo/repo/store/faultfs"
)

// promised gives each batch a receipt of applied transactions, signed by ada.
func promised(t testing.TB, all []*Accepted) []*Accepted {
	t.Helper()
	for i, a := range all {
		var err error
		a.Receipt, err = SignPoolReceipt(&object.PoolReceipt{
			Lineage: a.Batch.Lineage, Branch: object.Hash{1}, Position: uint64(i), Batch: a.Batch.ID, Runs: []object.Run{{Count: a.Batch.Count}},
		}, person("ada"))
		must(t, err)
	}
	return all
}

func inboxOf(t testing.TB, b *Inbox) *InboxContents {
	t.Helper()
	c, err := b.Load()
	must(t, err)
	return c
}

// sameInbox says whether two inboxes hold the same.
func sameInbox(a, b *InboxContents) bool {
	return slices.EqualFunc(a.Open, b.Open, func(x, y *Accepted) bool {
		return bytes.Equal(acceptedRecord(x), acceptedRecord(y))
	}) && slices.EqualFunc(a.Settled, b.Settled, func(x, y Settled) bool {
		return bytes.Equal(settledRecord(&x), settledRecord(&y))
	}) && a.OpenBytes == b.OpenBytes && a.settledBytes == b.settledBytes
}

// someSubmissions are a few small batches with receipts.
func someSubmissions(t testing.TB, n int) []*Accepted {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	b, head := seeded(t, rng)
	return promised(t, submissions(b, rng, head, n))
}

func TestInboxesKeepWhatIsAccepted(t *testing.T) {
	all := someSubmissions(t, 6)
	fs := memfs.New()
	b := NewInbox(fs, "inboxes/master")
	c := inboxOf(t, b)
	must(t, b.Accept(c, all[:2]))
	must(t, b.Accept(c, all[2:5]))
	must(t, b.Settle(c, []Settled{
		{Receipt: all[1].Receipt, Block: object.Hash{5}, Height: 3},
		{Receipt: all[3].Receipt, Block: object.Hash{5}, Height: 3, Runs: []object.Run{{Count: 1, Verdict: object.VerdictNoop}}},
		{Receipt: all[4].Receipt, Refusal: "too late"},
	}))
	must(t, b.Accept(c, all[5:]))
	if len(c.Open) != 3 || c.Open[0] != all[0] || c.Open[1] != all[2] || c.Open[2] != all[5] || len(c.Settled) != 3 {
		t.Fatalf("it holds %+v", c)
	}
	if s := c.Settled; s[0].Changed() || !s[1].Changed() || !s[2].Changed() {
		t.Error("what has changed is told wrong")
	}
	if !sameInbox(inboxOf(t, b), c) {
		t.Error("loaded, it holds something else")
	}
	must(t, b.turn(c))
	if !sameInbox(inboxOf(t, b), c) {
		t.Error("written anew, it holds something else")
	}
	if files, err := b.files.Files(); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v", files, err)
	}
}

// TestInboxesOfManyProcesses: who has loaded an inbox learns that another one has written.
func TestInboxesOfManyProcesses(t *testing.T) {
	all := someSubmissions(t, 3)
	fs := memfs.New()
	ours, theirs := NewInbox(fs, "inboxes/master"), NewInbox(fs, "inboxes/master")
	before := inboxOf(t, ours)
	current := func(c *InboxContents) bool {
		yes, err := ours.Current(c)
		must(t, err)
		return yes
	}
	if !current(before) {
		t.Error("without files, nothing is not current")
	}
	c := inboxOf(t, theirs)
	must(t, theirs.Accept(c, all[:1]))
	if current(before) || !current(c) {
		t.Error("the first file is not seen")
	}
	before = inboxOf(t, ours)
	must(t, theirs.Accept(c, all[1:2]))
	if current(before) || !current(c) {
		t.Error("another frame is not seen")
	}
	before = inboxOf(t, ours)
	must(t, theirs.turn(c))
	if current(before) || !current(c) {
		t.Error("another file is not seen")
	}
}

func TestInboxesForgetWhatIsSettled(t *testing.T) {
	all := someSubmissions(t, 1)
	c := &InboxContents{}
	for i := range keptSettled + 10 {
		s := Settled{Receipt: all[0].Receipt, Height: uint64(i), Block: object.Hash{1}}
		c.settle(s)
	}
	if len(c.Settled) != keptSettled || c.Settled[0].Height != 10 {
		t.Errorf("%d are kept, from %d on", len(c.Settled), c.Settled[0].Height)
	}
	sum := 0
	for i := range c.Settled {
		sum += len(settledRecord(&c.Settled[i]))
	}
	if sum != c.settledBytes {
		t.Errorf("%d bytes are kept, counted %d", sum, c.settledBytes)
	}
}

// TestDamagedInboxesAreReported cuts and spoils a file at every byte. What was cut off in the
// last frame was never told to anybody; anything else is damage.
func TestDamagedInboxesAreReported(t *testing.T) {
	all := someSubmissions(t, 3)
	fs := memfs.New()
	b := NewInbox(fs, "inboxes/master")
	c := inboxOf(t, b)
	must(t, b.Accept(c, all[:1]))
	must(t, b.Settle(c, []Settled{{Receipt: all[0].Receipt, Block: object.Hash{5}, Height: 3}}))
	last := c.place.LengthBytes
	must(t, b.Accept(c, all[1:]))
	name := b.files.name(1)
	data, err := util.ReadFile(fs, name)
	must(t, err)
	for n := last; n < int64(len(data)); n += 7 {
		must(t, util.WriteFile(fs, name, data[:n], 0o644))
		if torn := inboxOf(t, b); len(torn.Open) != 0 || len(torn.Settled) != 1 || torn.place.LengthBytes != last {
			t.Fatalf("cut at byte %d it holds %+v", n, torn)
		}
	}
	for n := range last {
		bad := bytes.Clone(data)
		bad[n] ^= 0x21
		must(t, util.WriteFile(fs, name, bad, 0o644))
		if _, err := b.Load(); !errors.Is(err, ErrDamaged) {
			t.Fatalf("spoilt at byte %d: %v", n, err)
		}
	}
}

// TestInboxesSurviveCrashes stops an inbox at every write. What was answered is there, and
// what is there was handed over.
func TestInboxesSurviveCrashes(t *testing.T) {
	all := someSubmissions(t, 5)
	rng := source(t)
	for n, done := 0, false; !done; n++ {
		fs := faultfs.New()
		fs.SetPlan(faultfs.CrashAt(n))
		told, handed := crashing(fs, all)
		done = fs.Ops() <= n
		for _, crashed := range []*faultfs.FS{fs.CrashClone(rng), fs.SyncedClone()} {
			b := NewInbox(crashed, "inboxes/master")
			c := inboxOf(t, b)
			if held := len(c.Open) + len(c.Settled); held < told || held > handed {
				t.Fatalf("crash at %d: %d of %d to %d batches are there", n, held, told, handed)
			}
			must(t, b.Accept(c, all[4:]))
			if again := inboxOf(t, b); !sameInbox(again, c) {
				t.Fatalf("crash at %d: then it holds something else", n)
			}
		}
	}
}

// crashing accepts and settles batches until something fails, and says how many were accepted
// as far as it was told, and as far as it may be.
func crashing(fs *faultfs.FS, all []*Accepted) (told, handed int) {
	b := NewInbox(fs, "inboxes/master")
	c, err := b.Load()
	if err != nil {
		return 0, 0
	}
	for _, group := range [][]*Accepted{all[:1], all[1:3], all[3:4]} {
		handed += len(group)
		if b.Accept(c, group) != nil {
			return told, handed
		}
		told = handed
		if b.Settle(c, []Settled{{Receipt: group[0].Receipt, Block: object.Hash{5}, Height: 3}}) != nil || b.turn(c) != nil {
			return told, handed
		}
	}
	return told, handed
}

func FuzzInbox(f *testing.F) {
	all := someSubmissions(f, 3)
	payload := object.AppendArray(nil, 4)
	for _, a := range all {
		payload = append(payload, acceptedRecord(a)...)
	}
	payload = append(payload, settledRecord(&Settled{Receipt: all[1].Receipt, Block: object.Hash{5}, Height: 3, Runs: []object.Run{{Count: 1}}})...)
	f.Add(payload)
	f.Add(append(object.AppendArray(nil, 1), settledRecord(&Settled{Receipt: all[0].Receipt, Refusal: "late"})...))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := parseInbox(1, appendFrame(nil, payload))
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("error is %v", err)
			}
			return
		}
		b := NewInbox(memfs.New(), "inboxes/master")
		if len(c.Open)+len(c.Settled) == 0 {
			return
		}
		must(t, b.turn(c))
		if !sameInbox(inboxOf(t, b), c) {
			t.Error("written anew it holds something else")
		}
	})
}
