package repo

import (
	"sync"
	"sync/atomic"

	"aergo/branch"
	"aergo/contract"
	"aergo/repo/object"
)

// watchedTransactions is after how many transactions progress is reported.
const watchedTransactions = 1 << 10

// watched returns a ledger like l that reports how many transactions it has run.
func (r *Repo) watched(l *branch.Ledger, phase string, total uint64) *branch.Ledger {
	out := *l
	out.Runtime = &counting{Runtime: l.Runtime, report: r.opts.Progress, phase: phase, total: total}
	return &out
}

// counting is a runtime that counts what it runs.
type counting struct {
	branch.Runtime
	report func(Progress)
	phase  string
	total  uint64

	done atomic.Uint64
	mu   sync.Mutex // held while reporting, so that reports ascend
	last uint64
}

// Run implements branch.Runtime.
func (c *counting) Run(tx *object.Transaction, dict any, view contract.View, m *contract.Merging, out *contract.Outcome) error {
	if n := c.done.Add(1); n%watchedTransactions == 0 {
		c.tell(n)
	}
	return c.Runtime.Run(tx, dict, view, m, out)
}

// tell reports progress. Some transactions run more than once, so it stops short of the end.
func (c *counting) tell(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n = min(n, c.total); n > c.last {
		c.last = n
		c.report(Progress{Phase: c.phase, Done: n, Total: c.total})
	}
}
