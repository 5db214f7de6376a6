package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
)

var (
	// ErrNoSubmission says that nothing is known of a batch here.
	ErrNoSubmission = errors.New("submission not found")
	// ErrFull says that as much is accepted and not in a block as may be.
	ErrFull = errors.New("the pool is full")
	// ErrNotSubmittable says that a remote takes no submissions.
	ErrNotSubmittable = errors.New("takes no submissions")
)

// Limits of submissions. What is larger is pushed.
const (
	// MaxSubmissionBytes bounds a batch with its chunks.
	MaxSubmissionBytes = 4 << 20
	// maxPoolBytes bounds what is accepted for a branch and not in a block.
	maxPoolBytes = 32 << 20
)

// Submission is a signed batch on its way to the branch that is to take it.
type Submission struct {
	Branch ref.Name
	Batch  []byte   // the record
	Seal   []byte   // of its author
	Chunks [][]byte // all of them, in the batch's order
}

// SubmissionState is how far a submission has come.
type SubmissionState string

// The states.
const (
	SubmissionAccepted  SubmissionState = "accepted"   // it has a receipt, and no block yet
	SubmissionSealed    SubmissionState = "sealed"     // a block holds it
	SubmissionRefused   SubmissionState = "refused"    // it may not enter any more, for the reason given
	SubmissionTakenBack SubmissionState = "taken-back" // its block was undone
)

// Submitted is what became of a submission so far.
type Submitted struct {
	Branch  ref.Name
	Batch   object.Hash
	State   SubmissionState
	Receipt *branch.PoolReceipt // nil if it is not known any more, or none was given
	// What follows is known when it is sealed.
	Block    object.Hash
	Height   uint64
	Runs     []object.Run // the verdicts in the block, ascending
	Excluded []object.Exclusion
	// Changed says that the receipt promised something else.
	Changed bool
	Refusal string
}

// Verdicts returns the verdicts as they are known now: in the block, or those of the receipt.
func (s *Submitted) Verdicts() ([]object.Run, []object.Exclusion) {
	if s.State != SubmissionSealed && s.Receipt != nil {
		return s.Receipt.Runs, s.Receipt.Excluded
	}
	return s.Runs, s.Excluded
}

// Exclusions returns what is left out, in words.
func (s *Submitted) Exclusions() []Exclusion {
	_, list := s.Verdicts()
	out := make([]Exclusion, len(list))
	for i := range list {
		out[i] = explain(s.Batch, list[i])
	}
	return out
}

// Settled says whether nothing more will become of it.
func (s *Submitted) Settled() bool { return s.State != SubmissionAccepted }

// Submitter takes signed batches for its branches. A repository is one, and so is a Remote
// that can.
type Submitter interface {
	// Submit takes a batch, and answers with a receipt before a block holds it. What was
	// submitted before is answered as it was then, so that asking again does no harm.
	Submit(ctx context.Context, s Submission) (Submitted, error)
	// Submission says what became of a batch: at once, or, if wait is set, when it is settled.
	Submission(ctx context.Context, name ref.Name, batch object.Hash, wait bool) (Submitted, error)
}

var _ Submitter = (*Repo)(nil)

// Submit verifies a batch, runs it on the branch's head and on what was accepted before it,
// and answers with a signed receipt of the verdicts, which is durable. The batch is in the
// next block that SealSubmissions makes; until then readers do not see it. Submissions at the
// same time share a write. The error wraps ErrNotPermitted if the author may not write on the
// branch, ErrFull if the pool takes no more, ErrTooLarge, branch.ErrInvalid or
// object.ErrMalformed.
func (r *Repo) Submit(ctx context.Context, s Submission) (Submitted, error) {
	a, err := r.readSubmission(ctx, s)
	if err != nil {
		return Submitted{}, fmt.Errorf("submit: %w", err)
	}
	out, err := r.intake.hand(ctx, r, s.Branch, a)
	if err != nil {
		return Submitted{}, fmt.Errorf("submit: %w", err)
	}
	return out, nil
}

// readSubmission checks what a submission says by itself.
func (r *Repo) readSubmission(ctx context.Context, s Submission) (*branch.Accepted, error) {
	if err := s.Branch.Check(); err != nil {
		return nil, err
	}
	size := len(s.Batch)
	for _, c := range s.Chunks {
		size += len(c)
	}
	if size > MaxSubmissionBytes {
		return nil, fmt.Errorf("%d bytes: %w: at most %d", size, ErrTooLarge, MaxSubmissionBytes)
	}
	a, err := branch.ReadAccepted(s.Batch, s.Seal, s.Chunks)
	if err != nil {
		return nil, err
	}
	if a.Batch.Count == 0 {
		return nil, fmt.Errorf("batch %s: %w: %w: it is empty", a.Batch.ID.Short(), branch.ErrInvalid, ErrNothing)
	}
	l, err := r.ledger(ctx)
	if err != nil {
		return nil, err
	}
	if home := l.Directory.Lineage; a.Batch.Lineage != home {
		return nil, fmt.Errorf("batch %s: %w: %w: lineage %s, this repository is of %s",
			a.Batch.ID.Short(), branch.FaultBatchLineage, branch.ErrForeign, a.Batch.Lineage.Short(), home.Short())
	}
	if err := l.Keys.Verify(key.Public(a.Batch.Author.Key), key.DomainBatch, a.Batch.Lineage, a.Batch.ID, a.Seal); err != nil {
		return nil, fmt.Errorf("batch %s: %w: %w", a.Batch.ID.Short(), branch.FaultBatchSeal, err)
	}
	return a, nil
}
