package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// model is a table in the simplest form: rows of fields that are JSON texts. Lists are kept
// sorted. It knows no encoding, hash, effect or view.
type model map[string]map[string]string

func (m model) clone() model {
	c := model{}
	for k, row := range m {
		c[k] = maps.Clone(row)
	}
	return c
}

func (m model) equal(n model) bool {
	return maps.EqualFunc(m, n, func(a, b map[string]string) bool { return maps.Equal(a, b) })
}

// state returns the model as a state.
func (m model) state(t *testing.T) state {
	r := map[string]string{}
	for k, row := range m {
		var members []string
		for f, v := range row {
			members = append(members, strconv.Quote(f)+":"+v)
		}
		r[k] = "{" + strings.Join(members, ",") + "}"
	}
	return stateOf(t, r)
}

// text is the state as JSON by key, to compare with stateRows.
func (m model) text() map[string]string {
	r := map[string]string{}
	for k, row := range m {
		var members []string
		for _, f := range slices.Sorted(maps.Keys(row)) {
			members = append(members, strconv.Quote(f)+":"+row[f])
		}
		r[k] = "{" + strings.Join(members, ",") + "}"
	}
	return r
}

// modelOp is an operation with what its author saw.
type modelOp struct {
	code   Code
	flags  Flags
	key    string
	fields map[string]string // "" unsets
	saw    map[string]string // the row, nil if there was none
}

var errModel = errors.New("does not hold")

// do makes an operation on m, or fails without a change.
func (m model) do(op modelOp, check bool) error {
	row, exists := m[op.key]
	guarded := check && op.flags&Force == 0
	switch op.code {
	case Put:
		if guarded && exists != (op.saw != nil) {
			return errModel
		}
		for f := range op.fields {
			if guarded && row[f] != op.saw[f] {
				return errModel
			}
		}
		if !exists {
			row = map[string]string{}
		}
		for f, v := range op.fields {
			if v == "" {
				delete(row, f)
			} else {
				row[f] = v
			}
		}
		m[op.key] = row
	case Insert, Replace, Del:
		if guarded && (exists != (op.saw != nil) || !maps.Equal(row, op.saw)) {
			return errModel
		}
		if op.code == Del {
			delete(m, op.key)
		} else {
			m[op.key] = maps.Clone(op.fields)
		}
	default:
		return m.delta(op, row, exists)
	}
	return nil
}

func (m model) delta(op modelOp, row map[string]string, exists bool) error {
	if !exists && op.flags&Create == 0 {
		return errModel
	}
	next := maps.Clone(row)
	if next == nil {
		next = map[string]string{}
	}
	for f, v := range op.fields {
		if op.code == Incr {
			a, err := strconv.Atoi(cmpOr(row[f], "0"))
			b, _ := strconv.Atoi(v)
			if err != nil {
				return errModel
			}
			next[f] = strconv.Itoa(a + b)
			continue
		}
		var list []int
		if err := json.Unmarshal([]byte(cmpOr(row[f], "[]")), &list); err != nil {
			return errModel
		}
		e, _ := strconv.Atoi(v)
		had := slices.Contains(list, e)
		if op.flags&Exact != 0 && had == (op.code == Append) {
			return errModel
		}
		if op.code == Remove && row[f] == "" {
			continue
		}
		list = slices.DeleteFunc(list, func(x int) bool { return x == e })
		if op.code == Append {
			list = append(list, e)
		}
		slices.Sort(list)
		text, _ := json.Marshal(list)
		if list == nil {
			text = []byte("[]")
		}
		next[f] = string(text)
	}
	m[op.key] = next
	return nil
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// run says what becomes of a transaction and makes it.
func (m model) run(ops []modelOp) object.Verdict {
	after := m.clone()
	held := true
	never := false
	for _, op := range ops {
		held = held && after.do(op, true) == nil
		never = never || op.code == Incr || op.flags&(Exact|Create) != 0
	}
	if held {
		m.become(after)
		return object.VerdictApplied
	}
	if len(ops) == 1 && ops[0].code == Put && ops[0].flags&Exact == 0 {
		return m.converge(ops[0])
	}
	after = m.clone()
	never = never || mayLeaveEmptyList(ops)
	for _, op := range ops {
		if after.do(op, false) != nil {
			never = true
			break
		}
	}
	if !never && after.equal(m) {
		return object.VerdictNoop
	}
	return object.VerdictExcluded
}

// mayLeaveEmptyList says whether ops append an element to a list of which they say nothing
// else, and then remove it.
func mayLeaveEmptyList(ops []modelOp) bool {
	for _, k := range []string{"k", "m"} {
		sets := false
		last, appended := map[string]Code{}, map[string]bool{}
		for _, op := range ops {
			v, onList := op.fields["l"]
			if op.key != k {
				continue
			}
			sets = sets || op.code.wholeRow() || op.code == Put && onList
			if op.code == Append || op.code == Remove {
				last[v] = op.code
				appended[v] = appended[v] || op.code == Append
			}
		}
		for v, c := range last {
			if !sets && c == Remove && appended[v] {
				return true
			}
		}
	}
	return false
}

func (m model) become(n model) {
	clear(m)
	maps.Copy(m, n)
}

func (m model) converge(op modelOp) object.Verdict {
	row, exists := m[op.key]
	if op.saw != nil && !exists {
		return object.VerdictExcluded
	}
	all := exists
	for f, v := range op.fields {
		all = all && row[f] == v
		if row[f] != op.saw[f] && row[f] != v {
			return object.VerdictExcluded
		}
	}
	if all {
		return object.VerdictNoop
	}
	_ = m.do(op, false)
	return object.VerdictApplied
}

// generator makes random rows and transactions on few keys and fields, so that they meet.
type generator struct{ *rand.Rand }

func (g generator) value(f string) string {
	if f == "l" && g.IntN(8) > 0 {
		list := []int{}
		for e := range 3 {
			if g.IntN(2) == 0 {
				list = append(list, e)
			}
		}
		text, _ := json.Marshal(list)
		return string(text)
	}
	return strconv.Itoa(g.IntN(3))
}

func (g generator) row() map[string]string {
	row := map[string]string{}
	for _, f := range []string{"a", "b", "l"} {
		if g.IntN(2) == 0 {
			row[f] = g.value(f)
		}
	}
	return row
}

func (g generator) model() model {
	m := model{}
	for _, k := range []string{"k", "m"} {
		if g.IntN(3) > 0 {
			m[k] = g.row()
		}
	}
	return m
}

// op makes an operation by an author who sees m, and makes it there.
func (g generator) op(m model) (modelOp, bool) {
	op := modelOp{code: Code(g.IntN(int(Define))), key: []string{"k", "m"}[g.IntN(2)]}
	if g.IntN(5) == 0 {
		op.flags |= Exact
	} else if !op.code.delta() && g.IntN(5) == 0 {
		op.flags |= Force
	}
	saw, exists := m[op.key]
	if exists {
		op.saw = maps.Clone(saw)
	}
	switch op.code {
	case Put:
		op.fields = g.row()
		for f := range op.fields {
			if g.IntN(4) == 0 {
				op.fields[f] = ""
			}
		}
	case Insert, Replace:
		op.fields = g.row()
		if op.code == Replace && !exists && op.flags&Force == 0 {
			op.code = Insert
		}
	case Incr:
		op.fields = map[string]string{[]string{"a", "b"}[g.IntN(2)]: strconv.Itoa(1 + g.IntN(3))}
	case Append, Remove:
		op.fields = map[string]string{"l": strconv.Itoa(g.IntN(3))}
	}
	if op.code.delta() && (g.IntN(4) == 0 || !exists) {
		op.flags |= Create
	}
	if op.code == Insert {
		op.saw = nil
	}
	if op.code == Del && !exists && op.flags&Force == 0 {
		return op, false
	}
	return op, m.do(op, true) == nil
}

// transaction makes operations by an author who sees m.
func (g generator) transaction(m model) []modelOp {
	saw := m.clone()
	var ops []modelOp
	for n := 1 + g.IntN(4)*g.IntN(2); len(ops) < n; {
		before := saw.clone()
		if op, ok := g.op(saw); ok {
			ops = append(ops, op)
		} else {
			saw = before
		}
	}
	return ops
}

func (op modelOp) spec(t *testing.T) Spec {
	s := Spec{Code: op.code, Flags: op.flags, Table: "t", Key: []key.Component{key.Text(op.key)}}
	for f, v := range op.fields {
		if v == "" {
			s.Unset = append(s.Unset, f)
			continue
		}
		enc, err := value.ParseJSON([]byte(v))
		if err != nil {
			t.Fatal(err)
		}
		s.Fields = append(s.Fields, value.Field{Name: f, Enc: enc})
	}
	return s
}

func encode(t *testing.T, saw model, ops []modelOp) (names []string, payload []byte) {
	t.Helper()
	var specs []Spec
	for _, op := range ops {
		specs = append(specs, op.spec(t))
	}
	return author(t, saw.state(t), specs...)
}

func newGenerator(t *testing.T, seed uint64) generator {
	t.Logf("seed %d", seed)
	return generator{rand.New(rand.NewPCG(seed, 1))}
}

// TestModel runs random transactions on random states against the model.
func TestModel(t *testing.T) {
	g := newGenerator(t, rand.Uint64())
	verdicts := map[object.Verdict]int{}
	for range 4000 {
		saw := g.model()
		ops := g.transaction(saw)
		names, payload := encode(t, saw, ops)
		m := saw.clone()
		for _, k := range []string{"k", "m"} { // somebody else has been here
			switch row := m[k]; g.IntN(6) {
			case 0:
				m[k] = g.row()
			case 1:
				delete(m, k)
			case 2:
				if row != nil {
					row["a"] = g.value("a")
				}
			case 3: // and did the same
				for _, op := range ops {
					if g.IntN(4) > 0 {
						_ = m.do(op, false)
					}
				}
			}
		}
		b := newBench()
		b.state = m.state(t)
		before := fmt.Sprint(m.text())
		want := m.run(ops)
		got := b.run(t, names, payload).Verdict
		verdicts[got]++
		if got != want || !maps.Equal(b.state.rows(t), m.text()) {
			t.Fatalf("%+v on %s:\nverdict %v, want %v\nstate %v, want %v", ops, before, got, want, b.state.rows(t), m.text())
		}
	}
	for _, v := range []object.Verdict{object.VerdictApplied, object.VerdictNoop, object.VerdictExcluded} {
		if verdicts[v] < 50 {
			t.Errorf("only %d transactions were %v: the test says little", verdicts[v], v)
		}
	}
}

// TestApart: operations on rows of their own come to the same without an overlay.
func TestApart(t *testing.T) {
	g := newGenerator(t, rand.Uint64())
	r, seen := NewRunner(), map[object.Verdict]int{}
	for range 6000 {
		saw, start := g.model(), g.model()
		if g.IntN(2) == 0 {
			start = saw.clone()
		}
		drafts := g.transaction(saw)
		names, payload := encode(t, saw, drafts)
		for _, op := range drafts { // perhaps somebody did the same
			if g.IntN(4) > 0 {
				_ = start.do(op, false)
			}
		}
		ops, err := NewDecoder(NewDict(names)).Decode(payload)
		if err != nil {
			t.Fatal(err)
		}
		if len(ops) == 1 || !apart(ops) {
			continue
		}
		r.base.View = start.state(t)
		var results [2]string
		for i, run := range []func([]Op, *contract.Outcome) error{r.runApart, r.runLayered} {
			var out contract.Outcome
			out.Reset()
			if err := run(ops, &out); err != nil {
				t.Fatal(err)
			}
			after := start.state(t)
			after.apply(t, &out)
			results[i] = fmt.Sprint(out.Verdict, out.Exclusion != nil, after.rows(t))
			if out.Exclusion != nil {
				results[i] += fmt.Sprintf("%+v", *out.Exclusion)
			}
			for _, e := range out.Effects {
				results[i] += fmt.Sprintf(" %x %d %v %d", e.Key, e.Kind, e.Ensure, e.Op)
			}
			seen[out.Verdict]++
		}
		if results[0] != results[1] {
			t.Fatalf("on %v:\napart   %s\nlayered %s\n%x", start.text(), results[0], results[1], payload)
		}
	}
	for _, v := range []object.Verdict{object.VerdictApplied, object.VerdictNoop, object.VerdictExcluded} {
		if seen[v] < 20 {
			t.Errorf("only %d transactions were %v: the test says little", seen[v], v)
		}
	}
}

// conflict says whether two access lists do not commute.
func conflict(a, b []contract.Access) bool {
	x, y := confine(nil, a).declared, confine(nil, b).declared
	for u, m := range x {
		if n, ok := y[u]; ok && (m != n || m == contract.Write) {
			return true
		}
	}
	return false
}

// TestCommute runs pairs of transactions whose lists do not conflict in both orders: the
// verdicts, the reasons and the state are the same.
func TestCommute(t *testing.T) {
	g := newGenerator(t, rand.Uint64())
	pairs := 0
	for range 8000 {
		saw := g.model()
		start := g.model()
		if g.IntN(2) == 0 {
			start = saw.clone()
		}
		var names [2][]string
		var payloads [2][]byte
		var lists [2][]contract.Access
		for i := range 2 {
			names[i], payloads[i] = encode(t, saw, g.transaction(saw))
			ops, err := NewDecoder(NewDict(names[i])).Decode(payloads[i])
			if err != nil {
				t.Fatal(err)
			}
			lists[i] = Declare(ops, nil)
		}
		if conflict(lists[0], lists[1]) {
			continue
		}
		pairs++
		var results [2]string
		for first := range 2 {
			b := newBench()
			b.state = start.state(t)
			var each [2]string
			for _, i := range []int{first, 1 - first} {
				out := b.run(t, names[i], payloads[i])
				each[i] = fmt.Sprint(out.Verdict)
				if out.Exclusion != nil {
					each[i] += fmt.Sprintf("%+v", *out.Exclusion)
				}
			}
			results[first] = fmt.Sprint(each, b.state.rows(t))
		}
		if results[0] != results[1] {
			t.Fatalf("on %v\none order:   %s\nthe other:   %s\n%x\n%x", start.text(), results[0], results[1], payloads[0], payloads[1])
		}
	}
	if pairs < 300 {
		t.Errorf("only %d pairs did not conflict", pairs)
	}
}

// TestGrowth checks that no transaction grows a row by more than it declares.
func TestGrowth(t *testing.T) {
	g := newGenerator(t, rand.Uint64())
	for range 1000 {
		saw := g.model()
		names, payload := encode(t, saw, g.transaction(saw))
		ops, err := NewDecoder(NewDict(names)).Decode(payload)
		if err != nil {
			t.Fatal(err)
		}
		grow := map[string]*contract.Growth{}
		for _, a := range Declare(ops, nil) {
			if grow[string(a.Key)] == nil {
				grow[string(a.Key)] = &contract.Growth{}
			}
			grow[string(a.Key)].Add(&a)
		}
		b := newBench()
		b.state = saw.state(t)
		before := b.state.clone()
		b.run(t, names, payload)
		for k, row := range b.state {
			may := 0
			if g := grow[k]; g != nil {
				may = g.Bytes()
			}
			if got := len(row) - len(before[k]); got > may {
				t.Fatalf("row grew by %d bytes, declared %d", got, may)
			}
		}
	}
}

// TestDiffRows checks that the operation makes the one row of the other.
func TestDiffRows(t *testing.T) {
	g := newGenerator(t, rand.Uint64())
	for range 1000 {
		from, to := g.model(), g.model()
		delete(from, "m")
		delete(to, "m")
		b := newBench()
		b.state = from.state(t)
		goal := to.state(t)
		old, _, _ := b.state.Row(stateKey(t, "k"))
		new, _, _ := goal.Row(stateKey(t, "k"))
		op, differ := DiffRows("t", key.Append(nil, key.Text("k")), old, new)
		if differ == from.equal(to) {
			t.Fatalf("%v and %v: differ is %v", from, to, differ)
		}
		if !differ {
			continue
		}
		d := newDictionary()
		builder := NewBuilder(d)
		if err := builder.Add(&op); err != nil {
			t.Fatal(err)
		}
		if v := b.run(t, d.Names(), builder.AppendPayload(nil)).Verdict; v != object.VerdictApplied {
			t.Fatalf("from %v to %v: %v", from, to, v)
		}
		if !maps.Equal(b.state.rows(t), to.text()) {
			t.Fatalf("%v became %v, want %v", from, b.state.rows(t), to)
		}
	}
}

// TestOutcomeOutlivesRunner checks that an outcome stays the same while its decoder and
// runner go on with other transactions.
func TestOutcomeOutlivesRunner(t *testing.T) {
	g := newGenerator(t, rand.Uint64())
	decoder, runner := NewDecoder(nil), NewRunner()
	show := func(out *contract.Outcome) string { return fmt.Sprintf("%v %+v", out.Verdict, out.Effects) }
	for range 1000 {
		var outs [2]contract.Outcome
		first := ""
		for i := range outs {
			saw := g.model()
			names, payload := encode(t, saw, g.transaction(saw))
			decoder.Reset(NewDict(names))
			ops, err := decoder.Decode(payload)
			if err != nil {
				t.Fatal(err)
			}
			if err := runner.Run(ops, saw.state(t), &outs[i]); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = show(&outs[0])
			}
		}
		if again := show(&outs[0]); again != first {
			t.Fatalf("outcome changed from\n%s\nto\n%s", first, again)
		}
	}
}
