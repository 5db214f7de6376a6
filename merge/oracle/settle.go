package oracle

import "maps"

// settlement says, by row, what the transactions of a merge settle among themselves: the
// names of fields, or all of the row.
type settlement map[string]settledRow

type settledRow struct {
	all    bool
	fields map[string]bool
}

// leave returns the operations without what is settled, and the place of each among ops.
// Only puts leave out single fields. A put that has no fields left and saw the row has
// nothing left at all; one that saw none still makes it.
func (s settlement) leave(ops []Op) (left []Op, places []int) {
	for i, op := range ops {
		row, known := s[op.Key]
		if row.all {
			continue
		}
		if known && op.Kind == Put {
			had := len(op.Fields)
			op.Fields = maps.Clone(op.Fields)
			maps.DeleteFunc(op.Fields, func(name string, _ Value) bool { return row.fields[name] })
			if len(op.Fields) == 0 && had > 0 && op.SawRow {
				continue
			}
		}
		left, places = append(left, op), append(places, i)
	}
	return left, places
}

// settle finds what transactions settle on a target's state.
func settle(target State, txs []*Tx) settlement {
	byRow := map[string][]Op{}
	for _, tx := range txs {
		for _, op := range tx.Ops {
			byRow[op.Key] = append(byRow[op.Key], op)
		}
	}
	out := settlement{}
	for key, ops := range byRow {
		if row := settleRow(target[key], ops); row.all || len(row.fields) > 0 {
			out[key] = row
		}
	}
	return out
}

// settleRow finds what operations on one row settle, given the target's row.
func settleRow(target Row, ops []Op) settledRow {
	if len(ops) < 2 {
		return settledRow{}
	}
	for i := range ops {
		if ops[i].isDelta() || ops[i].Exact || ops[i].Force {
			return settledRow{} // those mean what they say
		}
	}
	first, last := &ops[0], &ops[len(ops)-1]
	wasThere, isThere := first.Kind != Insert && first.SawRow, last.Kind != Delete
	if !isThere {
		return settledRow{all: !wasThere || target == nil}
	}
	// The source's last version is known if it made the row, or made it anew.
	version, known := Row(nil), !wasThere
	onlyPuts := true
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case Put:
			version = putFields(version, op.Fields)
		case Delete:
			version, known, onlyPuts = nil, true, false
		default:
			version, known, onlyPuts = maps.Clone(Row(op.Fields)), true, false
		}
	}
	if known && (version.equal(target) || first.SawAll != nil && version.equal(first.SawAll)) {
		return settledRow{all: true}
	}
	if !onlyPuts {
		return settledRow{}
	}
	return settleFields(target, ops, wasThere)
}

// settleFields finds the fields whose last value is what was seen at first, or what the
// target holds. If they are all that there is, the row is settled as a whole.
func settleFields(target Row, puts []Op, wasThere bool) settledRow {
	seen, last := map[string]Value{}, map[string]Value{}
	for i := range puts {
		for name, v := range puts[i].Fields {
			if _, known := last[name]; !known {
				seen[name] = puts[i].Saw[name]
			}
			last[name] = v
		}
	}
	fields := map[string]bool{}
	for name, v := range last {
		if v == seen[name] || target != nil && v == target[name] {
			fields[name] = true
		}
	}
	return settledRow{all: wasThere && len(fields) == len(last), fields: fields}
}
