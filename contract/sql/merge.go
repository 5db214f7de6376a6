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
	sessions sync.Pool // of *Session
	steps    atomic.Int64
}

// ForMerge returns what runs the resolver for one merge, by any number of workers.
func (r *Resolver) ForMerge() *Logic {
	l := &Logic{resolver: r}
	l.sessions.New = func() any { return r.NewSession() }
	return l
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
	s := l.sessions.Get().(*Session)
	defer l.sessions.Put(s)
	answer, err := s.Resolve(context.Background(), &Case{
		Table: c.Table, Key: plain, Field: c.Field, Base: c.Base, Ours: c.Ours, Theirs: c.Theirs,
		Author:     Author{Key: hex.EncodeToString(c.Author.Key[:]), Name: c.Author.Name, Roles: c.Author.Roles},
		TimeMillis: int64(c.TimeMillis), OursMillis: int64(c.OursMillis),
	})
	if err != nil {
		return contract.Resolution{}, fmt.Errorf("%w: %w", contract.ErrResolver, err)
	}
	if l.steps.Add(int64(answer.Steps)) > MaxMergeSteps {
		return contract.Resolution{}, fmt.Errorf("%w: %w: more than %d", contract.ErrResolver, ErrMergeSteps, int64(MaxMergeSteps))
	}
	return contract.Resolution{Value: answer.Value, Exclude: answer.Kind == AnswerExclude, Reason: answer.Reason}, nil
}

// Close ends the sessions that are at rest.
func (l *Logic) Close() error {
	l.sessions.New = nil
	var errs []error
	for s, ok := l.sessions.Get().(*Session); ok; s, ok = l.sessions.Get().(*Session) {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
