package repo

import (
	"context"
	"errors"
	"time"

	"aergo/repo/ref"
)

// SealPolicy says when accepted submissions become a block.
type SealPolicy struct {
	// Interval is how long the first one waits for others at most: 200 ms if it is 0.
	Interval time.Duration
	// Batches is from how many on a block is made at once: 1,024 if it is 0.
	Batches int
	// Report is told of every block, and of every failure to make one; nil is nobody.
	Report func(SealedSubmissions, error)
}

const (
	defaultSealInterval = 200 * time.Millisecond
	defaultSealBatches  = 1 << 10
	// maxSealPause is how long the loop waits after failures at most.
	maxSealPause = 10 * time.Second
	// lastSealWait is how long the last seal may wait for whoever holds the repository. What it
	// does not seal the next process does.
	lastSealWait = 5 * time.Second
)

// KeepSealing makes blocks of what is accepted until ctx ends, beginning with what an earlier
// process has accepted and not sealed; at the end it seals once more. While it runs, who waits
// for a block waits for it.
func (r *Repo) KeepSealing(ctx context.Context, p SealPolicy) error {
	if p.Interval <= 0 {
		p.Interval = defaultSealInterval
	}
	if p.Batches <= 0 {
		p.Batches = defaultSealBatches
	}
	if p.Report == nil {
		p.Report = func(SealedSubmissions, error) {}
	}
	r.intake.loops(1)
	defer r.intake.loops(-1)
	pause := p.Interval
	for {
		r.intake.looked()
		if err := r.sealAll(ctx, p.Report); err != nil {
			pause = min(2*pause, maxSealPause)
		} else {
			pause = p.Interval
		}
		if err := r.intake.gather(ctx, p.Batches, pause, pause > p.Interval); err != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSealWait)
			defer cancel()
			return r.sealAll(last, p.Report)
		}
	}
}

// sealAll seals what is accepted for every branch. It returns the first failure.
func (r *Repo) sealAll(ctx context.Context, report func(SealedSubmissions, error)) error {
	names, err := r.inboxNames()
	if err != nil {
		return err
	}
	var first error
	for _, name := range names {
		sealed, err := r.SealSubmissions(ctx, name)
		if stopped := errors.Is(err, context.Canceled) && ctx.Err() != nil; !stopped && (err != nil || sealed.Batches+sealed.Refused > 0) {
			report(sealed, err)
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// inboxNames returns the branches, of now or of the past, for which something was accepted.
func (r *Repo) inboxNames() ([]ref.Name, error) { return r.foldersIn(InboxesFolder) }

// more tells the loop that seals that so many batches were accepted.
func (in *intake) more(batches int) {
	in.mu.Lock()
	in.fresh += batches
	in.mu.Unlock()
	select {
	case in.accepted <- struct{}{}:
	default: // it has been told, and has not looked yet
	}
}

// news wakes who waits for something to settle.
func (in *intake) news() {
	in.mu.Lock()
	defer in.mu.Unlock()
	close(in.settled)
	in.settled = make(chan struct{})
}

// loops counts the loops that seal what is accepted. Who waits looks again: there may be none
// any more.
func (in *intake) loops(n int) {
	in.mu.Lock()
	in.sealing += n
	in.mu.Unlock()
	in.news()
}

// gather waits until a batch is accepted, and then for more: until there are so many, or the
// pause is over. If retry is set it waits for the pause alone.
func (in *intake) gather(ctx context.Context, batches int, pause time.Duration, retry bool) error {
	for !retry && in.waitingForBlock() == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-in.accepted:
		}
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for in.waitingForBlock() < batches {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-in.accepted:
		}
	}
	return nil
}

func (in *intake) waitingForBlock() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.fresh
}

// looked forgets what was accepted so far: all of it is looked at from now on.
func (in *intake) looked() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fresh = 0
}

// isSealed says whether a loop seals what is accepted.
func (in *intake) isSealed() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.sealing > 0
}
