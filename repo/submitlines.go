package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// SubmitRequest says where operations go, and who signs them.
type SubmitRequest struct {
	Remote  string   // a remote's name, or a path or address that is one's; empty for this repository
	Branch  ref.Name // there; empty for the name of the branch that is checked out
	Message string
	As      string    // identity that signs; empty for the usual one
	Date    time.Time // that the author states; zero for now
	Wait    bool      // until a block holds it
}

// SubmittedLines is what became of lines that were submitted.
type SubmittedLines struct {
	Submitted
	Transactions uint64
	Unchanged    uint64 // left out, since they would change nothing
}

// SubmitLines signs operations as JSON lines, as of ApplyLines, as one batch, and hands it to a
// branch: of a remote, or of this repository. It sees the branch as it was last seen: the
// remote's as of the last fetch. Nothing here changes but what the branch that it is handed
// to does. The answer is the receipt, verified. If nobody seals what the branch accepts, it is
// sealed at once.
func (r *Repo) SubmitLines(ctx context.Context, in io.Reader, req SubmitRequest) (SubmittedLines, error) {
	var out SubmittedLines
	if len(req.Message) > object.MaxMessageBytes {
		return out, fmt.Errorf("message of %d bytes: %w: at most %d", len(req.Message), ErrTooLarge, object.MaxMessageBytes)
	}
	if req.Branch == "" {
		b, err := r.current(ctx)
		if err != nil {
			return out, err
		}
		req.Branch = b.Name
	}
	l, err := r.ledger(ctx)
	if err != nil {
		return out, err
	}
	to, head, done, err := r.submitter(ctx, l, req.Remote, req.Branch)
	if err != nil {
		return out, err
	}
	defer done()
	s, err := r.signLines(ctx, l, head, in, req, &out)
	if err != nil {
		return out, err
	}
	if out.Submitted, err = to.Submit(ctx, s); err != nil {
		return out, err
	}
	if err := checkAnswer(l, s, out.Submitted); err != nil {
		return out, err
	}
	if req.Wait && !out.Settled() {
		err = out.wait(ctx, to)
	}
	return out, err
}

// Followed is Submission of a branch of a remote, or of this repository if remote is empty.
func (r *Repo) Followed(ctx context.Context, remote string, name ref.Name, batch object.Hash, wait bool) (Submitted, error) {
	if name == "" {
		b, err := r.current(ctx)
		if err != nil {
			return Submitted{}, err
		}
		name = b.Name
	}
	to, done, err := r.dialSubmitter(ctx, remote)
	if err != nil {
		return Submitted{}, err
	}
	defer done()
	return to.Submission(ctx, name, batch, wait)
}

// wait waits for the block, and keeps the receipt that was given.
func (s *SubmittedLines) wait(ctx context.Context, to Submitter) error {
	after, err := to.Submission(ctx, s.Branch, s.Batch, true)
	if err != nil {
		return err
	}
	if given := s.Receipt; given != nil {
		after.Receipt = given
		after.Changed = after.State != SubmissionSealed || !given.Kept(after.Runs, after.Excluded)
	}
	s.Submitted = after
	return nil
}

// submitter returns where a batch goes, and the head on which it is written.
func (r *Repo) submitter(ctx context.Context, l *branch.Ledger, remote string, name ref.Name) (to Submitter, head branch.Block, done func(), err error) {
	if remote == "" {
		b, err := r.refs.Branch(ctx, name)
		if err != nil {
			return nil, head, nil, err
		}
		head, err = l.Block(ctx, b.Head)
		return local{r}, head, func() {}, err
	}
	tracked, err := r.remoteNamed(remote)
	if err != nil {
		return nil, head, nil, err
	}
	seen, err := r.remoteBranch(ctx, string(tracked), string(name))
	if err != nil {
		return nil, head, nil, fmt.Errorf("%w: fetch the branch once, so that it is known what is there", err)
	}
	if head, err = l.Block(ctx, seen.Head); err != nil {
		return nil, head, nil, err
	}
	to, done, err = r.dialSubmitter(ctx, remote)
	return to, head, done, err
}

// dialSubmitter opens a remote that takes submissions; this repository if its name is empty.
func (r *Repo) dialSubmitter(ctx context.Context, remote string) (Submitter, func(), error) {
	if remote == "" {
		return local{r}, func() {}, nil
	}
	other, _, err := r.dial(ctx, remote)
	if err != nil {
		return nil, nil, err
	}
	to, ok := other.(Submitter)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("remote %q: %w", remote, ErrNotSubmittable), other.Close())
	}
	return to, func() { _ = other.Close() }, nil
}

// remoteNamed returns the name of a remote that is given by its name or its address.
func (r *Repo) remoteNamed(remote string) (ref.Name, error) {
	c, err := readConfig(r.fs)
	if err != nil {
		return "", err
	}
	if _, named := c.Remotes[ref.Name(remote)]; named {
		return ref.Name(remote), nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.Remotes)) {
		if c.Remotes[name] == remote {
			return name, nil
		}
	}
	return "", fmt.Errorf("%q: %w: a submission is written on what was fetched from a remote", remote, ErrNoRemote)
}

// signLines writes operations on a head and signs them.
func (r *Repo) signLines(ctx context.Context, l *branch.Ledger, head branch.Block, in io.Reader, req SubmitRequest, out *SubmittedLines) (Submission, error) {
	as := req.As
	if as == "" {
		as = r.opts.Identity
	}
	signer, err := r.signer(ctx, as)
	if err != nil {
		return Submission{}, err
	}
	scratch, err := branch.NewScratch(ctx, l.Objects)
	if err != nil {
		return Submission{}, err
	}
	desk := branch.NewDesk(ctx, l.Runtime, l.State(head))
	p := branch.NewPending(head)
	seen := schemas{ctx: ctx, view: desk, known: map[string]*table.Schema{}}
	w := lineWriter{ledger: l, desk: desk, pending: p, scratch: scratch, author: table.NewAuthor(p.Open)}
	err = format.ReadOps(in, seen.keyTypes, func(line int, specs []table.Spec) error {
		if err := w.write(specs); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		return nil
	})
	if err != nil {
		return Submission{}, err
	}
	if err := p.CloseChunk(scratch, true); err != nil {
		return Submission{}, err
	}
	if out.Transactions, out.Unchanged = p.Count(), w.unchanged; p.Count() == 0 {
		return Submission{}, fmt.Errorf("submit: %w: no line would change anything", ErrNothing)
	}
	at := r.now()
	if !req.Date.IsZero() {
		at = uint64(max(req.Date.UnixMilli(), 0))
	}
	_, record, seal, err := branch.SignBatch(&object.Batch{
		Lineage: l.Directory.Lineage, Message: req.Message, TimeMillis: at, Mark: object.Mark{Block: head.ID, Height: head.Height},
		Count: p.Count(), Chunks: p.Closed,
	}, signer)
	if err != nil {
		return Submission{}, err
	}
	s := Submission{Branch: req.Branch, Batch: record, Seal: seal[:]}
	for _, chunk := range p.Closed {
		data, err := scratch.Get(ctx, chunk.Hash)
		if err != nil {
			return Submission{}, err
		}
		s.Chunks = append(s.Chunks, data)
	}
	return s, nil
}

// lineWriter turns operations into transactions of a batch, each on top of the ones before it.
type lineWriter struct {
	ledger    *branch.Ledger
	desk      *branch.Desk
	pending   *branch.Pending
	scratch   *branch.Scratch
	author    *table.Author
	sizeBytes int
	unchanged uint64
}

func (w *lineWriter) write(specs []table.Spec) error {
	p := w.pending
	payload, err := w.author.AppendPayload(nil, w.desk, specs)
	if err != nil {
		return refused(err)
	}
	tx := object.Transaction{Payload: payload}
	changed, excluded, err := w.desk.Try(&tx, w.ledger.Runtime.Prepare(p.Open.Names()))
	switch {
	case err != nil:
		return err
	case excluded != nil:
		return fmt.Errorf("%w: %s", ErrRefused, excluded.Reason)
	case !changed:
		w.unchanged++
		return nil
	}
	if w.sizeBytes += len(payload); w.sizeBytes > MaxSubmissionBytes {
		return fmt.Errorf("%w: a submission is at most %d bytes; push a commit instead", ErrTooLarge, MaxSubmissionBytes)
	}
	p.Open.Add(&tx)
	closed := len(p.Closed)
	if err := p.CloseChunk(w.scratch, false); err != nil {
		return err
	}
	if len(p.Closed) > closed {
		w.author = table.NewAuthor(p.Open)
	}
	return nil
}

// checkAnswer checks that a receipt is of what was submitted, and that its seal holds.
func checkAnswer(l *branch.Ledger, s Submission, out Submitted) error {
	if out.Batch != object.Sum(s.Batch) || out.Branch != s.Branch {
		return fmt.Errorf("submit: %w: the answer is to another submission", branch.FaultReceipt)
	}
	if out.Receipt == nil {
		return nil // decided before, and the receipt is forgotten
	}
	if out.Receipt.Batch != out.Batch || out.Receipt.Lineage != l.Directory.Lineage {
		return fmt.Errorf("submit: %w: the receipt is of another batch", branch.FaultReceipt)
	}
	if err := out.Receipt.Verify(); err != nil {
		return fmt.Errorf("submit: %w: %w", branch.FaultReceiptSeal, err)
	}
	return nil
}

// Submit implements Submitter. If nobody seals what the repository accepts, it is sealed.
func (l local) Submit(ctx context.Context, s Submission) (Submitted, error) {
	out, err := l.repo.Submit(ctx, s)
	if err != nil || out.Settled() || l.repo.intake.isSealed() {
		return out, err
	}
	after, err := l.repo.Submission(ctx, s.Branch, out.Batch, true)
	if err != nil {
		// It is accepted, and whoever comes next seals it.
		return out, err
	}
	return after, nil
}

// Submission implements Submitter.
func (l local) Submission(ctx context.Context, name ref.Name, batch object.Hash, wait bool) (Submitted, error) {
	return l.repo.Submission(ctx, name, batch, wait)
}

var _ Submitter = local{}
