package repo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"

	"aergo/branch"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// InboxesFolder, in a repository's folder, holds what was accepted and is in no block yet. It is
// there once something was.
const InboxesFolder = "inboxes"

// intake accepts submissions. It has a lock of its own beside the repository's, so that who
// submits waits neither for a long import nor for a block; who needs both takes the
// repository's first. Whatever it keeps in memory is checked against the files under the
// lock, since other processes accept and seal, too.
type intake struct {
	lock lock.Lock
	home *Repo // who has opened the repository, and accepts: whoever submits may lack its key

	mu       sync.Mutex
	queues   map[ref.Name]*queue
	settled  chan struct{} // closed, and made anew, when something settles
	accepted chan struct{} // holds a token when something was accepted
	fresh    int           // batches that were accepted since a loop has looked
	sealing  int           // loops that seal what is accepted
	closed   bool
	working  sync.WaitGroup
}

func newIntake(l lock.Lock) *intake {
	return &intake{lock: l, queues: map[ref.Name]*queue{}, settled: make(chan struct{}), accepted: make(chan struct{}, 1)}
}

// queue is what waits to be accepted for one branch.
type queue struct {
	waiting []*handed // under the intake's mu
	busy    bool      // under the intake's mu: somebody accepts what waits

	// What follows is under the intake's lock.
	inbox     *branch.Inbox
	contents  *branch.InboxContents // nil if not loaded
	rehearsal *branch.Rehearsal     // of what is open; nil if not begun
	ledger    *branch.Ledger        // that it runs on
	next      object.Hash           // a block that has been made for the branch, which may be its head now
	held      map[object.Hash]bool  // batches that it holds
	ran       uint64                // batches that the rehearsal has run
	last      object.Hash           // receipt of the last one
}

// handed is a submission that waits for its answer.
type handed struct {
	*branch.Accepted
	by   *Repo
	out  Submitted
	err  error
	bug  any // that stopped it: who has submitted panics
	done chan struct{}
}

// hand gives a batch to whoever accepts what waits, and waits for the answer. If ctx ends
// before, the batch may be accepted all the same.
func (in *intake) hand(ctx context.Context, by *Repo, name ref.Name, a *branch.Accepted) (Submitted, error) {
	h := &handed{Accepted: a, by: by, done: make(chan struct{})}
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return Submitted{}, ErrClosed
	}
	q := in.queue(name)
	q.waiting = append(q.waiting, h)
	if !q.busy {
		q.busy = true
		in.working.Go(func() { in.work(context.WithoutCancel(ctx), name, q) })
	}
	in.mu.Unlock()
	select {
	case <-h.done:
		if h.bug != nil {
			panic(h.bug)
		}
		return h.out, h.err
	case <-ctx.Done():
		return Submitted{}, ctx.Err()
	}
}

// ErrClosed says that a repository was used after Close.
var ErrClosed = errors.New("repository is closed")

// queue returns the queue of a branch. The caller holds mu.
func (in *intake) queue(name ref.Name) *queue {
	q := in.queues[name]
	if q == nil {
		q = &queue{inbox: branch.NewInbox(in.home.fs, path.Join(InboxesFolder, string(name)))}
		in.queues[name] = q
	}
	return q
}

// of is queue for who does not hold mu.
func (in *intake) of(name ref.Name) *queue {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.queue(name)
}

// maxTogether bounds how many submissions share one write.
const maxTogether = 512

// work accepts what waits, all that waits together, until nothing does.
func (in *intake) work(ctx context.Context, name ref.Name, q *queue) {
	for {
		in.mu.Lock()
		together := q.waiting[:min(len(q.waiting), maxTogether)]
		q.waiting = q.waiting[len(together):]
		q.busy = len(together) > 0
		in.mu.Unlock()
		if len(together) == 0 {
			return
		}
		in.accept(ctx, name, q, together)
	}
}

// accept accepts what came together, and answers.
func (in *intake) accept(ctx context.Context, name ref.Name, q *queue, together []*handed) {
	var err error
	defer func() {
		bug := recover()
		for _, h := range together {
			if h.bug = bug; h.err == nil {
				h.err = err
			}
			close(h.done)
		}
	}()
	err = in.with(ctx, q, func() error {
		defer func() {
			if bug := recover(); bug != nil {
				q.contents = nil // nobody knows what has been done
				panic(bug)
			}
		}()
		return in.home.acceptAll(ctx, name, q, together)
	})
}

// with runs fn under the lock, with the contents of a queue's inbox as they are in its files.
func (in *intake) with(ctx context.Context, q *queue, fn func() error) error {
	unlock, err := in.lock.Acquire(ctx, nil)
	if err != nil {
		return err
	}
	defer unlock()
	current := false
	if q.contents != nil {
		if current, err = q.inbox.Current(q.contents); err != nil {
			return err
		}
	}
	if !current {
		q.rehearsal = nil
		if q.contents, err = q.inbox.Load(); err != nil {
			q.contents = nil
			return err
		}
	}
	return fn()
}

// open returns what was accepted and waits for a block.
func (in *intake) open(ctx context.Context, q *queue) ([]*branch.Accepted, error) {
	var open []*branch.Accepted
	err := in.with(ctx, q, func() error {
		open = slices.Clone(q.contents.Open)
		return nil
	})
	return open, err
}

// close waits for what is being accepted, and refuses what comes later.
func (in *intake) close() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	in.working.Wait()
}

// acceptAll accepts submissions that came together, and gives each its answer or its error.
// If it fails, nothing was accepted of those that have no error.
func (r *Repo) acceptAll(ctx context.Context, name ref.Name, q *queue, together []*handed) error {
	b, err := r.refs.Branch(ctx, name)
	if err != nil {
		return err
	}
	if err := r.refreshConfig(); err != nil {
		return err
	}
	l, err := r.ledger(ctx)
	if err != nil {
		return err
	}
	head, err := l.Block(ctx, b.Head)
	if err != nil {
		return err
	}
	producer, err := r.signerOfReceipts(ctx, l, together)
	if err != nil {
		return err
	}
	if q.rehearsal == nil || q.ledger != l || q.rehearsal.Head().ID != b.Head || q.rehearsal.Branch() != b.ID {
		if err := q.rehearse(ctx, l, b, head, nil); err != nil {
			return err
		}
	}
	var fresh []*branch.Accepted
	var freshBytes int
	for _, h := range together {
		if h.out, h.err = r.answered(ctx, l, b, head, q, fresh, h.Batch); h.err != nil || h.out.State != "" {
			continue
		}
		if q.contents.OpenBytes+freshBytes+h.SizeBytes() > maxPoolBytes {
			h.err = fmt.Errorf("branch %s: %w: %d bytes wait for a block", name, ErrFull, q.contents.OpenBytes+freshBytes)
			continue
		}
		var accepted *branch.Accepted
		accepted, h.err = r.accept(ctx, q, b, producer, h.Accepted)
		if h.err == nil && accepted == nil {
			h.out, h.err = fateOf(ctx, l, b, head, q.contents, h.Batch.ID, &h.Batch)
			continue
		}
		if h.err != nil {
			if q.rehearsal == nil { // the others run without it
				if err := q.rehearse(ctx, l, b, head, fresh); err != nil {
					return err
				}
			}
			continue
		}
		fresh, freshBytes = append(fresh, accepted), freshBytes+h.SizeBytes()
		h.out = Submitted{Branch: name, Batch: h.Batch.ID, State: SubmissionAccepted, Receipt: &accepted.Receipt}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := q.inbox.Accept(q.contents, fresh); err != nil {
		q.rehearsal = nil
		return err
	}
	r.intake.more(len(fresh))
	return nil
}

// signerOfReceipts returns the owner, whose key r has; or, unless it is r who will seal, one of
// those who submit.
func (r *Repo) signerOfReceipts(ctx context.Context, l *branch.Ledger, together []*handed) (branch.Signer, error) {
	producer, err := r.owner(ctx, l)
	if err == nil || !errors.Is(err, key.ErrNoKey) {
		return producer, err
	}
	if !r.intake.isSealed() {
		for _, h := range together {
			if producer, err := h.by.owner(ctx, l); err == nil {
				return producer, nil
			}
		}
	}
	return producer, fmt.Errorf("%w: only the owner of the repository signs receipts there: %w", ErrNotPermitted, err)
}

// answered returns the answer to a batch that was submitted or decided before, or one without
// a state. fresh are the batches that came together with it.
func (r *Repo) answered(ctx context.Context, l *branch.Ledger, b ref.Branch, head branch.Block, q *queue, fresh []*branch.Accepted, batch branch.Batch) (Submitted, error) {
	for _, a := range fresh {
		if a.Batch.ID == batch.ID {
			return Submitted{Branch: b.Name, Batch: batch.ID, State: SubmissionAccepted, Receipt: &a.Receipt}, nil
		}
	}
	if q.contents.Receipt(batch.ID) == nil {
		return Submitted{}, nil
	}
	s, err := fateOf(ctx, l, b, head, q.contents, batch.ID, &batch)
	if s.State == SubmissionTakenBack || s.State == SubmissionRefused {
		return Submitted{}, err // it may enter now
	}
	return s, err
}

// rehearse runs what is open, and more behind it, on a head.
func (q *queue) rehearse(ctx context.Context, l *branch.Ledger, b ref.Branch, head branch.Block, more []*branch.Accepted) error {
	q.rehearsal, q.ran, q.last = nil, 0, object.Hash{}
	re := l.Rehearse(ctx, b.ID, head)
	for _, list := range [][]*branch.Accepted{q.contents.Open, more} {
		for _, a := range list {
			if a.Receipt.Branch != b.ID || head.ID == q.next && q.held[a.Batch.ID] {
				continue
			}
			open, err := re.Admit(ctx, a.Batch)
			if errors.Is(err, branch.ErrInvalid) {
				continue // it is settled when the next block is made
			}
			if err != nil {
				return err
			}
			if len(open) == 0 {
				continue
			}
			if _, _, err := re.Run(a.Batch, a.Chunks, open); err != nil {
				return err
			}
			q.ran++
			q.last = a.Receipt.ID
		}
	}
	q.rehearsal, q.ledger = re, l
	return nil
}

// mayEnter checks that a batch's author may bring it to a branch, and says whether an order of
// the owner's must bring it: for whose rights are not to every branch. The error wraps
// ErrNotPermitted.
func mayEnter(ctx context.Context, l *branch.Ledger, re *branch.Rehearsal, b ref.Branch, batch branch.Batch, now uint64) (byOrder bool, err error) {
	direct, err := re.Direct(ctx, batch, now)
	if err != nil || direct {
		return false, err
	}
	if !l.Directory.MayPush(batch.Author.Key, string(b.Name), max(now, re.Head().TimeMillis+1)) {
		return false, fmt.Errorf("batch %s: %w: %s (%x) may not write on branch %s",
			batch.ID.Short(), ErrNotPermitted, batch.Author.Name, batch.Author.Key[:4], b.Name)
	}
	return true, nil
}

// accept runs a batch and makes its receipt; it returns nil if a block has decided the batch.
// After an error the rehearsal may be void, and is nil then.
func (r *Repo) accept(ctx context.Context, q *queue, b ref.Branch, producer branch.Signer, a *branch.Accepted) (*branch.Accepted, error) {
	re, now := q.rehearsal, r.now()
	if _, err := mayEnter(ctx, q.ledger, re, b, a.Batch, now); err != nil {
		return nil, err
	}
	open, err := re.Admit(ctx, a.Batch)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	q.rehearsal = nil // until the batch has run
	runs, excluded, err := re.Run(a.Batch, a.Chunks, open)
	if err != nil {
		return nil, err
	}
	head := re.Head()
	receipt, err := branch.SignPoolReceipt(&object.PoolReceipt{
		Lineage: q.ledger.Directory.Lineage, Branch: re.Branch(), Base: object.Mark{Block: head.ID, Height: head.Height}, Position: q.ran, Previous: q.last,
		Batch: a.Batch.ID, Runs: runs, Excluded: excluded, TimeMillis: now,
	}, producer)
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w: %w", a.Batch.ID.Short(), ErrTooLarge, err)
	}
	out := *a
	out.Receipt = receipt
	q.rehearsal, q.ran, q.last = re, q.ran+1, receipt.ID
	return &out, nil
}
