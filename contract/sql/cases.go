package sql

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"aergo/contract/table"
	"aergo/contract/value"
)

// A source may hold cases in its comments, to be tried before it is used:
//
//	-- case: stock.count  base {"count":10}  ours {"count":8}  theirs {"count":13}  answers 11
//
// A version of the row is a JSON object, or none. Behind theirs may stand who made the
// incoming change, by NAME (ROLE), and when both sides did, at OURS/THEIRS in milliseconds.
// The answer is a JSON value, unset, exclude: REASON, or error: and part of the message.

const casePrefix = "-- case:"

// Tried is a case of a source and what came of it.
type Tried struct {
	Line      int // in the source
	Case      string
	Want, Got string
	Steps     int
}

// Holds says whether the answer is the one that the case states.
func (t Tried) Holds() bool {
	if part, isError := strings.CutPrefix(t.Want, "error: "); isError {
		return strings.HasPrefix(t.Got, "error: ") && strings.Contains(t.Got, part)
	}
	return t.Got == t.Want
}

// caseForm returns what a case looks like.
func caseForm() *regexp.Regexp {
	return regexp.MustCompile(`^(\w+)\.([\w.]+)\s+base\s+(none|{.*?})\s+ours\s+(none|{.*?})\s+theirs\s+(none|{.*?})` +
		`(?:\s+by\s+(\w+)\s+\((\w+)\))?(?:\s+at\s+(\d+)/(\d+))?\s+answers\s+(.*)$`)
}

// Try runs the cases in the comments of the resolver's source, in their order. It fails with
// an *Error about a comment that looks like a case and is none.
func (r *Resolver) Try(ctx context.Context) ([]Tried, error) {
	s := r.NewSession()
	defer func() { _ = s.Close() }()
	var out []Tried
	offset, number, form := 0, 0, caseForm()
	for line := range strings.Lines(string(r.source)) {
		at := offset
		offset += len(line)
		number++
		text, ok := strings.CutPrefix(strings.TrimSpace(line), casePrefix)
		if !ok {
			continue
		}
		t, err := s.try(ctx, form, strings.TrimSpace(text))
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, programError(r.source, "", fault(at, "%v", err))
		}
		t.Line = number
		out = append(out, t)
	}
	return out, nil
}

// try runs one case.
func (s *Session) try(ctx context.Context, form *regexp.Regexp, text string) (Tried, error) {
	m := form.FindStringSubmatch(text)
	if m == nil {
		return Tried{}, fmt.Errorf("not a case; one is: TABLE.FIELD base {...} ours {...} theirs {...} answers VALUE")
	}
	c := &Case{Table: m[1], Field: m[2], Author: Author{Name: m[6]}}
	if m[7] != "" {
		c.Author.Roles = []string{m[7]}
	}
	for i, row := range []*[]byte{&c.Base, &c.Ours, &c.Theirs} {
		var err error
		if *row, err = rowOf(m[3+i]); err != nil {
			return Tried{}, err
		}
	}
	for i, at := range []*int64{&c.OursMillis, &c.TimeMillis} {
		if m[8+i] == "" {
			continue
		}
		var err error
		if *at, err = strconv.ParseInt(m[8+i], 10, 64); err != nil {
			return Tried{}, fmt.Errorf("time: %w", err)
		}
	}
	answer, err := s.Resolve(ctx, c)
	if ctx.Err() != nil {
		return Tried{}, ctx.Err()
	}
	t := Tried{Case: strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.TrimSuffix(text, m[10])), "answers")), Want: strings.TrimSpace(m[10]), Steps: answer.Steps}
	switch {
	case err != nil:
		t.Got = "error: " + strings.TrimPrefix(err.Error(), m[1]+"."+m[2]+": ")
	case answer.Kind == AnswerExclude:
		t.Got = "exclude: " + answer.Reason
	case value.Absent(answer.Value):
		t.Got = "unset"
	default:
		t.Got = string(value.AppendJSON(nil, answer.Value))
	}
	return t, nil
}

// rowOf returns the row that a JSON object says, nil for none.
func rowOf(json string) ([]byte, error) {
	if json == "none" {
		return nil, nil
	}
	fields, err := value.ParseJSONObject([]byte(json))
	if err != nil {
		return nil, err
	}
	return table.AppendRow(nil, fields)
}
