package sql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// Author is who made the transaction that a merge brings in.
type Author struct {
	Key   string // hex
	Name  string
	Roles []string
}

// Case is one cell that both sides have changed. Nothing in it is changed or kept.
type Case struct {
	Table string
	Key   []string // the plain forms of the key's components
	Field string
	// Base, Ours and Theirs are the encoded rows (see contract/table), nil for none.
	Base, Ours, Theirs []byte
	Author             Author
	TimeMillis         int64 // of the transaction
	OursMillis         int64 // when ours was changed last, 0 if it was not
}

// AnswerKind is what a rule answers.
type AnswerKind uint8

// The answers.
const (
	AnswerValue   AnswerKind = iota // the cell takes Value
	AnswerExclude                   // the transaction is excluded, for Reason
)

// Answer is what a rule makes of a case.
type Answer struct {
	Kind   AnswerKind
	Value  []byte // encoded, with AnswerValue; absent (see contract/value) if the field goes
	Reason string // with AnswerExclude
	Steps  int    // taken, the same on every machine
}

// Session runs a resolver in an SQLite of its own, which the first Resolve starts. It is
// not safe for concurrent use.
type Session struct {
	resolver    *Resolver
	memoryBytes int64
	conn        *sqlite3.Conn
	statements  []*sqlite3.Stmt
	fuel        fuel

	// Of the case at hand.
	now         *Case
	steps       int // allowed
	spent       int // by functions of this package, in steps
	lengthBytes int // of the longest value allowed
	limitBytes  int // that SQLite knows
	ending      *ending
	scratch     []byte
	bound       []datum

	// Of the statement at hand.
	preparing *Rule
	denied    string // by the authoriser
}

// ending is what a function has ended a run with.
type ending struct {
	err      error // if it is a fault
	excluded bool
	reason   string
	value    []byte
}

func (r *Resolver) session(memoryBytes int64) *Session {
	return &Session{resolver: r, memoryBytes: memoryBytes, statements: make([]*sqlite3.Stmt, len(r.rules))}
}

// fuel is what SQLite asks, as if for the end of a context, before a statement and then
// once in stepGrain steps.
type fuel struct {
	context.Context
	session *Session
	asked   int
}

func (f *fuel) Err() error {
	if err := f.Context.Err(); err != nil {
		return err
	}
	f.asked++
	if s := f.session; s.now != nil && (f.asked-1)*stepGrain+s.spent > s.steps {
		return ErrSteps
	}
	return nil
}

// end ends the run with an answer.
func (s *Session) end(ctx sqlite3.Context, e ending) {
	if s.ending == nil {
		s.ending = &e
	}
	ctx.ResultError(sqlite3.ABORT)
}

// stop ends the run with a fault.
func (s *Session) stop(ctx sqlite3.Context, err error, detail string) {
	s.end(ctx, ending{err: err, reason: detail})
}

// Close ends the session's SQLite, if it has begun. The session may be used again.
func (s *Session) Close() (err error) {
	conn := s.conn
	if conn == nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("sqlite: %v", r)
		}
	}()
	statements := s.statements
	s.conn, s.statements = nil, make([]*sqlite3.Stmt, len(statements))
	for _, st := range statements {
		err = errors.Join(err, st.Close())
	}
	return errors.Join(err, conn.Close())
}

// guard turns a panic of SQLite, which is out of memory or out of its stack then, into an
// error of a kind, and drops what is left of it.
func (s *Session) guard(rule *Rule, kind error, err *error) {
	r := recover()
	if r == nil {
		return
	}
	_ = s.Close() // it may be beyond closing
	*err = s.resolver.errorAt(rule, rule.offset, kind, "SQLite has no memory left for it")
}

// open starts SQLite with nothing in it, and takes away what no rule needs.
func (s *Session) open(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	conn, err := sqlite3.OpenContext(sqlite3.WithMaxMemory(ctx, s.memoryBytes), ":memory:")
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	s.conn = conn
	for _, l := range []struct {
		limit sqlite3.LimitCategory
		to    int
	}{
		{sqlite3.LIMIT_SQL_LENGTH, 2 * MaxSourceBytes},
		{sqlite3.LIMIT_EXPR_DEPTH, maxDepth},
		{sqlite3.LIMIT_COMPOUND_SELECT, maxCompound},
		{sqlite3.LIMIT_COLUMN, maxColumns},
		{sqlite3.LIMIT_FUNCTION_ARG, maxArguments},
		{sqlite3.LIMIT_VARIABLE_NUMBER, maxRefs},
		{sqlite3.LIMIT_ATTACHED, 0},
		{sqlite3.LIMIT_WORKER_THREADS, 0},
		{sqlite3.LIMIT_TRIGGER_DEPTH, 0},
	} {
		conn.Limit(l.limit, l.to)
	}
	s.limitBytes = -1
	if err = conn.Exec("PRAGMA temp_store = MEMORY"); err == nil {
		_, err = conn.Config(sqlite3.DBCONFIG_DEFENSIVE, true)
	}
	if err == nil {
		// Plans do not look at parameters, or SQLite would prepare again when these change.
		_, err = conn.Config(sqlite3.DBCONFIG_ENABLE_QPSG, true)
	}
	if err == nil {
		err = s.register()
	}
	if err == nil {
		// Once and for all: SQLite prepares every statement again after another authoriser.
		err = conn.SetAuthorizer(s.authorise)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("sqlite: %w", err), s.Close())
	}
	s.fuel = fuel{Context: context.Background(), session: s}
	conn.SetInterrupt(&s.fuel)
	return nil
}

// prepare returns the statement of a rule.
func (s *Session) prepare(rule *Rule) (*sqlite3.Stmt, error) {
	s.denied, s.preparing = "", rule
	if st := s.statements[rule.place]; st != nil {
		return st, nil
	}
	s.limit(2 * MaxSourceBytes)
	st, rest, err := s.conn.PrepareFlags(rule.text, sqlite3.PREPARE_PERSISTENT)
	switch {
	case err != nil:
		return nil, s.programError(rule, err)
	case st == nil || strings.TrimSpace(rest) != "" || st.ColumnCount() != 1 || !st.ReadOnly():
		return nil, errors.Join(s.resolver.errorAt(rule, rule.offset, ErrProgram, "this is not one expression or SELECT of one column"), st.Close())
	}
	s.statements[rule.place] = st
	return st, nil
}

// authorise lets a statement select, call what is on the list, and read what it made
// itself and the elements of JSON.
func (s *Session) authorise(action sqlite3.AuthorizerActionCode, name, function, _, _ string) sqlite3.AuthorizerReturnCode {
	switch action {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_RECURSIVE:
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_FUNCTION:
		if allowedFunction(strings.ToLower(function)) {
			return sqlite3.AUTH_OK
		}
		name = function
	case sqlite3.AUTH_READ:
		lower := strings.ToLower(name)
		if _, known := originOf(lower); known || lower == "json_each" || slices.Contains(s.preparing.common, lower) {
			return sqlite3.AUTH_OK
		}
	}
	s.denied = name
	return sqlite3.AUTH_DENY
}

// programError places an error of SQLite about a statement in the source.
func (s *Session) programError(rule *Rule, err error) error {
	if s.denied != "" {
		at := rule.offset
		for _, t := range rule.body {
			if strings.EqualFold(t.text(s.resolver.source), s.denied) {
				at = t.start
				break
			}
		}
		return s.resolver.errorAt(rule, at, ErrProgram, "a rule may not use %s", s.denied)
	}
	at, end := rule.offset, rule.body[len(rule.body)-1].end
	var e *sqlite3.Error
	if errors.As(err, &e) && e.SQL() != "" {
		at = max(len(rule.text)-len(e.SQL())-rule.shift, rule.offset)
	}
	if at >= end {
		return s.resolver.errorAt(rule, end, ErrProgram, "the rule ends too early")
	}
	detail := plainError(err)
	if name, ok := strings.CutPrefix(detail, "no such column: "); ok {
		detail += ": of a row it is ours." + name + ", theirs." + name + " or base." + name
	}
	return s.resolver.errorAt(rule, at, ErrProgram, "%s", detail)
}

// plainError returns what SQLite says, without its name.
func plainError(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "sqlite3: "), "SQL logic error: ")
}

// limit tells SQLite the length of the longest value.
func (s *Session) limit(lengthBytes int) {
	if s.limitBytes != lengthBytes {
		s.conn.Limit(sqlite3.LIMIT_LENGTH, lengthBytes)
		s.limitBytes = lengthBytes
	}
}

// Resolve answers a case by the rule for its cell. It fails with ErrNoRule, with an *Error
// if the rule does, and with the context's error when that ends. The answer depends on the
// resolver and the case alone.
func (s *Session) Resolve(ctx context.Context, c *Case) (answer Answer, err error) {
	rule, ok := s.resolver.Rule(c.Table, c.Field)
	if !ok {
		return Answer{}, fmt.Errorf("%s.%s: %w", c.Table, c.Field, ErrNoRule)
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	if rule.builtin != "" {
		enc, err := rule.builtin.resolve(c)
		if err != nil {
			return Answer{}, s.resolver.errorAt(rule, rule.offset, ErrRun, "%v", err)
		}
		return Answer{Value: enc, Steps: builtinSteps}, nil
	}
	defer s.guard(rule, ErrSize, &err)
	s.now, s.spent, s.ending, s.scratch = nil, 0, nil, s.scratch[:0]
	if err := s.open(ctx); err != nil {
		return Answer{}, err
	}
	st, err := s.prepare(rule)
	if err != nil {
		return Answer{}, err
	}
	s.now = c
	s.fuel = fuel{Context: ctx, session: s}
	sides, err := s.bind(st, rule)
	if err == nil {
		answer, err = s.run(ctx, st, rule, sides)
	}
	s.now, s.fuel.Context = nil, context.Background()
	return answer, err
}

// run steps a statement and reads its answer.
func (s *Session) run(ctx context.Context, st *sqlite3.Stmt, rule *Rule, sides cells) (Answer, error) {
	row := st.Step()
	err := st.Err()
	var d datum
	float := false
	if row {
		switch d.typ = st.ColumnType(0); d.typ {
		case sqlite3.INTEGER:
			d.integer = st.ColumnInt64(0)
		case sqlite3.TEXT:
			d.bytes = bytes.Clone(st.ColumnRawText(0))
		case sqlite3.BLOB:
			d.bytes = bytes.Clone(st.ColumnRawBlob(0))
		case sqlite3.FLOAT:
			float = true
			d.bytes = strconv.AppendFloat(nil, st.ColumnFloat(0), 'g', -1, 64)
		}
	}
	_ = st.Reset() // says again what Step has said
	steps := st.Status(sqlite3.STMTSTATUS_VM_STEP, true) + s.spent
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	fail := func(kind error, detail string, args ...any) (Answer, error) {
		e := s.resolver.errorAt(rule, rule.offset, kind, detail, args...)
		e.Steps = steps
		return Answer{}, e
	}
	end := s.ending
	switch {
	case end != nil && errors.Is(end.err, ErrSteps), steps > s.steps, errors.Is(err, sqlite3.INTERRUPT):
		return fail(ErrSteps, "more than the %d steps that the case has", s.steps)
	case end != nil && end.err != nil:
		return fail(end.err, "%s", end.reason)
	case end != nil && end.excluded:
		return Answer{Kind: AnswerExclude, Reason: end.reason, Steps: steps}, nil
	case end != nil:
		return Answer{Value: end.value, Steps: steps}, nil
	case errors.Is(err, sqlite3.TOOBIG):
		return fail(ErrSize, "a value of more than the %d bytes that the case has", s.lengthBytes)
	case err != nil:
		return fail(ErrRun, "%s", plainError(err))
	case !row:
		return fail(ErrAnswer, "no row")
	case float:
		return fail(ErrAnswer, "floating point, %s: integers beyond 64 bits and decimals are for decimal_add, decimal_sub and decimal_mul", d.bytes)
	}
	seen := [3]datum{datumOf(sides.ours, &s.scratch), datumOf(sides.theirs, &s.scratch), datumOf(sides.base, &s.scratch)}
	enc, err := answerOf(d, sides.ours, sides.theirs, sides.base, seen)
	if err != nil {
		return fail(ErrAnswer, "%v", err)
	}
	return Answer{Value: enc, Steps: steps}, nil
}
