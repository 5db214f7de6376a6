package sql

import (
	"slices"
	"strconv"
	"strings"
)

// origin is where a value that a rule looks at comes from.
type origin uint8

const (
	fromBase origin = iota
	fromOurs
	fromTheirs
	fromAuthor
	fromTx
	fromCell
	originCount = iota
)

var originNames = [originCount]string{"base", "ours", "theirs", "author", "tx", "cell"}

// originColumns are the columns of the origins that are not rows.
var originColumns = [originCount][]string{
	fromAuthor: {"name", "key", "roles"},
	fromTx:     {"time"},
	fromCell:   {"table_name", "row_key", "field"},
}

func originOf(name string) (origin, bool) {
	i := slices.IndexFunc(originNames[:], func(n string) bool { return strings.EqualFold(n, name) })
	return origin(max(i, 0)), i >= 0
}

// ref is a value that a rule looks at, bound to a parameter of its statement.
type ref struct {
	origin origin
	column string // empty for the cell's own value
	// inexact is where it stands under an operator that would take a decimal as a float, or
	// compare it as text, in bytes of the source; -1 if nowhere.
	inexact int
	sign    string // that operator
}

func (r ref) String() string {
	if r.column == "" {
		return originNames[r.origin]
	}
	return originNames[r.origin] + "." + r.column
}

// writer turns a rule's body into a statement. What is looked at becomes a parameter, of no
// more bytes than the words it replaces, so that places in the statement are places in the
// source. If the body names base, ours or theirs in a FROM, they become tables instead.
type writer struct {
	source []byte
	rule   *Rule
	out    []byte
	tables bool
	table  []bool   // by token: whether it stands for a table
	calls  []string // the function of each bracket that is open
}

func (r *Rule) write(source []byte) error {
	end := r.body[len(r.body)-1].end
	w := &writer{source: source, rule: r, out: []byte(string(source[r.offset:end]))}
	if err := w.common(); err != nil {
		return err
	}
	w.findTables()
	for i := 0; i < len(r.body); i++ {
		t := r.body[i]
		switch {
		case t.is(source, "("):
			name := ""
			if i > 0 && r.body[i-1].kind == tokenWord {
				name = strings.ToLower(r.body[i-1].text(source))
			}
			w.calls = append(w.calls, name)
		case t.is(source, ")"):
			w.calls = w.calls[:len(w.calls)-1]
		case t.is(source, "collate"):
			if name := strings.ToLower(w.at(i + 1).name(source)); !slices.Contains(collations[:], name) {
				return fault(t.start, "want COLLATE and one of %s", strings.Join(collations[:], ", "))
			}
			i++
		case t.kind == tokenWord:
			n, err := w.word(i)
			if err != nil {
				return err
			}
			i += n
		}
	}
	for _, ref := range r.refs {
		if ref.column != "" && ref.origin <= fromTheirs && !slices.Contains(r.columns, ref.column) {
			r.columns = append(r.columns, ref.column)
		}
	}
	slices.Sort(r.columns)
	head, tail := "SELECT (", "\n)"
	if w.tables {
		var err error
		if head, tail, err = w.frame(); err != nil {
			return err
		}
	}
	r.text = head + string(w.out) + tail
	r.shift = len(head) - r.offset
	return nil
}

// at returns the token at a place of the body, an empty one outside.
func (w *writer) at(i int) token {
	if i < 0 || i >= len(w.rule.body) {
		return token{}
	}
	return w.rule.body[i]
}

func (w *writer) is(i int, what ...string) bool {
	return slices.ContainsFunc(what, func(s string) bool { return w.at(i).is(w.source, s) })
}

// word looks at the word at a place of the body and replaces it if it names what a
// parameter holds. It returns how many tokens after it belong to it.
func (w *writer) word(i int) (int, error) {
	t := w.at(i)
	o, known := originOf(t.text(w.source))
	if !known || w.is(i-1, ".") || w.is(i+1, "(") {
		return 0, nil
	}
	if !w.is(i+1, ".") {
		if o > fromTheirs || w.table[i] {
			return 0, nil
		}
		if w.is(i-1, "as") {
			return 0, fault(t.start, "%s has a meaning already: choose another name", t.text(w.source))
		}
		return 0, w.replace(i, i, ref{origin: o})
	}
	c := w.at(i + 2)
	if w.is(i+2, "*") {
		return 0, fault(c.start, "a row has no fixed columns here: name the ones you want")
	}
	if c.kind != tokenWord && c.kind != tokenQuoted {
		return 0, fault(t.start, "want a name after %s and the dot", originNames[o])
	}
	if w.is(i+3, ".") {
		return 0, fault(c.start, `a name with a dot in it is written in quotes, %s."a.b"`, originNames[o])
	}
	name := c.name(w.source)
	if columns := originColumns[o]; columns != nil {
		name = strings.ToLower(name)
		if !slices.Contains(columns, name) {
			return 0, fault(c.start, "%s has no %s, only %s", originNames[o], name, strings.Join(columns, ", "))
		}
	} else if name == "" {
		return 0, fault(c.start, "the name is empty")
	}
	return 2, w.replace(i, i+2, ref{origin: o, column: name})
}

// replace puts a parameter in the place of the tokens first to last.
func (w *writer) replace(first, last int, v ref) error {
	v.inexact = -1
	place := slices.IndexFunc(w.rule.refs, func(r ref) bool { return r.origin == v.origin && r.column == v.column })
	if place < 0 {
		if place = len(w.rule.refs); place == maxRefs {
			return fault(w.at(first).start, "the rule looks at more than %d values", maxRefs)
		}
		w.rule.refs = append(w.rule.refs, v)
	}
	r := &w.rule.refs[place]
	if r.inexact < 0 {
		r.inexact, r.sign = w.operator(first, last)
	}
	if w.tables {
		return nil
	}
	from, to := w.at(first).start-w.rule.offset, w.at(last).end-w.rule.offset
	for i := from; i < to; i++ {
		if w.out[i] != '\n' {
			w.out[i] = ' '
		}
	}
	copy(w.out[from:to], "?"+strconv.Itoa(place+1))
	return nil
}

// operator returns the place and name of an operator beside the tokens first to last, or of
// a min or max around them, that is for integers only; -1 if there is none.
func (w *writer) operator(first, last int) (int, string) {
	for _, i := range []int{first - 1, last + 1} {
		if w.is(i, "+", "-", "*", "/", "%", "<", ">", "<=", ">=", "between") {
			return w.at(i).start, w.at(i).text(w.source)
		}
	}
	if n := len(w.calls); n > 0 && (w.calls[n-1] == "min" || w.calls[n-1] == "max") && w.is(first-1, "(", ",") && w.is(last+1, ")", ",") {
		return w.at(first).start, w.calls[n-1]
	}
	return -1, ""
}

// findTables finds the words of the body that stand for tables.
func (w *writer) findTables() {
	w.table = make([]bool, len(w.rule.body))
	inFrom := []bool{false} // by bracket
	for i, t := range w.rule.body {
		last := len(inFrom) - 1
		switch {
		case w.is(i, "("):
			inFrom = append(inFrom, false)
		case w.is(i, ")"):
			inFrom = inFrom[:last]
		case w.is(i, "from", "join"):
			inFrom[last] = true
		case w.is(i, "select", "where", "group", "having", "order", "limit", "on", "values", "union", "except", "intersect"):
			inFrom[last] = false
		case t.kind == tokenWord && inFrom[last] && w.is(i-1, "from", "join", ",") && !w.is(i+1, ".", "("):
			_, w.table[i] = originOf(t.text(w.source))
			w.tables = w.tables || w.table[i]
		}
	}
}

// frame returns what stands before and after a body that names tables: each is a table of
// one row with the cell's value, under the table's own name, and the columns looked at. They
// are in sight without a FROM too.
func (w *writer) frame() (head, tail string, err error) {
	var defined, named []string
	for o := range origin(originCount) {
		var columns, parameters []string
		for i, r := range w.rule.refs {
			if r.origin == o {
				name := r.column
				if name == "" {
					name = originNames[o]
				}
				if slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(c, quote(name)) }) {
					return "", "", fault(w.rule.offset, "%s is not the only column of that name in any case of letters: such a rule can't have %s in a FROM", r, originNames[o])
				}
				columns = append(columns, quote(name))
				parameters = append(parameters, "?"+strconv.Itoa(i+1))
			}
		}
		if columns == nil {
			if o > fromTheirs {
				continue
			}
			columns, parameters = []string{quote(originNames[o])}, []string{"NULL"}
		}
		defined = append(defined, originNames[o]+"("+strings.Join(columns, ",")+") AS (SELECT "+strings.Join(parameters, ",")+")")
		named = append(named, originNames[o])
	}
	return "WITH " + strings.Join(defined, ", ") + " SELECT (", "\n) FROM " + strings.Join(named, ", "), nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// common finds the names that WITH gives, and bounds how often SQLite would have to write
// out what they stand for: each use is a copy, and copies multiply.
func (w *writer) common() error {
	selects := 0
	for i, t := range w.rule.body {
		if w.is(i, "select", "values") {
			if selects++; selects > maxSelects {
				return fault(t.start, "more than %d SELECTs in a rule", maxSelects)
			}
		}
		if name := strings.ToLower(t.name(w.source)); w.defines(i) && !slices.Contains(w.rule.common, name) {
			if _, known := originOf(name); known || reserved(name) {
				return fault(t.start, "%s has a meaning already: choose another name", name)
			}
			if len(w.rule.common) == maxSelects {
				return fault(t.start, "more than %d names that WITH gives", maxSelects)
			}
			w.rule.common = append(w.rule.common, name)
		}
	}
	copies := 1
	for _, name := range w.rule.common {
		uses := 0
		for _, t := range w.rule.body {
			if (t.kind == tokenWord || t.kind == tokenQuoted) && strings.EqualFold(t.name(w.source), name) {
				uses++
			}
		}
		if copies *= uses; copies > maxCopies {
			return fault(w.rule.offset, "the names that WITH gives are used too often in each other")
		}
	}
	return nil
}

// defines says whether the token at a place of the body is a name that WITH gives: it
// stands before AS and a bracket, perhaps with names of columns between.
func (w *writer) defines(i int) bool {
	if k := w.at(i).kind; k != tokenWord && k != tokenQuoted {
		return false
	}
	i++
	if w.is(i, "(") {
		for i++; w.at(i).kind == tokenWord || w.at(i).kind == tokenQuoted || w.is(i, ","); {
			i++
		}
		i++ // the closing bracket, or else no AS after it
	}
	if !w.is(i, "as") {
		return false
	}
	for i++; w.is(i, "not", "materialized"); {
		i++
	}
	return w.is(i, "(")
}

// reserved says whether a name belongs to a table of SQLite's own.
func reserved(name string) bool {
	return slices.ContainsFunc([]string{"sqlite_", "pragma_", "json_", "generate_series"}, func(s string) bool { return strings.HasPrefix(name, s) })
}
