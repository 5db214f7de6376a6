package table

import (
	"fmt"
	"slices"
	"strings"

	"aergo/contract"
	"aergo/contract/value"
	"aergo/repo/object"
)

// What a branch's resolver decides: a field that a put sets, and that holds neither what its
// author saw nor what its author wrote; and the fields of a row that both sides have made.
// Deltas need no resolver, rows that are gone and operations on whole rows have no field to
// decide, and exact and forced operations mean what they say.

// MaxReasonBytes is the length of the longest reason that a resolver excludes for.
const MaxReasonBytes = object.MaxReasonBytes

// resolvedArg is what a field becomes in place of the argument of this index.
type resolvedArg struct {
	index int
	value []byte
}

// declareLooks appends the fields that the rules for what ops set look at.
func declareLooks(ops []Op, resolver contract.Resolver, dst []contract.Access) []contract.Access {
	for i := range ops {
		op := &ops[i]
		if op.Code != Put && op.Code != Insert || op.Flags&(Exact|Force) != 0 {
			continue
		}
		for j := range op.Fields {
			looks, ok := resolver.Looks(op.Table, op.Fields[j].Name)
			if ok { // an answer may be longer than what it answers
				dst = append(dst, contract.Access{Key: op.Key, Part: contract.PartField, Field: op.Fields[j].Name, Mode: contract.Read, GrowBytes: MaxRowBytes})
			}
			for _, name := range looks {
				dst = append(dst, contract.Access{Key: op.Key, Part: contract.PartField, Field: name, Mode: contract.Read})
			}
		}
	}
	return dst
}

// resolve asks the resolver what a field becomes that fail is about. The failure stays if
// there is no rule, or if what the author saw is not known. A side tells of its transaction
// as a whole: so the failure stays, too, if another operation changes the field as well.
func (r *Runner) resolve(op *Op, schema *Schema, arg *Arg, src source, fail failure) ([]byte, failure, error) {
	side := r.merging.Side(op.Key)
	if side == nil || op.Flags&(Exact|Force) != 0 || op.Code == Define {
		return nil, fail, nil
	}
	looks, ok := r.merging.Resolver.Looks(op.Table, arg.Name)
	if !ok {
		return nil, fail, nil
	}
	before, _ := Lookup(side.Base, arg.Name)
	after, _ := Lookup(side.Theirs, arg.Name)
	if !seenMatches(arg.Seen, before) || !same(after, arg.Value) {
		return nil, fail, nil
	}
	ours, current, err := lookedAt(op, arg.Name, looks, src)
	if err != nil {
		return nil, fail, err
	}
	if same(current, arg.Value) {
		r.waived = true
		return arg.Value, failure{}, nil
	}
	r.asked = true
	answer, err := r.merging.Resolver.Resolve(&contract.Conflict{
		Table: op.Table, Tuple: op.Tuple, Field: arg.Name, Base: side.Base, Ours: ours, Theirs: side.Theirs,
		OursMillis: max(side.OursMillis[arg.Name], side.OursMillis[""]), Author: r.merging.Author, TimeMillis: r.merging.TimeMillis,
	})
	if err != nil {
		return nil, fail, err
	}
	if answer.Exclude {
		return nil, failure{reason: object.ReasonResolver, field: arg.Name, found: []byte(cut(answer.Reason))}, nil
	}
	if reason := schema.reasonOf(arg.Name, answer.Value); reason != object.ReasonNone {
		return nil, fail, fmt.Errorf("%w: %s.%s: the answer %s does not fit: %v", contract.ErrResolver, op.Table, arg.Name, value.AppendJSON(nil, answer.Value), reason)
	}
	return answer.Value, failure{}, nil
}

// cut shortens a reason to what an exclusion holds.
func cut(reason string) string {
	if len(reason) <= MaxReasonBytes {
		return reason
	}
	return strings.ToValidUTF8(reason[:MaxReasonBytes], "")
}

// lookedAt returns a row of the fields that a rule looks at, and the field that it decides.
func lookedAt(op *Op, field string, looks []string, src source) (row, current []byte, err error) {
	names := append(slices.Clone(looks), field)
	slices.Sort(names)
	var fields []value.Field
	for _, name := range slices.Compact(names) {
		enc, ok, err := src.Field(op.Key, name)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		if name == field {
			current = enc
		}
		fields = append(fields, value.Field{Name: name, Enc: enc})
	}
	row, err = AppendRow(nil, fields)
	return row, current, err
}

// insertResolved goes on with an operation that makes a row which is there already, if
// there is a rule for some field of it: each field that ours does not have is set, and each
// that differs needs the resolver. If one can't be decided, the failure is that the row
// exists.
func (r *Runner) insertResolved(op *Op, schema *Schema, src source, fail *failure, out *contract.Outcome) (failure, error) {
	side := r.merging.Side(op.Key)
	if side == nil || side.Base != nil || op.Flags&(Exact|Force) != 0 || op.Code == Define {
		return *fail, nil
	}
	hasRule := func(arg Arg) bool { _, ok := r.merging.Resolver.Looks(op.Table, arg.Name); return ok }
	if !slices.ContainsFunc(op.Fields, hasRule) {
		return *fail, nil
	}
	values := make([][]byte, len(op.Fields))
	for i := range op.Fields {
		arg := &op.Fields[i]
		if reason := schema.reasonOf(arg.Name, arg.Value); reason != object.ReasonNone {
			return failure{reason: reason, field: arg.Name}, nil
		}
		current, _, err := src.Field(op.Key, arg.Name)
		if err != nil {
			return *fail, err
		}
		if value.Absent(current) || same(current, arg.Value) {
			values[i] = arg.Value
			continue
		}
		var still failure
		if values[i], still, err = r.resolve(op, schema, arg, src, *fail); err != nil || still.failed() {
			return still, err
		}
	}
	r.waived = true
	e := out.Add(op.Key, contract.EffectFields)
	for i := range op.Fields {
		addField(e, op.Fields[i].Name, values[i])
	}
	return failure{}, nil
}

// tellResolved sets the verdict of a transaction that applies thanks to the resolver: it is
// resolved, or no-op where that had nothing to decide, since both sides wrote the same.
func (r *Runner) tellResolved(ops []Op, out *contract.Outcome) error {
	out.Verdict = object.VerdictResolved
	if r.asked || slices.ContainsFunc(ops, func(op Op) bool { return op.Code == Incr || op.Flags&(Exact|Create) != 0 }) {
		return nil // isNoop leaves these out for the same reasons
	}
	for i := range out.Effects {
		if held, err := r.held(&out.Effects[i]); err != nil || !held {
			return err
		}
	}
	out.Verdict, out.Effects = object.VerdictNoop, out.Effects[:0]
	return nil
}
