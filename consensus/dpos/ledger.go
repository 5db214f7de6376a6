package dpos

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"aergo/repo/key"
	"aergo/repo/object"
)

// candidate is who may be elected.
type candidate struct {
	anchor   object.Hash
	resigned bool
	jailed   bool // convicted: out for good, its own stake locked
}

// account is stake, and the candidate that it stands behind.
type account struct {
	stake     uint64
	candidate key.Public // zero if none
}

// Ledger is the stakes, votes and candidates that a chain has after a block. It does not
// change; Apply returns another.
type Ledger struct {
	candidates map[key.Public]candidate
	accounts   map[key.Public]account
}

func newLedger(first []Registration) (*Ledger, error) {
	l := &Ledger{candidates: map[key.Public]candidate{}, accounts: map[key.Public]account{}}
	total := uint64(0)
	for _, c := range first {
		if _, twice := l.candidates[c.Key]; twice || total > math.MaxUint64-c.Stake {
			return nil, fmt.Errorf("genesis: %w: candidate %s", ErrInvalid, c.Key.Short())
		}
		total += c.Stake
		l.candidates[c.Key] = candidate{anchor: c.Anchor}
		l.accounts[c.Key] = account{stake: c.Stake, candidate: c.Key}
	}
	return l, nil
}

// Stake returns how much an account has staked, and the candidate that it votes for.
func (l *Ledger) Stake(of key.Public) (amount uint64, votesFor key.Public) {
	a := l.accounts[of]
	return a.stake, a.candidate
}

// Jailed says whether a delegate was convicted of contradicting itself.
func (l *Ledger) Jailed(k key.Public) bool { return l.candidates[k].jailed }

// Apply returns the ledger after some operations, or refuses them all.
func (l *Ledger) Apply(ops []Operation) (*Ledger, error) {
	if len(ops) == 0 {
		return l, nil
	}
	next := &Ledger{candidates: maps.Clone(l.candidates), accounts: maps.Clone(l.accounts)}
	for i, op := range ops {
		if err := next.apply(op); err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return next, nil
}

func (l *Ledger) apply(op Operation) error {
	c, isCandidate := l.candidates[op.Key]
	a := l.accounts[op.Key]
	switch op.Kind {
	case OpRegister:
		if c.jailed {
			return fmt.Errorf("%w: %s was convicted", ErrInvalid, op.Key.Short())
		}
		l.candidates[op.Key] = candidate{anchor: op.Anchor}
	case OpResign:
		if !isCandidate {
			return fmt.Errorf("%w: %s is no candidate", ErrInvalid, op.Key.Short())
		}
		c.resigned = true
		l.candidates[op.Key] = c
	case OpStake:
		if l.total() > math.MaxUint64-op.Amount {
			return fmt.Errorf("%w: more stake than can be counted", ErrInvalid)
		}
		a.stake += op.Amount
		l.accounts[op.Key] = a
	case OpUnstake:
		if c.jailed || a.stake < op.Amount {
			return fmt.Errorf("%w: %s cannot withdraw %d", ErrInvalid, op.Key.Short(), op.Amount)
		}
		a.stake -= op.Amount
		l.accounts[op.Key] = a
	case OpVote:
		if target, known := l.candidates[op.Candidate]; !known || target.jailed {
			return fmt.Errorf("%w: %s is no candidate", ErrInvalid, op.Candidate.Short())
		}
		a.candidate = op.Candidate
		l.accounts[op.Key] = a
	case OpConvict:
		if !isCandidate {
			return fmt.Errorf("%w: %s is no candidate", ErrInvalid, op.Key.Short())
		}
		c.jailed = true
		l.candidates[op.Key] = c
	default:
		return fmt.Errorf("%w: operation of kind %d", ErrInvalid, op.Kind)
	}
	return nil
}

func (l *Ledger) total() uint64 {
	sum := uint64(0)
	for _, a := range l.accounts {
		sum += a.stake
	}
	return sum
}

// ranking returns the candidates that may be elected: most stake behind them first, and
// of equals the lower key.
func (l *Ledger) ranking() []Delegate {
	weight := map[key.Public]uint64{}
	for _, a := range l.accounts {
		weight[a.candidate] += a.stake
	}
	var ranked []Delegate
	for k, c := range l.candidates {
		if !c.resigned && !c.jailed && weight[k] > 0 {
			ranked = append(ranked, Delegate{Key: k, Anchor: c.anchor})
		}
	}
	slices.SortFunc(ranked, func(a, b Delegate) int {
		return cmp.Or(cmp.Compare(weight[b.Key], weight[a.Key]), bytes.Compare(a.Key[:], b.Key[:]))
	})
	return ranked
}

// elect returns who sits next. A new term fills all seats by rank; within a term the set
// is frozen, but that whoever ranks next takes the seat of one convicted. stakes is the
// ledger of two rounds ago; now is the newest, which counts for who is convicted. It keeps
// the set rather than empty it.
func elect(set *Set, newTerm bool, stakes, now *Ledger, seats int) *Set {
	var members []Delegate
	if !newTerm {
		seats = set.Len()
	}
	for _, m := range set.members {
		if !newTerm && !now.Jailed(m.Key) {
			members = append(members, m)
		}
	}
	for _, d := range stakes.ranking() {
		sitting := slices.ContainsFunc(members, func(m Delegate) bool { return m.Key == d.Key })
		if len(members) < seats && !sitting && !now.Jailed(d.Key) {
			members = append(members, d)
		}
	}
	if len(members) == 0 {
		return set
	}
	next := NewSet(members)
	if next.equal(set) {
		return set
	}
	return next
}
