package table

import (
	"bytes"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
)

// Runner runs transactions of table operations. It keeps memory and parsed schemas from
// one to the next, which never changes a result, and is not safe for concurrent use.
type Runner struct {
	schemas schemaCache
	base    base
	overlay overlay
	steps   contract.Outcome  // the effects of single operations, for the overlay
	merging *contract.Merging // nil outside merges
	asked   bool              // the resolver has decided some cell
	waived  bool              // a precondition that does not hold was let pass without asking it
}

// NewRunner returns a runner.
func NewRunner() *Runner { return &Runner{} }

// mode is how a step treats preconditions.
type mode uint8

const (
	strict   mode = iota // they hold, or the step fails
	converge             // or, for each of them, the effect holds already
	forced               // they are not looked at
)

// failure is why a step cannot be made. The zero failure is none.
type failure struct {
	reason object.Reason
	field  string
	found  []byte
	// precondition says that something else was there than the author saw, rather than
	// that the operation can never be made.
	precondition bool
}

func (f *failure) failed() bool { return f.reason != object.ReasonNone }

// Run executes ops, which a Decoder has accepted, on a view and fills out. The verdict is
// applied if every precondition holds in the order of operations, each on the view that
// the ones before it leave; else no-op if everything that the transaction would leave
// behind is there already; else excluded for the first failure, in the order of operations,
// then key and existence, then fields by name. There are three refinements:
//
//   - A single put, or define, is judged part by part: existence and each field must hold
//     what the author saw or what the author wrote. It is a no-op if all parts hold the
//     latter and one of them not the former.
//   - Nothing with an exact operation is a no-op, nor does an exact put go part by part.
//   - Nothing with an incr, or with a delta that may create its row, is a no-op: the first
//     leaves nothing that could be recognised, the second does not read existence. Nor is
//     what appends an element and then removes it, which may leave an empty list.
//
// out refers to itself, the payload and the dictionary, so it outlives the decoder's and
// the runner's next use. An error is the view's, or of a row that is damaged; out is void then.
func (r *Runner) Run(ops []Op, view contract.View, out *contract.Outcome) error {
	out.Reset()
	out.CostUnits = Cost(ops)
	r.base.View, r.asked, r.waived = view, false, false
	var err error
	if len(ops) == 1 {
		err = r.runOne(ops, out)
	} else {
		err = r.runMany(ops, out)
	}
	if err == nil && (r.asked || r.waived) && out.Verdict == object.VerdictApplied {
		err = r.tellResolved(ops, out)
	}
	for i := range out.Effects {
		e := &out.Effects[i]
		from := len(out.Memory)
		out.Memory = append(out.Memory, e.Key...)
		e.Key = out.Memory[from:len(out.Memory):len(out.Memory)]
	}
	return err
}

func (r *Runner) runOne(ops []Op, out *contract.Outcome) error {
	op, m := &ops[0], strict
	if op.Code.fieldwise() && op.Flags&Exact == 0 {
		m = converge
	}
	fail, err := r.step(op, &r.base, m, out)
	if err != nil || !fail.failed() {
		return err
	}
	if m == converge {
		exclude(out, 0, op, &fail)
		return nil
	}
	return r.settle(ops, 0, &fail, out)
}

// apartOps is up to how many operations a look at each pair of them, whether they are on one
// row, is cheaper than an overlay.
const apartOps = 8

// apart says whether no operation of a transaction is on a row, or follows the schema, that
// another one changes.
func apart(ops []Op) bool {
	if len(ops) > apartOps {
		return false
	}
	for i := range ops {
		for j := range i {
			if ops[i].Code == Define || ops[j].Code == Define || bytes.Equal(ops[i].Key, ops[j].Key) {
				return false
			}
		}
	}
	return true
}

func (r *Runner) runMany(ops []Op, out *contract.Outcome) error {
	if apart(ops) {
		return r.runApart(ops, out)
	}
	return r.runLayered(ops, out)
}

// runLayered is runMany for any operations: each sees those before it through the overlay.
func (r *Runner) runLayered(ops []Op, out *contract.Outcome) error {
	r.overlay.reset(&r.base)
	r.steps.Reset()
	for i := range ops {
		fail, err := r.step(&ops[i], &r.overlay, strict, &r.steps)
		if err != nil {
			return err
		}
		if fail.failed() {
			return r.settle(ops, i, &fail, out)
		}
		if err := r.absorb(i); err != nil {
			return err
		}
	}
	return r.overlay.emit(out)
}

// runApart is runMany for operations none of which sees what another has done.
func (r *Runner) runApart(ops []Op, out *contract.Outcome) error {
	for i := range ops {
		fail, err := r.step(&ops[i], &r.base, strict, out)
		if err != nil {
			return err
		}
		if fail.failed() {
			return r.settle(ops, i, &fail, out)
		}
		out.Effects[len(out.Effects)-1].Op = uint64(i)
	}
	return nil
}

// absorb lets the overlay take the effect of the step just made, of operation i.
func (r *Runner) absorb(i int) error {
	e := &r.steps.Effects[len(r.steps.Effects)-1]
	e.Op = uint64(i)
	return r.overlay.absorb(e)
}

// settle decides what becomes of a transaction whose operation i failed.
func (r *Runner) settle(ops []Op, i int, fail *failure, out *contract.Outcome) error {
	if fail.precondition {
		noop, err := r.isNoop(ops)
		if err != nil {
			return err
		}
		if noop {
			out.Verdict = object.VerdictNoop
			out.Effects = out.Effects[:0]
			return nil
		}
	}
	exclude(out, i, &ops[i], fail)
	return nil
}

func exclude(out *contract.Outcome, i int, op *Op, fail *failure) {
	out.Exclude(object.Exclusion{
		Reason: fail.reason, Op: uint64(i), Key: bytes.Clone(op.Key), Field: fail.field, Found: fail.found,
	})
}

// isNoop says whether all that ops would leave behind, were there no preconditions, is
// there already.
func (r *Runner) isNoop(ops []Op) (bool, error) {
	r.overlay.reset(&r.base)
	r.steps.Reset()
	for i := range ops {
		op := &ops[i]
		if op.Code == Incr || op.Flags&(Exact|Create) != 0 {
			return false, nil
		}
		fail, err := r.step(op, &r.overlay, forced, &r.steps)
		if err != nil || fail.failed() {
			return false, err
		}
		if err := r.absorb(i); err != nil {
			return false, err
		}
	}
	n := len(r.steps.Effects) // they stay, for the overlay refers to their memory
	if err := r.overlay.emit(&r.steps); err != nil {
		return false, err
	}
	for i := n; i < len(r.steps.Effects); i++ {
		if held, err := r.held(&r.steps.Effects[i]); err != nil || !held {
			return false, err
		}
	}
	return true, nil
}

// held says whether the state is already what an effect would make it.
func (r *Runner) held(e *contract.Effect) (bool, error) {
	switch e.Kind {
	case contract.EffectPut:
		row, ok, err := r.base.Row(e.Key)
		return ok && bytes.Equal(row, e.Row), err
	case contract.EffectDelete:
		exists, err := r.base.Exists(e.Key)
		return !exists, err
	}
	exists, err := r.base.Exists(e.Key)
	if err != nil || !exists {
		return false, err
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		current, _, err := r.base.Field(e.Key, f.Name)
		if err != nil {
			return false, err
		}
		held := false
		switch f.Kind {
		case contract.FieldSet, contract.FieldUnset:
			held = same(current, f.Value)
		case contract.FieldAdd:
			held = value.Contains(current, f.Value)
		case contract.FieldRemove:
			held = !value.Contains(current, f.Value)
		}
		if !held {
			return false, nil
		}
	}
	return true, nil
}

// same says whether two encoded values are equal; absent ones are.
func same(a, b []byte) bool {
	return bytes.Equal(a, b) || value.Absent(a) && value.Absent(b)
}

// schema returns the schema of a table on a view, nil if it has none.
func (r *Runner) schema(op *Op, src source) (*Schema, error) {
	row, ok, err := src.Row(op.schemaKey())
	if err != nil || !ok {
		return nil, err
	}
	return r.schemas.parse(op.Table, row)
}

// base is a View as a source.
type base struct {
	contract.View
}

func (b *base) kind(key []byte, name string) (value.Kind, error) {
	v, ok, err := b.Field(key, name)
	if err != nil || !ok {
		return value.KindAbsent, err
	}
	return value.KindOf(v), nil
}

func (b *base) contains(key []byte, name string, element []byte) (bool, error) {
	v, _, err := b.Field(key, name)
	return value.Contains(v, element), err
}
