package oracle

import (
	"slices"
)

// Revert returns the transactions that take back on a head what others did there, the last
// one first: numbers that were added are subtracted, elements that joined a set leave it,
// and fields and rows that were set become what they were. It fails with ErrConflict if one
// of those is something else by now, ErrNotHere if one of the transactions is not on the
// chain, and ErrNothing if there is nothing to take back.
func Revert(head *Block, txs []*Tx) (*Draft, error) {
	chosen := map[ID]bool{}
	account := head.Account()
	for _, tx := range txs {
		if account[tx.ID] == nil {
			return nil, ErrNotHere
		}
		chosen[tx.ID] = true
	}
	standing := head.Standing()
	slices.Reverse(standing)
	d := NewDraft(head.State)
	for _, e := range standing {
		if !chosen[e.Tx.ID] || e.Verdict != Applied {
			continue
		}
		back, err := opposite(d.On, e)
		if err != nil {
			return nil, err
		}
		if len(back) == 0 {
			continue
		}
		tx := &Tx{Ops: back, ID: ID{Index: len(d.Txs)}}
		got := decide(d.On, tx, nil)
		if got.Failure != nil {
			return nil, ErrConflict
		}
		d.On = got.After
		d.Txs = append(d.Txs, tx)
	}
	if len(d.Txs) == 0 {
		return nil, ErrNothing
	}
	return d, nil
}

// opposite returns the operations that take back what an entry did, the last row first.
func opposite(now State, e *Entry) ([]Op, error) {
	var keys []string // as the transaction came to them
	for i := range e.ran {
		if !slices.Contains(keys, e.ran[i].Key) {
			keys = append(keys, e.ran[i].Key)
		}
	}
	slices.Reverse(keys)
	var out []Op
	for _, key := range keys {
		var ops []Op
		whole := false
		for _, op := range e.ran {
			if op.Key == key {
				ops = append(ops, op)
				whole = whole || op.isWhole()
			}
		}
		before, after, current := e.before[key], e.after[key], now[key]
		switch {
		case current.equal(before):
		case (whole || before == nil) && current.equal(after):
			out = append(out, difference(key, current, before))
		case whole || current == nil:
			return nil, ErrConflict
		default:
			back, err := oppositeFields(key, ops, before, after, current)
			if err != nil {
				return nil, err
			}
			out = append(out, back...)
		}
	}
	return out, nil
}

// difference returns the operation that makes one row of another.
func difference(key string, from, to Row) Op {
	if to == nil {
		return Op{Kind: Delete, Key: key, SawRow: true, SawAll: from}
	}
	op := Op{Kind: Put, Key: key, SawRow: from != nil, Fields: map[string]Value{}, Saw: map[string]Value{}}
	for _, r := range []Row{from, to} {
		for name := range r {
			if from[name] != to[name] {
				op.Fields[name], op.Saw[name] = to[name], from[name]
			}
		}
	}
	return op
}

// change is what the operations of one transaction did to a field.
type change struct {
	isSet             bool
	isSum             bool
	sum               int
	appended, removed map[string]bool // by element; one may be both
}

// changes sums up what operations did, by field. What is set is set, whatever else was
// done to it.
func changes(ops []Op) map[string]*change {
	out := map[string]*change{}
	for i := range ops {
		for name, v := range ops[i].Fields {
			c := out[name]
			if c == nil {
				c = &change{appended: map[string]bool{}, removed: map[string]bool{}}
				out[name] = c
			}
			switch ops[i].Kind {
			case Add:
				n, _ := v.number()
				c.isSum, c.sum = true, c.sum+n
			case Append:
				c.appended[v.element()], c.removed[v.element()] = true, false
			case Remove:
				c.removed[v.element()] = true
			default:
				c.isSet = true
			}
		}
	}
	return out
}

// oppositeFields takes changes of single fields back: deltas by their opposite, one
// operation each, whatever the field holds now, and values by one put, if nobody has
// changed them since.
func oppositeFields(key string, ops []Op, before, after, current Row) ([]Op, error) {
	did := changes(ops)
	var out []Op
	put := Op{Kind: Put, Key: key, SawRow: true, Fields: map[string]Value{}, Saw: map[string]Value{}}
	for _, name := range sortedNames(did) {
		c := did[name]
		one := func(kind Kind, v Value) {
			out = append(out, Op{Kind: kind, Key: key, Fields: map[string]Value{name: v}})
		}
		switch {
		case c.isSet:
			switch current[name] {
			case before[name]:
			case after[name]:
				put.Fields[name], put.Saw[name] = before[name], current[name]
			default:
				return nil, ErrConflict
			}
		case c.isSum:
			one(Add, Integer(-c.sum))
		default:
			was, _ := before[name].elements()
			for _, e := range elementsOf(c) {
				had := slices.Contains(was, e)
				if c.appended[e] && !had {
					one(Remove, quote(e))
				}
				if c.removed[e] && had {
					one(Append, quote(e))
				}
			}
		}
	}
	if len(put.Fields) > 0 {
		out = append(out, put)
	}
	return out, nil
}

func sortedNames(did map[string]*change) []string {
	var out []string
	for name := range did {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// elementsOf returns the elements that a change is about, in order.
func elementsOf(c *change) []string {
	var out []string
	for _, set := range []map[string]bool{c.appended, c.removed} {
		for e := range set {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func quote(element string) Value { return Value(`"` + element + `"`) }
