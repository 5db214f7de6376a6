package repo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"aergo/consensus/directory"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
)

// market is a branch with many authors, who see it as it was a while ago.
type market struct {
	t       *testing.T
	rng     *rand.Rand
	fs      *faultfs.FS
	opts    Options
	r       *Repo
	signed  []Submission
	answers map[object.Hash]Submitted
}

func (m *market) line() string {
	key := fmt.Sprintf("row%d", m.rng.IntN(12))
	switch m.rng.IntN(5) {
	case 0:
		return fmt.Sprintf(`{"op":"incr","table":"t","key":%q,"fields":{"total":%d},"create":true}`, key, 1+m.rng.IntN(9))
	case 1:
		return fmt.Sprintf(`{"tx":[{"op":"put","table":"t","key":%q,"fields":{"n":%d}},{"op":"put","table":"t","key":"%sb","fields":{"n":%d}}]}`,
			key, m.rng.IntN(100), key, m.rng.IntN(100))
	}
	return putLine(key, m.rng.IntN(100))
}

func (m *market) lines() []string {
	var out []string
	for range 1 + m.rng.IntN(4) {
		out = append(out, m.line())
	}
	return out
}

// step does something. Without others nobody but submitters changes the branch.
func (m *market) step(others bool) {
	ctx := m.t.Context()
	switch n := m.rng.IntN(20); {
	case n < 6:
		m.signed = append(m.signed, draft(m.t, m.r, "master", append(m.lines(), putLine(fmt.Sprint("new", len(m.signed)), 1))...))
	case n < 14 && len(m.signed) > 0:
		s := m.signed[max(0, len(m.signed)-1-m.rng.IntN(6))] // some of them again
		out, err := m.r.Submit(ctx, s)
		must(m.t, err)
		id := object.Sum(s.Batch)
		if before, again := m.answers[id]; again && (out.Receipt == nil || out.Receipt.ID != before.Receipt.ID) {
			m.t.Fatalf("submitted again, the answer is %+v, and was %+v", out, before)
		}
		m.answers[id] = out
	case n < 16:
		_, err := m.r.SealSubmissions(ctx, "master")
		must(m.t, err)
	case n < 17:
		must(m.t, m.r.Close())
		var err error
		m.r, err = Open(m.fs, m.opts)
		must(m.t, err)
	case others:
		_, err := m.r.ApplyLines(ctx, strings.NewReader(strings.Join(m.lines(), "\n")))
		if err == nil {
			_, err = m.r.Commit(ctx, CommitRequest{Message: "other"})
		}
		if !isRefusal(err) {
			must(m.t, ignore(err, ErrNothing))
		}
	}
}

// poolPlace is where a receipt puts a batch.
type poolPlace struct {
	branch, base object.Hash
	position     uint64
}

// settle makes a last block, and compares what every submitter is told with the blocks.
func (m *market) settle() (changed int) {
	ctx := m.t.Context()
	_, err := m.r.SealSubmissions(ctx, "master")
	must(m.t, err)
	l, err := m.r.ledger(ctx)
	must(m.t, err)
	entries := map[object.Hash][]object.Entry{}
	at, err := m.r.Resolve(ctx, "master")
	must(m.t, err)
	for {
		body, err := l.Body(ctx, at)
		must(m.t, err)
		for _, e := range body.Entries {
			entries[e.Batch] = append(entries[e.Batch], e)
		}
		if at.Parent.IsZero() {
			break
		}
		at, err = l.Block(ctx, at.Parent)
		must(m.t, err)
	}
	places := map[poolPlace]object.Hash{}
	for id, given := range m.answers {
		at := poolPlace{given.Receipt.Branch, given.Receipt.Base.Block, given.Receipt.Position}
		if other, twice := places[at]; twice {
			m.t.Errorf("batches %s and %s were promised one place", id.Short(), other.Short())
		}
		places[at] = id
		out, err := m.r.Submission(ctx, "master", id, true)
		must(m.t, err)
		if out.State != SubmissionSealed || len(entries[id]) != 1 || out.Receipt.ID != given.Receipt.ID {
			m.t.Fatalf("batch %s is %+v, in %d blocks", id.Short(), out, len(entries[id]))
		}
		e := entries[id][0]
		if !slices.Equal(out.Runs, e.Runs) || len(out.Excluded) != len(e.Excluded) {
			m.t.Errorf("batch %s: told %+v, the block says %+v", id.Short(), out.Runs, e.Runs)
		}
		if out.Changed == given.Receipt.Kept(e.Runs, e.Excluded) {
			m.t.Errorf("batch %s: changed is %v; promised %+v, came to %+v", id.Short(), out.Changed, given.Receipt.Runs, e.Runs)
		}
		if out.Changed {
			changed++
		}
	}
	if _, err := m.r.Verify(ctx, VerifyRequest{All: true}); err != nil {
		m.t.Error(err)
	}
	return changed
}

// TestReceiptsAreKept: where nobody else writes, every block does what the receipts say, and
// everywhere who asks learns what has become of every batch.
func TestReceiptsAreKept(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, others := range []bool{false, true} {
		answered, changed := 0, 0
		for round := range uint64(6) {
			m := &market{t: t, rng: rand.New(rand.NewPCG(seed, round)), fs: faultfs.New(), opts: testOptions(t), answers: map[object.Hash]Submitted{}}
			r, err := Init(t.Context(), m.fs, m.opts)
			must(t, err)
			m.r = r
			apply(t, r, putLine("row0", 1))
			commit(t, r, "first")
			for range 80 {
				m.step(others)
			}
			changed += m.settle()
			answered += len(m.answers)
			must(t, m.r.Close())
		}
		if answered < 50 || (changed > 0) != others {
			t.Errorf("others %v: of %d receipts %d were not kept", others, answered, changed)
		}
	}
}

// TestSubmittingLines hands lines to a branch of this repository, and to a remote's.
func TestSubmittingLines(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, false)
	origin := w.init("origin", "ada")
	apply(t, origin, putLine("a", 1))
	commit(t, origin, "first")
	clone := w.clone("origin", "clone", "bob")
	w.change(origin, w.added("bob"), granted("bob", "*", directory.Write))

	apply(t, clone, putLine("pending", 1))
	before, err := clone.Status(ctx)
	must(t, err)
	out, err := clone.SubmitLines(ctx, lines(putLine("a", 2), putLine("b", 1), putLine("b", 1)), SubmitRequest{Remote: "origin", Branch: "master", Message: "hello"})
	must(t, err)
	if out.State != SubmissionSealed || out.Changed || out.Transactions != 2 || out.Unchanged != 1 || out.Receipt == nil || out.Receipt.Producer.Name != "ada" {
		t.Errorf("submitted %+v", out)
	}
	after, err := clone.Status(ctx)
	must(t, err)
	if after.Head != before.Head || after.Pending != before.Pending {
		t.Errorf("here it was %+v, and is %+v", before, after)
	}
	if field(t, origin, "t", "a", "n") != "2" || field(t, origin, "t", "b", "n") != "1" {
		t.Error("it is not there")
	}
	// Without a fetch, the clone still sees the first block: its next change of row a is late.
	out, err = clone.SubmitLines(ctx, lines(putLine("a", 3)), SubmitRequest{Remote: "origin", Wait: true})
	if err != nil || len(out.Exclusions()) != 1 || out.Changed {
		t.Errorf("submitted %+v, %v", out, err)
	}
	seen, err := clone.Followed(ctx, "origin", "master", out.Batch, false)
	if err != nil || seen.Block != out.Block {
		t.Errorf("followed %+v, %v", seen, err)
	}
	if _, err := clone.Pull(ctx, PullRequest{}); err != nil {
		t.Fatal(err)
	}
	if out, err = clone.SubmitLines(ctx, lines(putLine("a", 3)), SubmitRequest{Remote: "origin"}); err != nil || len(out.Exclusions()) != 0 {
		t.Errorf("after a pull %+v, %v", out, err)
	}
	if out, err = origin.SubmitLines(ctx, lines(putLine("a", 4)), SubmitRequest{}); err != nil || out.State != SubmissionSealed {
		t.Errorf("here %+v, %v", out, err)
	}
	for what, c := range map[string]struct {
		req  SubmitRequest
		line string
		is   error
	}{
		"a remote that is not there":  {SubmitRequest{Remote: "nobody"}, putLine("x", 1), ErrNoRemote},
		"a branch that is not known":  {SubmitRequest{Remote: "origin", Branch: "other"}, putLine("x", 1), ref.ErrNotFound},
		"lines that change nothing":   {SubmitRequest{Remote: "origin"}, putLine("b", 1), ErrNothing},
		"lines that do not apply":     {SubmitRequest{Remote: "origin"}, `{"op":"insert","table":"t","key":"b","fields":{"n":1}}`, ErrRefused},
		"a message that is too large": {SubmitRequest{Remote: "origin", Message: strings.Repeat("x", object.MaxMessageBytes+1)}, putLine("x", 1), ErrTooLarge},
	} {
		if out, err := clone.SubmitLines(ctx, lines(c.line), c.req); !errors.Is(err, c.is) {
			t.Errorf("%s: %+v, %v", what, out, err)
		}
	}
}
