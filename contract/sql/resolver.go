package sql

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Resolver is a conflict resolver, compiled. It is not changed once it is made, and safe
// for concurrent use.
type Resolver struct {
	source []byte
	rules  []*Rule
	byName map[[2]string]*Rule
}

// Compile returns the resolver of a source, which it checks whole: SQLite prepares every
// statement under the allow-list. It fails with an *Error that wraps ErrProgram.
func Compile(source []byte) (*Resolver, error) {
	source = append([]byte(nil), source...)
	if len(source) > MaxSourceBytes {
		return nil, programError(nil, "", fault(0, "%d bytes, more than %d", len(source), MaxSourceBytes))
	}
	for i := 0; i < len(source); {
		c, n := utf8.DecodeRune(source[i:])
		if c == 0 || c == utf8.RuneError && n == 1 {
			return nil, programError(source, "", fault(i, "not a text in UTF-8"))
		}
		i += n
	}
	rules, err := parse(source)
	if err != nil {
		return nil, programError(source, "", err)
	}
	r := &Resolver{source: source, rules: rules, byName: make(map[[2]string]*Rule, len(rules))}
	for _, rule := range rules {
		if rule.builtin == "" {
			if err := rule.write(source); err != nil {
				return nil, programError(source, rule.target, err)
			}
		}
		r.byName[[2]string{rule.table, rule.field}] = rule
	}
	s := r.session(compileBytes)
	for _, rule := range rules {
		if rule.builtin != "" {
			continue
		}
		if err := s.check(rule); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return r, s.Close()
}

// check prepares the statement of a rule.
func (s *Session) check(rule *Rule) (err error) {
	defer s.guard(rule, ErrProgram, &err)
	if err := s.open(context.Background()); err != nil {
		return err
	}
	_, err = s.prepare(rule)
	return err
}

// Rules returns the rules in the order of the source.
func (r *Resolver) Rules() []*Rule { return append([]*Rule(nil), r.rules...) }

// Rule returns the rule for a field of a table: the one about the two, else about the table,
// else about the field in every table, else about everything. It returns false if there is
// none.
func (r *Resolver) Rule(table, field string) (*Rule, bool) {
	for _, name := range [][2]string{{table, field}, {table, ""}, {"", field}, {"", ""}} {
		if rule, ok := r.byName[name]; ok {
			return rule, true
		}
	}
	return nil, false
}

// NewSession returns a session to run the resolver in. It costs nothing until the first
// Resolve.
func (r *Resolver) NewSession() *Session { return r.session(memoryBytes) }

func (r *Resolver) errorAt(rule *Rule, offset int, err error, detail string, args ...any) *Error {
	e := &Error{Rule: rule.target, Err: err, Detail: fmt.Sprintf(detail, args...)}
	e.Line, e.Column = position(r.source, offset)
	return e
}
