package sql

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// tokenKind is what a token is.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a keyword or a plain name
	tokenQuoted           // a name in "", `` or []
	tokenText             // 'text', or the 'hex' of x'hex' after its word
	tokenNumber           // digits, with what follows them
	tokenSign             // an operator, a bracket, a comma, a dot, a colon, a semicolon
)

// token is a piece of a source that means something: neither space nor comment.
type token struct {
	kind       tokenKind
	start, end int // bytes from the start of the source
}

// lexer cuts a source as SQLite would. It refuses what it does not know, so that the two
// can't come to differ about where a text or a bracket ends.
type lexer struct {
	source []byte
	pos    int
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordPart(c byte) bool { return isWordStart(c) || isDigit(c) }

// next returns the next token; one of kind tokenEnd at the end.
func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	t := token{start: l.pos, end: l.pos}
	if l.pos == len(l.source) {
		return t, nil
	}
	rest := l.source[l.pos:]
	c := rest[0]
	n := 1
	switch {
	case isWordStart(c):
		t.kind = tokenWord
		for n < len(rest) && isWordPart(rest[n]) {
			n++
		}
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		t.kind = tokenNumber
		for n < len(rest) && (isWordPart(rest[n]) || rest[n] == '.') {
			n++
		}
	case c == '\'':
		t.kind = tokenText
		n = quoted(rest, '\'')
	case c == '"', c == '`':
		t.kind = tokenQuoted
		n = quoted(rest, c)
	case c == '[':
		t.kind = tokenQuoted
		n = 1 + bytes.IndexByte(rest, ']')
	default:
		t.kind = tokenSign
		n = signLength(rest)
	}
	switch {
	case n == 0 && t.kind == tokenSign:
		r, _ := utf8.DecodeRune(rest)
		return t, fault(t.start, "%q has no meaning here", r)
	case n == 0:
		return t, fault(t.start, "the closing %c is missing", closing(c))
	}
	l.pos += n
	t.end = l.pos
	return t, nil
}

func closing(open byte) byte {
	if open == '[' {
		return ']'
	}
	return open
}

// quoted returns the length of what stands between two marks, a doubled mark being part of
// it; 0 if the second is missing.
func quoted(s []byte, mark byte) int {
	for i := 1; i < len(s); i++ {
		if s[i] != mark {
			continue
		}
		if i+1 < len(s) && s[i+1] == mark {
			i++
			continue
		}
		return i + 1
	}
	return 0
}

// signLength returns the length of the operator that s begins with, 0 if none.
func signLength(s []byte) int {
	for _, sign := range []string{"->>", "->", "||", "<<", ">>", "<=", ">=", "<>", "==", "!="} {
		if bytes.HasPrefix(s, []byte(sign)) {
			return len(sign)
		}
	}
	if strings.IndexByte("+-*/%|&<>=~(),.:;", s[0]) >= 0 {
		return 1
	}
	return 0
}

// skip passes over space and comments.
func (l *lexer) skip() error {
	for l.pos < len(l.source) {
		rest := l.source[l.pos:]
		switch {
		case rest[0] == ' ', rest[0] == '\t', rest[0] == '\n', rest[0] == '\r':
			l.pos++
		case bytes.HasPrefix(rest, []byte("--")):
			if n := bytes.IndexByte(rest, '\n'); n >= 0 {
				l.pos += n
			} else {
				l.pos = len(l.source)
			}
		case bytes.HasPrefix(rest, []byte("/*")):
			n := bytes.Index(rest[2:], []byte("*/"))
			if n < 0 {
				return fault(l.pos, "the comment has no end")
			}
			l.pos += n + 4
		default:
			return nil
		}
	}
	return nil
}

// text returns the source of a token.
func (t token) text(source []byte) string { return string(source[t.start:t.end]) }

// is says whether a token is this word or sign, in any case of letters.
func (t token) is(source []byte, what string) bool {
	return len(what) == t.end-t.start && (t.kind == tokenWord || t.kind == tokenSign) && strings.EqualFold(t.text(source), what)
}

// name returns the name that a word or a quoted name stands for.
func (t token) name(source []byte) string {
	s := t.text(source)
	if t.kind != tokenQuoted {
		return s
	}
	s, mark := s[1:len(s)-1], s[:1]
	if mark == "[" {
		return s
	}
	return strings.ReplaceAll(s, mark+mark, mark)
}
