package oracle

// Verdict is what became of a transaction on a branch, as the product words it.
type Verdict string

// The verdicts.
const (
	Applied  Verdict = "applied"
	Noop     Verdict = "no-op"
	Excluded Verdict = "excluded"
	Dropped  Verdict = "dropped"
)

// isApplied says whether a verdict counts as applied.
func (v Verdict) isApplied() bool { return v == Applied || v == Noop }

// decision is what becomes of a transaction on a state.
type decision struct {
	Verdict Verdict
	Failure *Failure // if excluded
	After   State
	Ran     []Op // what was done, without what is settled
}

// decide runs a transaction on a state. What is settled is left out first; a transaction
// of which nothing is left is a no-op.
//
// If all preconditions hold, in the order of the operations, it applies. Else, if all that
// it would leave behind is there already, it is a no-op. Else it is excluded for the first
// failure.
func decide(s State, tx *Tx, settled settlement) decision {
	ops, places := settled.leave(tx.Ops)
	d := decision{After: s, Ran: ops}
	if len(ops) == 0 {
		d.Verdict = Noop
		return d
	}
	if len(ops) == 1 && ops[0].Kind == Put && !ops[0].Exact && !ops[0].Force {
		d.Verdict, d.Failure, d.After = converge(s, &ops[0])
		d.place(places)
		return d
	}
	after := s.clone()
	for i := range ops {
		if d.Failure = step(after, &ops[i], true); d.Failure != nil {
			d.Failure.Op = i
			break
		}
	}
	switch {
	case d.Failure == nil:
		d.Verdict, d.After = Applied, after
	case canConverge(ops, d.Failure) && leavesNothing(s, ops):
		d.Verdict, d.Failure = Noop, nil
	default:
		d.Verdict = Excluded
	}
	d.place(places)
	return d
}

// place turns the number of the failing operation into that of the signed transaction.
func (d *decision) place(places []int) {
	if d.Failure != nil {
		d.Failure.Op = places[d.Failure.Op]
	}
}

// converge decides a transaction of a single put, part by part: existence and every field
// hold what the author saw or what the author wrote. If they hold what was written, and not
// all of them what was seen, it is a no-op.
func converge(s State, op *Op) (Verdict, *Failure, State) {
	row := s[op.Key]
	if op.SawRow && row == nil {
		return Excluded, &Failure{Reason: RowGone, Key: op.Key}, s
	}
	asSeen, asWritten := op.SawRow == (row != nil), row != nil
	for _, name := range names(op.Fields) {
		seen, written := row[name] == op.Saw[name], row[name] == op.Fields[name]
		if !seen && !written {
			return Excluded, &Failure{Reason: FieldChanged, Key: op.Key, Field: name}, s
		}
		asSeen, asWritten = asSeen && seen, asWritten && written
	}
	if !asSeen && asWritten {
		return Noop, nil, s
	}
	after := s.clone()
	after.put(op.Key, putFields(row, op.Fields))
	return Applied, nil, after
}

// canConverge says whether a transaction may be a no-op at all. What can never be done, an
// exact operation, a number that is added and a delta that may create its row never are.
func canConverge(ops []Op, f *Failure) bool {
	if !f.Reason.isConflict() || f.Reason == RowMissing {
		return false
	}
	for i := range ops {
		if ops[i].Kind == Add || ops[i].Exact || ops[i].Create {
			return false
		}
	}
	return true
}

// leavesNothing says whether a state is already what operations would make of it, were
// there no preconditions. An element that is first put in a set and then taken out leaves a
// set behind where there was none, so that is never so, unless the operations say themselves
// what the set is.
func leavesNothing(s State, ops []Op) bool {
	after := s.clone()
	for i := range ops {
		if step(after, &ops[i], false) != nil || leavesSet(ops[:i+1], ops[i+1:]) {
			return false
		}
	}
	return after.Equal(s)
}

// leavesSet says whether the last of some operations takes an element out that one of them
// has put in, into a set that neither they nor those after them make.
func leavesSet(ops, later []Op) bool {
	last := &ops[len(ops)-1]
	if last.Kind != Remove {
		return false
	}
	for name, element := range last.Fields {
		appended, made := false, false
		for i := range ops {
			appended = appended || ops[i].Kind == Append && ops[i].Key == last.Key && ops[i].Fields[name] == element
			made = made || ops[i].sets(last.Key, name)
		}
		for i := range later {
			made = made || later[i].sets(last.Key, name)
		}
		if appended && !made {
			return true
		}
	}
	return false
}

// sets says whether an operation says what a field holds, whatever was there.
func (op *Op) sets(key, name string) bool {
	_, named := op.Fields[name]
	return op.Key == key && (op.isWhole() || op.Kind == Put && named)
}
