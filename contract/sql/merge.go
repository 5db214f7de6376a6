package sql

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"aergo/contract"
	"aergo/repo/state/key"
)

// MaxMergeSteps is how many steps the conflicts of one merge may take together.
const MaxMergeSteps = 500_000_000

// ErrMergeSteps says that the conflicts of one merge took more than MaxMergeSteps.
var ErrMergeSteps = errors.New("the conflicts of one merge take too many steps")

// Logic runs a resolver for the conflicts of one merge. It is a contract.Resolver.
type Logic struct {
	resolver *Resolver
	maxSteps int64 // MaxMergeSteps, but for tests
	steps    atomic.Int64
	mu       sync.Mutex
	idle     []*Session
}

// ForMerge returns what runs the resolver for one merge, by any number of workers.
func (r *Resolver) ForMerge() *Logic {
	return &Logic{resolver: r, maxSteps: MaxMergeSteps}
}

// take returns a session that nobody uses.
func (l *Logic) take() *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.idle)
	if n == 0 {
		return l.resolver.NewSession()
	}
	s := l.idle[n-1]
	l.idle = l.idle[:n-1]
	return s
}

// giveBack takes a session back that take returned.
func (l *Logic) giveBack(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, s)
}

// NeedsTimes says whether a rule looks at when the target changed a field.
func (r *Resolver) NeedsTimes() bool {
	return slices.ContainsFunc(r.rules, func(rule *Rule) bool { return rule.builtin == builtinNewest })
}

// NeedsTimes is Resolver.NeedsTimes.
func (l *Logic) NeedsTimes() bool { return l.resolver.NeedsTimes() }

// Looks implements contract.Resolver.
func (l *Logic) Looks(table, field string) ([]string, bool) {
	rule, ok := l.resolver.Rule(table, field)
	if !ok {
		return nil, false
	}
	return rule.columns, true
}

// Resolve implements contract.Resolver. The sum of all steps does not depend on who resolves
// what, and a merge that takes too many is refused by everyone.
func (l *Logic) Resolve(c *contract.Conflict) (contract.Resolution, error) {
	components, err := key.Decode(c.Tuple)
	if err != nil {
		return contract.Resolution{}, fmt.Errorf("row key: %w", err)
	}
	plain := make([]string, len(components))
	for i := range components {
		plain[i] = components[i].String()
	}
	s := l.take()
	defer l.giveBack(s)
	answer, err := s.Resolve(context.Background(), &Case{
		Table: c.Table, Key: plain, Field: c.Field, Base: c.Base, Ours: c.Ours, Theirs: c.Theirs,
		Author:     Author{Key: hex.EncodeToString(c.Author.Key[:]), Name: c.Author.Name, Roles: c.Author.Roles},
		TimeMillis: int64(c.TimeMillis), OursMillis: int64(c.OursMillis),
	})
	if err != nil {
		return contract.Resolution{}, fmt.Errorf("%w: %w", contract.ErrResolver, err)
	}
	if l.steps.Add(int64(answer.Steps)) > l.maxSteps {
		return contract.Resolution{}, fmt.Errorf("%w: %w: more than %d", contract.ErrResolver, ErrMergeSteps, l.maxSteps)
	}
	return contract.Resolution{Value: answer.Value, Exclude: answer.Kind == AnswerExclude, Reason: answer.Reason}, nil
}

// Close ends the sessions that are at rest.
func (l *Logic) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, s := range l.idle {
		errs = append(errs, s.Close())
	}
	l.idle = nil
	return errors.Join(errs...)
}
