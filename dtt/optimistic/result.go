package optimistic

import "aergo/dtt"

// Lists returns what the transactions of the last block accessed: reads, deltas, and
// writes, by the builder given, which it resets.
func (e *Engine[V]) Lists(b *dtt.ListBuilder) (*dtt.Lists, error) {
	return e.lists(b, func(u dtt.Unit) dtt.Unit { return u })
}

// Renumbered returns the same lists with units numbered from 0 in the order in which the
// block touches them, and by number the units that they are in the run. So the lists do not
// depend on the numbers that Keys gave, and their numbers are dense.
func (e *Engine[V]) Renumbered(b *dtt.ListBuilder) (*dtt.Lists, []dtt.Unit, error) {
	var units []dtt.Unit
	numbers := map[dtt.Unit]dtt.Unit{}
	lists, err := e.lists(b, func(u dtt.Unit) dtt.Unit {
		number, ok := numbers[u]
		if !ok {
			number = dtt.Unit(len(units))
			numbers[u] = number
			units = append(units, u)
		}
		return number
	})
	return lists, units, err
}

func (e *Engine[V]) lists(b *dtt.ListBuilder, number func(dtt.Unit) dtt.Unit) (*dtt.Lists, error) {
	b.Reset()
	if !e.complete {
		return nil, ErrNoResult
	}
	for tx := range e.records[:e.ran] {
		r := e.records[tx].Load()
		b.Begin()
		for i := range r.reads {
			b.Add(number(r.reads[i].unit), dtt.Read)
		}
		for i := range r.changes {
			mode := dtt.Write
			if r.changes[i].kind == changed {
				mode = dtt.Delta
			}
			b.Add(number(r.changes[i].unit), mode)
		}
	}
	return b.Lists()
}

// Changes calls fn for every unit that the last block changed, with its value after the
// block, in the order in which the block first changes them. It fails with the errors of
// Ledger.Load and of fn.
func (e *Engine[V]) Changes(fn func(u dtt.Unit, value V) error) error {
	if !e.complete {
		return ErrNoResult
	}
	v := View[V]{memory: &e.memory, ledger: e.ledger}
	for tx := range e.records[:e.ran] {
		changes := e.records[tx].Load().changes
		for i := range changes {
			u := changes[i].unit
			cell := e.memory.cell(u)
			if cell.versions[0].tx != uint32(tx) {
				continue
			}
			s := cell.see(nobody, v.deltas)
			value, err := v.resolve(u, &s)
			if err == nil {
				err = fn(u, value)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Stats returns what the last run did.
func (e *Engine[V]) Stats() Stats {
	sum := Stats{Transactions: e.ran}
	for i := range e.workers {
		w := &e.workers[i].stats
		sum.Executions += w.Executions
		sum.Blocked += w.Blocked
		sum.Validations += w.Validations
	}
	return sum
}
