package sql

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"

	"aergo/contract/value"
)

// function is one that this package adds to SQLite, or puts in the place of SQLite's own
// where that is slower than its arguments are long.
type function struct {
	name     string
	from, to int // number of arguments
	run      func(s *Session, ctx sqlite3.Context, args []datum)
	flags    sqlite3.FunctionFlag
}

// Functions that end the run, or look at the case, are never deterministic to SQLite, or it
// would call them where they stand in a branch that is not taken.
var ownFunctions = [...]function{
	{name: "exclude", from: 1, to: 1, run: runExclude},
	{name: "fail", from: 1, to: 1, run: runFail},
	{name: "set_null", run: func(s *Session, ctx sqlite3.Context, _ []datum) {
		s.end(ctx, ending{value: value.AppendNull(nil)})
	}},
	{name: "unset", run: func(s *Session, ctx sqlite3.Context, _ []datum) {
		s.end(ctx, ending{value: value.AppendAbsent(nil)})
	}},
	{name: "has_role", from: 1, to: 1, run: runHasRole},
	{name: "decimal_add", from: 2, to: 2, run: arithmetic(addNumbers), flags: sqlite3.DETERMINISTIC},
	{name: "decimal_sub", from: 2, to: 2, run: arithmetic(subtractNumbers), flags: sqlite3.DETERMINISTIC},
	{name: "decimal_mul", from: 2, to: 2, run: arithmetic(multiplyNumbers), flags: sqlite3.DETERMINISTIC},
	{name: "decimal_cmp", from: 2, to: 2, run: runCompare, flags: sqlite3.DETERMINISTIC},
	{name: "decimal_min", from: 2, to: 2, run: choice(-1), flags: sqlite3.DETERMINISTIC},
	{name: "decimal_max", from: 2, to: 2, run: choice(1), flags: sqlite3.DETERMINISTIC},
	{name: "instr", from: 2, to: 2, run: runInstr, flags: sqlite3.DETERMINISTIC},
	{name: "replace", from: 3, to: 3, run: runReplace, flags: sqlite3.DETERMINISTIC},
	{name: "trim", from: 1, to: 2, run: trim(strings.Trim), flags: sqlite3.DETERMINISTIC},
	{name: "ltrim", from: 1, to: 2, run: trim(strings.TrimLeft), flags: sqlite3.DETERMINISTIC},
	{name: "rtrim", from: 1, to: 2, run: trim(strings.TrimRight), flags: sqlite3.DETERMINISTIC},
	{name: "like", from: 2, to: 3, run: runLike, flags: sqlite3.DETERMINISTIC},
}

// register adds the functions to the session's connection.
func (s *Session) register() error {
	for _, f := range ownFunctions {
		for n := f.from; n <= f.to; n++ {
			err := s.conn.CreateFunction(f.name, n, f.flags, func(ctx sqlite3.Context, values ...sqlite3.Value) {
				s.call(&f, ctx, values)
			})
			if err != nil {
				return fmt.Errorf("function %s: %w", f.name, err)
			}
		}
	}
	return nil
}

// call charges a call by the bytes that it reads, then makes it.
func (s *Session) call(f *function, ctx sqlite3.Context, values []sqlite3.Value) {
	args := make([]datum, 0, 3)
	size := 0
	for _, v := range values {
		d := datum{typ: v.Type()}
		switch d.typ {
		case sqlite3.INTEGER:
			d.integer = v.Int64()
		case sqlite3.TEXT:
			d.bytes = v.RawText()
		case sqlite3.BLOB:
			d.bytes = v.RawBlob()
		case sqlite3.FLOAT:
			s.stop(ctx, ErrRun, fmt.Sprintf("%s is given floating point", f.name))
			return
		}
		size += len(d.bytes)
		args = append(args, d)
	}
	if s.charge(ctx, 1+size/bytesPerStep) {
		f.run(s, ctx, args)
	}
}

// charge takes steps; it ends the run and returns false if there are no more.
func (s *Session) charge(ctx sqlite3.Context, steps int) bool {
	s.spent += steps
	if s.spent <= s.steps {
		return true
	}
	s.stop(ctx, ErrSteps, fmt.Sprintf("more than %d", s.steps))
	return false
}

// text returns an argument as a text, as SQLite would; NULL is none.
func (d datum) text() string {
	if d.typ == sqlite3.INTEGER {
		return fmt.Sprint(d.integer)
	}
	return string(d.bytes)
}

func hasNull(args []datum) bool {
	return slices.ContainsFunc(args, func(d datum) bool { return d.typ == sqlite3.NULL })
}

// reason returns the text that exclude or fail is given.
func (s *Session) reason(ctx sqlite3.Context, d datum) (string, bool) {
	switch {
	case d.typ != sqlite3.TEXT || len(d.bytes) == 0 || !utf8.Valid(d.bytes):
		s.stop(ctx, ErrAnswer, "a reason is a text, and not empty")
	case len(d.bytes) > maxReasonBytes:
		s.stop(ctx, ErrSize, fmt.Sprintf("a reason of %d bytes, more than %d", len(d.bytes), maxReasonBytes))
	default:
		return string(d.bytes), true
	}
	return "", false
}

func runExclude(s *Session, ctx sqlite3.Context, args []datum) {
	if reason, ok := s.reason(ctx, args[0]); ok {
		s.end(ctx, ending{excluded: true, reason: reason})
	}
}

func runFail(s *Session, ctx sqlite3.Context, args []datum) {
	if reason, ok := s.reason(ctx, args[0]); ok {
		s.stop(ctx, ErrFailed, reason)
	}
}

func runHasRole(s *Session, ctx sqlite3.Context, args []datum) {
	ctx.ResultBool(args[0].typ == sqlite3.TEXT && slices.Contains(s.now.Author.Roles, string(args[0].bytes)))
}

// numbers returns two arguments as numbers of one scale.
func (s *Session) numbers(ctx sqlite3.Context, args []datum) (a, b *big.Int, scale int, ok bool) {
	x, okX := numberOf(args[0])
	y, okY := numberOf(args[1])
	if !okX || !okY {
		bad := args[0]
		if okX {
			bad = args[1]
		}
		s.stop(ctx, ErrRun, fmt.Sprintf("%v is no number such as 12 or '3.50'", bad))
		return nil, nil, 0, false
	}
	scale = max(x.Scale, y.Scale)
	return scaled(x, scale), scaled(y, scale), scale, true
}

func scaled(n value.Number, scale int) *big.Int {
	if n.Scale == scale {
		return n.Coefficient
	}
	f := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-n.Scale)), nil)
	return f.Mul(f, n.Coefficient)
}

// calculation computes with two coefficients of one scale.
type calculation func(a, b *big.Int, scale int) (*big.Int, int)

func addNumbers(a, b *big.Int, scale int) (*big.Int, int)      { return a.Add(a, b), scale }
func subtractNumbers(a, b *big.Int, scale int) (*big.Int, int) { return a.Sub(a, b), scale }

// multiplyNumbers drops zeros that the common scale has put behind the product's digits, no
// further than to that scale.
func multiplyNumbers(a, b *big.Int, scale int) (*big.Int, int) {
	product, to := a.Mul(a, b), scale
	scale *= 2
	ten, rest, less := big.NewInt(10), new(big.Int), new(big.Int)
	for scale > to {
		if less.QuoRem(product, ten, rest); rest.Sign() != 0 {
			break
		}
		product.Set(less)
		scale--
	}
	return product, scale
}

func arithmetic(calculate calculation) func(*Session, sqlite3.Context, []datum) {
	return func(s *Session, ctx sqlite3.Context, args []datum) {
		if hasNull(args) {
			return
		}
		a, b, scale, ok := s.numbers(ctx, args)
		if !ok {
			return
		}
		n, scale := calculate(a, b, scale)
		if n.BitLen() > value.OperandBits {
			s.stop(ctx, ErrRun, fmt.Sprintf("a number of %d bits, more than %d", n.BitLen(), value.OperandBits))
			return
		}
		enc, err := value.AppendDecimal(nil, n, scale)
		if err != nil {
			s.stop(ctx, ErrRun, err.Error())
			return
		}
		result(ctx, datumOf(enc, &s.scratch))
	}
}

func result(ctx sqlite3.Context, d datum) {
	switch d.typ {
	case sqlite3.INTEGER:
		ctx.ResultInt64(d.integer)
	case sqlite3.TEXT:
		ctx.ResultRawText(d.bytes)
	case sqlite3.BLOB:
		ctx.ResultBlob(d.bytes)
	}
}

func runCompare(s *Session, ctx sqlite3.Context, args []datum) {
	if hasNull(args) {
		return
	}
	if a, b, _, ok := s.numbers(ctx, args); ok {
		ctx.ResultInt(a.Cmp(b))
	}
}

// choice returns the function that gives the first of two numbers unless the second
// compares to it as sign.
func choice(sign int) func(*Session, sqlite3.Context, []datum) {
	return func(s *Session, ctx sqlite3.Context, args []datum) {
		if hasNull(args) {
			return
		}
		if a, b, _, ok := s.numbers(ctx, args); ok {
			if b.Cmp(a) == sign {
				args = args[1:]
			}
			result(ctx, args[0])
		}
	}
}
