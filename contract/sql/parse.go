package sql

import (
	"strings"

	"aergo/contract/value"
)

// Rule answers for the cells of one field of one table, of a field of every table, of a
// table, or for all.
type Rule struct {
	table, field string // empty for all
	target       string
	line         int
	offset       int     // of the body's first token
	body         []token // without the semicolon
	builtin      builtin // if it is one

	text    string // the statement
	shift   int    // of the statement's text against the source, in bytes
	refs    []ref
	columns []string
	common  []string // names that WITH gives in the body
	place   int      // among the rules
}

// Target returns what the rule is about, as its source says it: stock.count, users.*.
func (r *Rule) Target() string { return r.target }

// Line returns the line of the source on which the rule's body begins, from 1.
func (r *Rule) Line() int { return r.line }

// Columns returns the fields of the row that the rule looks at by name, ascending. The
// field that it resolves is not among them unless it is named.
func (r *Rule) Columns() []string { return append([]string(nil), r.columns...) }

// parser reads a source into rules.
type parser struct {
	lexer
	look token // the next token
}

// parse returns the rules of a source in their order.
func parse(source []byte) ([]*Rule, error) {
	p := &parser{lexer: lexer{source: source}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.look.kind == tokenEnd {
		return nil, fault(0, "there is no rule")
	}
	if !p.look.is(source, "on") {
		rule, err := p.body(&Rule{target: "*"})
		if err == nil && p.look.kind != tokenEnd {
			err = fault(p.look.start, "a resolver of several rules begins each with ON")
		}
		return []*Rule{rule}, err
	}
	var rules []*Rule
	taken := map[[2]string]int{}
	for p.look.kind != tokenEnd {
		at := p.look.start
		rule, err := p.head()
		if err == nil {
			rule, err = p.body(rule)
		}
		if err != nil {
			return nil, err
		}
		what := [2]string{rule.table, rule.field}
		if line, twice := taken[what]; twice {
			return nil, fault(at, "%s has a rule already, on line %d", rule.target, line)
		}
		if len(rules) == MaxRules {
			return nil, fault(at, "more than %d rules", MaxRules)
		}
		taken[what] = rule.line
		rule.place = len(rules)
		rules = append(rules, rule)
	}
	return rules, nil
}

func (p *parser) advance() (err error) {
	p.look, err = p.next()
	return err
}

// head reads ON target and the colon.
func (p *parser) head() (*Rule, error) {
	if !p.look.is(p.source, "on") {
		return nil, fault(p.look.start, "want ON, then what the rule is about")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	start := p.look.start
	var last token
	var names []string
	for {
		name, err := p.targetName()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		last = p.look
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.look.is(p.source, ":") {
			break
		}
		if !p.look.is(p.source, ".") {
			return nil, fault(p.look.start, "want a colon after what the rule is about")
		}
		if len(names) == 2 {
			return nil, fault(p.look.start, `a rule is about table.field: quote a name with a dot in it, table."a.b"`)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	rule := &Rule{table: names[0], target: string(p.source[start:last.end])}
	if len(names) == 2 {
		rule.field = names[1]
	}
	return rule, p.advance()
}

// targetName returns the name at hand, empty for *.
func (p *parser) targetName() (string, error) {
	switch {
	case p.look.is(p.source, "*"):
		return "", nil
	case p.look.kind == tokenWord, p.look.kind == tokenQuoted:
		name := p.look.name(p.source)
		if err := value.CheckName(name); err != nil {
			return "", fault(p.look.start, "%v", err)
		}
		return name, nil
	}
	return "", fault(p.look.start, "want the name of a table or field, or *")
}

// body reads up to the semicolon or the end, and checks what needs no SQLite for it.
func (p *parser) body(rule *Rule) (*Rule, error) {
	rule.offset = p.look.start
	rule.line, _ = position(p.source, rule.offset)
	var open []int
	for p.look.kind != tokenEnd && !p.look.is(p.source, ";") {
		t := p.look
		switch {
		case t.is(p.source, "("):
			open = append(open, t.start)
		case t.is(p.source, ")"):
			if len(open) == 0 {
				return nil, fault(t.start, "nothing is open that this bracket could close")
			}
			open = open[:len(open)-1]
		case t.is(p.source, ":"):
			return nil, fault(t.start, "a colon stands after ON and what the rule is about only: does the rule before lack its semicolon?")
		case t.kind == tokenText && t.end-t.start > maxTextBytes:
			return nil, fault(t.start, "a text of more than %d bytes", maxTextBytes)
		case t.kind == tokenNumber:
			if err := checkNumber(t.text(p.source), t.start); err != nil {
				return nil, err
			}
		}
		if len(rule.body) == MaxTokens {
			return nil, fault(t.start, "more than %d words and signs in a rule", MaxTokens)
		}
		rule.body = append(rule.body, t)
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	switch {
	case len(rule.body) == 0:
		return nil, fault(rule.offset, "the rule says nothing")
	case len(open) > 0:
		return nil, fault(open[len(open)-1], "the bracket is not closed")
	}
	rule.builtin = builtinOf(p.source, rule.body)
	if p.look.kind != tokenEnd {
		return rule, p.advance()
	}
	return rule, nil
}

// checkNumber takes integers of 64 bits only.
func checkNumber(digits string, at int) error {
	hexadecimal := len(digits) > 1 && digits[0] == '0' && digits[1]|0x20 == 'x'
	if !hexadecimal && strings.ContainsAny(digits, ".eE") {
		return fault(at, "%s would be floating point: write it as text, '%s', for decimal_add and its like", digits, digits)
	}
	limit, set := 19, "0123456789"
	if hexadecimal {
		digits, limit, set = digits[2:], 16, "0123456789abcdefABCDEF"
	}
	switch {
	case digits == "" || strings.Trim(digits, set) != "":
		return fault(at, "this is no number")
	case len(digits) > limit || !hexadecimal && len(digits) == 19 && digits > "9223372036854775807":
		return fault(at, "the number has more than 64 bits: write it as text, for decimal_add and its like")
	}
	return nil
}
