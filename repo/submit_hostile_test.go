package repo

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store/faultfs"
)

// TestHostileSubmissionsAreRefused hands over what no branch may take. Nothing of it is kept,
// and what is sound is taken all the same.
func TestHostileSubmissionsAreRefused(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New(), "bob")
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	_, err := r.CreateBranch(ctx, "other", "")
	must(t, err)
	_, err = r.CheckoutNew(ctx, "side", "")
	must(t, err)
	apply(t, r, putLine("a", 2))
	aside := commit(t, r, "aside")
	_, err = r.Checkout(ctx, "master")
	must(t, err)
	other, err := r.refs.Branch(ctx, "other")
	must(t, err)
	strange := initAt(t, faultfs.New())
	strange.opts.Keys = r.opts.Keys

	good := draft(t, r, "master", putLine("b", 1), putLine("c", 1))
	changed := func(change func(s *Submission)) Submission {
		s := good
		s.Batch, s.Seal, s.Chunks = bytes.Clone(s.Batch), bytes.Clone(s.Seal), [][]byte{bytes.Clone(s.Chunks[0])}
		change(&s)
		return s
	}
	signed := func(change func(b *object.Batch)) Submission { return resign(t, r, good, change) }
	first, err := object.DecodeBatch(good.Batch)
	must(t, err)
	for _, c := range []struct {
		what string
		s    Submission
		is   error
	}{
		{"no batch", changed(func(s *Submission) { s.Batch = nil }), object.ErrMalformed},
		{"a batch that is cut", changed(func(s *Submission) { s.Batch = s.Batch[:len(s.Batch)-1] }), object.ErrMalformed},
		{"something else for a batch", changed(func(s *Submission) { s.Batch = s.Chunks[0] }), object.ErrMalformed},
		{"another batch under the seal", changed(func(s *Submission) { s.Batch = signed(func(b *object.Batch) { b.Message = "x" }).Batch }), key.ErrBadSignature},
		{"a seal of somebody else's", changed(func(s *Submission) { s.Seal = resignAs(t, r, "bob", good, func(*object.Batch) {}).Seal }), key.ErrBadSignature},
		{"a seal with another bit", changed(func(s *Submission) { s.Seal[9] ^= 4 }), key.ErrBadSignature},
		{"no seal", changed(func(s *Submission) { s.Seal = nil }), key.ErrBadSignature},
		{"a seal that is too long", changed(func(s *Submission) { s.Seal = append(s.Seal, 0) }), key.ErrBadSignature},
		{"no chunks", changed(func(s *Submission) { s.Chunks = nil }), branch.ErrInvalid},
		{"a chunk too many", changed(func(s *Submission) { s.Chunks = append(s.Chunks, s.Chunks[0]) }), branch.ErrInvalid},
		{"another chunk", changed(func(s *Submission) { s.Chunks[0][20] ^= 1 }), branch.ErrInvalid},
		{"a chunk that is none", signedWith(t, r, good, func(b *object.Batch) []byte { b.Chunks[0].Hash = object.Sum([]byte("x")); return []byte("x") }), object.ErrMalformed},
		{"a count that the chunk has not", signed(func(b *object.Batch) { b.Count, b.Chunks[0].Count = 3, 3 }), branch.ErrInvalid},
		{"no transactions", changed(func(s *Submission) {
			*s = signed(func(b *object.Batch) { b.Count, b.Chunks = 0, nil })
			s.Chunks = nil
		}), ErrNothing},
		{"too large", changed(func(s *Submission) { s.Chunks[0] = make([]byte, MaxSubmissionBytes) }), ErrTooLarge},
		{"another lineage", signed(func(b *object.Batch) { b.Lineage[0] ^= 1 }), branch.ErrForeign},
		{"made for another repository", onBranch(draftFor(t, strange), "master"), branch.ErrForeign},
		{"the scope of another branch", signed(func(b *object.Batch) { b.Scope = other.ID }), branch.ErrInvalid},
		{"an expiry that is over", signed(func(b *object.Batch) { b.Expiry = 1 }), branch.ErrInvalid},
		{"a mark that nobody has", signed(func(b *object.Batch) { b.Mark.Block[0] ^= 1 }), branch.ErrInvalid},
		{"a mark of another height", signed(func(b *object.Batch) { b.Mark.Height = 0 }), branch.ErrInvalid},
		{"a mark beside the branch", signed(func(b *object.Batch) { b.Mark = object.Mark{Block: aside.Block, Height: aside.Height} }), branch.ErrInvalid},
		{"a mark on the Directory", signed(func(b *object.Batch) { b.Mark = object.Mark{Block: first.Lineage} }), branch.ErrInvalid},
		{"a critical extension", signed(func(b *object.Batch) { b.Extensions = []object.Extension{{ID: 7, Critical: true}} }), branch.ErrInvalid},
		{"an author who may not write", resignAs(t, r, "bob", good, func(*object.Batch) {}), ErrNotPermitted},
		{"a branch that is not there", onBranch(good, "nowhere"), ref.ErrNotFound},
		{"an unsafe name of a branch", onBranch(good, "../packs"), ref.ErrBadName},
		{"no name of a branch", onBranch(good, ""), ref.ErrBadName},
	} {
		if out, err := r.Submit(ctx, c.s); !errors.Is(err, c.is) {
			t.Errorf("%s: %+v, %v", c.what, out, err)
		}
		if out, err := r.Submission(ctx, "master", object.Sum(c.s.Batch), false); !errors.Is(err, ErrNoSubmission) {
			t.Errorf("%s: afterwards %+v, %v", c.what, out, err)
		}
	}
	submit(t, r, good)
	// The same to another branch of the lineage is another matter: it may go there, too.
	submit(t, r, onBranch(good, "other"))
	sealed, err := r.SealSubmissions(ctx, "master")
	if err != nil || sealed.Batches != 1 || sealed.Changed+sealed.Refused > 0 {
		t.Errorf("sealed %+v, %v", sealed, err)
	}
	if again, err := r.Submit(ctx, good); err != nil || again.State != SubmissionSealed || again.Block != sealed.Block {
		t.Errorf("replayed it is %+v, %v", again, err)
	}
}

func onBranch(s Submission, name ref.Name) Submission {
	s.Branch = name
	return s
}

// draftFor is a submission to the master of another repository.
func draftFor(t testing.TB, r *Repo) Submission {
	t.Helper()
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	return draft(t, r, "master", putLine("b", 1))
}

// signedWith gives a submission another chunk, and signs what change makes of its batch.
func signedWith(t testing.TB, r *Repo, s Submission, change func(b *object.Batch) []byte) Submission {
	t.Helper()
	var data []byte
	s = resign(t, r, s, func(b *object.Batch) {
		b.Chunks = slices.Clone(b.Chunks)
		data = change(b)
	})
	s.Chunks = [][]byte{data}
	return s
}

// TestMalformedTransactionsAreExcluded: a payload that nobody can read is excluded in the
// receipt as in the block.
func TestMalformedTransactionsAreExcluded(t *testing.T) {
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	chunk := (&object.Chunk{Transactions: []object.Transaction{{Payload: []byte{0xff}}, {Kind: object.TransactionCall}}}).Encode()
	s := signedWith(t, r, draft(t, r, "master", putLine("b", 1)), func(b *object.Batch) []byte {
		b.Count, b.Chunks = 2, []object.ChunkRef{{Hash: object.Sum(chunk), Count: 2}}
		return chunk
	})
	out := submit(t, r, s)
	if x := out.Exclusions(); len(x) != 2 || x[0].Reason != object.ReasonMalformed || x[1].Reason != object.ReasonMalformed {
		t.Errorf("excluded are %+v", x)
	}
	if sealed, err := r.SealSubmissions(t.Context(), "master"); err != nil || sealed.Batches != 1 || sealed.Changed > 0 {
		t.Errorf("sealed %+v, %v", sealed, err)
	}
}

// TestThePoolHasALimit fills the pool, and empties it by a block.
func TestThePoolHasALimit(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	const lines, lineBytes = 60, 60 << 10
	large := func(n int) Submission {
		var all []string
		for i := range lines {
			all = append(all, fmt.Sprintf(`{"op":"put","table":"t","key":"%d.%d","fields":{"text":%q}}`, n, i, strings.Repeat("x", lineBytes)))
		}
		return draft(t, r, "master", all...)
	}
	taken := 0
	for {
		_, err := r.Submit(ctx, large(taken))
		if errors.Is(err, ErrFull) {
			break
		}
		must(t, err)
		if taken++; taken > maxPoolBytes/(lines*lineBytes) {
			t.Fatal("it takes more than it may")
		}
	}
	sealed, err := r.SealSubmissions(ctx, "master")
	if err != nil || sealed.Batches != uint64(taken) {
		t.Fatalf("sealed %+v of %d, %v", sealed, taken, err)
	}
	submit(t, r, large(taken))
}

// TestWhoMaySubmit: the Directory says who. An order of the owner's brings what comes from
// somebody whose rights are to some branches; who loses them before the block is refused.
func TestWhoMaySubmit(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, false)
	r := w.init("origin", "ada")
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	w.change(r, w.added("bob"), granted("bob", "master", directory.Write))
	_, err := r.CreateBranch(ctx, "other", "")
	must(t, err)
	byBob := func(name ref.Name, lines ...string) Submission {
		return resignAs(t, r, "bob", draft(t, r, name, lines...), func(*object.Batch) {})
	}
	bob, ada := submit(t, r, byBob("master", putLine("b", 1))), submit(t, r, draft(t, r, "master", putLine("c", 1)))
	if _, err := r.Submit(ctx, byBob("other", putLine("b", 1))); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("to another branch: %v", err)
	}
	for _, s := range []Submitted{bob, ada} {
		if after, err := r.Submission(ctx, "master", s.Batch, true); err != nil || after.State != SubmissionSealed || after.Changed {
			t.Errorf("it is %+v, %v", after, err)
		}
	}
	shown, err := r.Show(ctx, "master")
	if err != nil || len(shown.Orders) != 1 || shown.Orders[0].Kind != object.OrderPick || len(shown.Batches) != 2 {
		t.Errorf("the block is %+v, %v", shown, err)
	}
	late := submit(t, r, byBob("master", putLine("d", 1)))
	w.change(r, directory.Change{Revoke: "bob"})
	after, err := r.Submission(ctx, "master", late.Batch, true)
	if err != nil || after.State != SubmissionRefused || !strings.Contains(after.Refusal, "may not write") {
		t.Errorf("after he was revoked it is %+v, %v", after, err)
	}
	if _, err := r.Submit(ctx, byBob("master", putLine("e", 1))); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("after he was revoked: %v", err)
	}
	if _, err := r.Verify(ctx, VerifyRequest{All: true}); err != nil {
		t.Error(err)
	}
}

// trespasser is a runtime with a bug: transactions of a certain cost limit reach for a row
// that they do not declare.
type trespasser struct{ branch.Runtime }

const trespassing = 4711

func (r trespasser) Run(tx *object.Transaction, dict any, view contract.View, m *contract.Merging, out *contract.Outcome) error {
	if tx.CostLimit == trespassing {
		k, err := rowkey.Row("t", rowkey.Text("elsewhere"))
		if err == nil {
			_, err = view.Exists(k)
		}
		if err != nil {
			return err
		}
	}
	return r.Runtime.Run(tx, dict, view, m, out)
}

// TestABatchThatNoBlockCanHoldHoldsUpNobody seals beside batches on which the runtime fails.
func TestABatchThatNoBlockCanHoldHoldsUpNobody(t *testing.T) {
	ctx := t.Context()
	r := initAt(t, faultfs.New())
	apply(t, r, putLine("a", 1))
	commit(t, r, "first")
	bad := draft(t, r, "master", putLine("b", 1))
	chunk, err := object.DecodeChunk(bad.Chunks[0])
	must(t, err)
	chunk.Transactions[0].CostLimit = trespassing
	bad = signedWith(t, r, bad, func(b *object.Batch) []byte {
		b.Chunks[0].Hash = object.Sum(chunk.Encode())
		return chunk.Encode()
	})
	l, err := r.ledger(ctx)
	must(t, err)
	l.Runtime = trespasser{l.Runtime}
	before, poison, after := submit(t, r, draft(t, r, "master", putLine("c", 1))), submit(t, r, bad), submit(t, r, draft(t, r, "master", putLine("d", 1)))
	sealed, err := r.SealSubmissions(ctx, "master")
	if err != nil || sealed.Batches != 2 || sealed.Refused != 1 || sealed.Changed != 0 {
		t.Fatalf("sealed %+v, %v", sealed, err)
	}
	for _, s := range []Submitted{before, after} {
		if out, err := r.Submission(ctx, "master", s.Batch, false); err != nil || out.State != SubmissionSealed {
			t.Errorf("a good one is %+v, %v", out, err)
		}
	}
	if out, err := r.Submission(ctx, "master", poison.Batch, true); err != nil || out.State != SubmissionRefused || !strings.Contains(out.Refusal, "outside the declared list") {
		t.Errorf("the bad one is %+v, %v", out, err)
	}
}
