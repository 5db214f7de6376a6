package sql

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
)

// The functions on texts that do as SQLite's own, in time that the steps bound.

// runInstr answers where the second argument stands in the first, from 1, in characters, or
// in bytes if both are bytes; 0 if nowhere.
func runInstr(_ *Session, ctx sqlite3.Context, args []datum) {
	if hasNull(args) {
		return
	}
	if args[0].typ == sqlite3.BLOB && args[1].typ == sqlite3.BLOB {
		ctx.ResultInt(1 + bytes.Index(args[0].bytes, args[1].bytes))
		return
	}
	text := args[0].text()
	at := strings.Index(text, args[1].text())
	if at > 0 {
		at = utf8.RuneCountInString(text[:at])
	}
	ctx.ResultInt(1 + at)
}

func runReplace(s *Session, ctx sqlite3.Context, args []datum) {
	if hasNull(args) {
		return
	}
	text, from, to := args[0].text(), args[1].text(), args[2].text()
	if from == "" {
		ctx.ResultText(text)
		return
	}
	grown := len(text) + strings.Count(text, from)*(len(to)-len(from))
	if grown > s.lengthBytes {
		ctx.ResultError(sqlite3.TOOBIG)
		return
	}
	ctx.ResultText(strings.ReplaceAll(text, from, to))
}

func trim(cut func(s, set string) string) func(*Session, sqlite3.Context, []datum) {
	return func(s *Session, ctx sqlite3.Context, args []datum) {
		if hasNull(args) {
			return
		}
		set := " "
		if len(args) > 1 {
			set = args[1].text()
		}
		text := args[0].text()
		if len(set) > 1 && !s.charge(ctx, len(text)*len(set)/bytesPerStep) {
			return
		}
		ctx.ResultText(cut(text, set))
	}
}

// runLike is `text LIKE pattern ESCAPE escape`: % is any characters, _ is one, and letters
// of ASCII match in either case. Bytes match nothing.
func runLike(s *Session, ctx sqlite3.Context, args []datum) {
	if hasNull(args) {
		return
	}
	escape := rune(-1)
	if len(args) > 2 {
		e := args[2].text()
		if utf8.RuneCountInString(e) != 1 {
			s.stop(ctx, ErrRun, "ESCAPE wants one character")
			return
		}
		escape, _ = utf8.DecodeRuneInString(e)
	}
	if args[0].typ == sqlite3.BLOB || args[1].typ == sqlite3.BLOB {
		ctx.ResultBool(false)
		return
	}
	pattern, ok := readPattern(args[0].text(), escape)
	text := []rune(args[1].text())
	work, most := 0, (s.steps-s.spent)*bytesPerStep
	ok = ok && matches(pattern, text, &work, most)
	if s.charge(ctx, (work+bytesPerStep-1)/bytesPerStep) {
		ctx.ResultBool(ok)
	}
}

// likeMark is a character of a pattern.
type likeMark struct {
	kind byte // '%', '_' or 0
	char rune
}

// readPattern returns false if the pattern ends with the escape, and matches nothing.
func readPattern(pattern string, escape rune) ([]likeMark, bool) {
	var marks []likeMark
	literal := false
	for _, c := range pattern {
		switch {
		case literal:
			marks = append(marks, likeMark{char: lower(c)})
			literal = false
		case c == escape:
			literal = true
		case c == '%', c == '_':
			marks = append(marks, likeMark{kind: byte(c)})
		default:
			marks = append(marks, likeMark{char: lower(c)})
		}
	}
	return marks, !literal
}

func lower(c rune) rune {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// matches tries the last % again, longer, whenever what follows it does not match: at most
// as many comparisons as the product of both lengths. It counts them in *work, and gives up
// beyond most.
func matches(pattern []likeMark, text []rune, work *int, most int) bool {
	p, t := 0, 0
	star, from := -1, 0
	for t < len(text) && *work <= most {
		*work++
		switch {
		case p < len(pattern) && pattern[p].kind == '%':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p].kind == '_' || pattern[p].kind == 0 && pattern[p].char == lower(text[t])):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p].kind == '%' {
		p++
	}
	return p == len(pattern)
}
