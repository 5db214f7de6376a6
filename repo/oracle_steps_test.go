package repo

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"aergo/merge/oracle"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// randomOps returns what a transaction is to do: mostly one operation, sometimes several,
// often on one row, or one that takes back the one before it.
func (tr *trial) randomOps() []oracle.Op {
	ops := []oracle.Op{tr.randomOp()}
	for tr.rng.IntN(4) == 0 {
		op, last := tr.randomOp(), ops[len(ops)-1]
		switch {
		case last.Kind == oracle.Append && tr.rng.IntN(2) == 0:
			op = oracle.Op{Kind: oracle.Remove, Key: last.Key, Fields: last.Fields}
		case last.Kind == oracle.Remove && tr.rng.IntN(2) == 0:
			op = oracle.Op{Kind: oracle.Append, Key: last.Key, Fields: last.Fields}
		case tr.rng.IntN(2) == 0:
			op.Key = last.Key
		}
		ops = append(ops, op)
	}
	return ops
}

func (tr *trial) randomOp() oracle.Op {
	rng := tr.rng
	op := oracle.Op{Kind: oracle.Put, Key: fmt.Sprintf("k%d", rng.IntN(tr.keys)), Fields: map[string]oracle.Value{}}
	value := func() oracle.Value {
		return []oracle.Value{"0", "1", "2", "3", `"x"`, `null`}[min(rng.IntN(9), 5)]
	}
	plain := func() string { return string(rune('a' + rng.IntN(3))) }
	element := func() oracle.Value { return oracle.Value(fmt.Sprintf(`"e%d"`, rng.IntN(4))) }
	switch rng.IntN(20) {
	case 0, 1:
		op.Kind = oracle.Delete
	case 2, 3:
		op.Kind = oracle.Insert
		op.Fields[plain()], op.Fields["n"] = value(), oracle.Integer(rng.IntN(3))
	case 4:
		op.Kind = oracle.Replace
		op.Fields[plain()], op.Fields[plain()] = value(), value()
	case 5, 6:
		op.Kind = oracle.Add
		op.Fields["n"] = oracle.Integer(rng.IntN(7) - 3)
		if rng.IntN(6) == 0 {
			op.Fields[plain()] = oracle.Integer(1)
		}
		op.Create = rng.IntN(4) == 0
	case 7, 8:
		op.Kind = oracle.Append
		op.Fields["tags"] = element()
		op.Create = rng.IntN(4) == 0
	case 9:
		op.Kind = oracle.Remove
		op.Fields["tags"] = element()
		op.Create = rng.IntN(6) == 0
	case 10:
		op.Fields[plain()] = oracle.Absent
		if rng.IntN(2) == 0 {
			op.Fields["n"] = oracle.Absent
		}
	case 11:
		op.Fields["tags"] = `["e0","e2"]`
	case 12:
		op.Fields["n"], op.Fields[plain()] = value(), value()
	default:
		op.Fields[plain()] = value()
		if rng.IntN(3) == 0 {
			op.Fields[plain()] = value()
		}
	}
	switch isDelta := slices.Contains([]oracle.Kind{oracle.Add, oracle.Append, oracle.Remove}, op.Kind); {
	case rng.IntN(12) == 0:
		op.Exact = true
	case rng.IntN(12) == 0 && !isDelta:
		op.Force = true
	}
	return op
}

// lineOf writes a transaction as the line that the door reads.
func lineOf(ops []oracle.Op) string {
	type line struct {
		Op     oracle.Kind                `json:"op"`
		Table  string                     `json:"table"`
		Key    string                     `json:"key"`
		Fields map[string]json.RawMessage `json:"fields,omitempty"`
		Unset  []string                   `json:"unset,omitempty"`
		Create bool                       `json:"create,omitempty"`
		Exact  bool                       `json:"exact,omitempty"`
		Force  bool                       `json:"force,omitempty"`
	}
	var lines []line
	for _, op := range ops {
		l := line{Op: op.Kind, Table: "t", Key: op.Key, Create: op.Create, Exact: op.Exact, Force: op.Force, Fields: map[string]json.RawMessage{}}
		for name, v := range op.Fields {
			if v == oracle.Absent {
				l.Unset = append(l.Unset, name)
			} else {
				l.Fields[name] = json.RawMessage(v)
			}
		}
		slices.Sort(l.Unset)
		lines = append(lines, l)
	}
	var out []byte
	var err error
	if len(lines) == 1 {
		out, err = json.Marshal(lines[0])
	} else {
		out, err = json.Marshal(map[string]any{"tx": lines})
	}
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// choose returns transactions that the repository knows, and the word that names them: one,
// a batch or what a block applied.
func (tr *trial) choose(from *oracle.Block) (what string, txs []*oracle.Tx) {
	decided := from.Decided()
	if len(decided) == 0 {
		return "", nil
	}
	switch tx := decided[tr.rng.IntN(len(decided))].Tx; tr.rng.IntN(4) {
	case 0:
		return tx.ID.Batch, tr.batch[tx.ID.Batch]
	case 1:
		chain := from.Chain()
		b := chain[tr.rng.IntN(len(chain))]
		return b.Name, oracle.AppliedBy(b)
	default:
		return fmt.Sprintf("%s.%d", tx.ID.Batch, tx.ID.Index), []*oracle.Tx{tx}
	}
}

// settleOrder compares an order's answer and moves the branch.
func (tr *trial) settleOrder(tw *twin, kind string, got Merged, gotErr error, want oracle.Answer, wantErr error) {
	tr.t.Helper()
	if errors.Is(gotErr, ErrConflict) != errors.Is(wantErr, oracle.ErrConflict) || gotErr != nil && !errors.Is(gotErr, ErrConflict) {
		tr.fail("%s gives %v, the oracle %v", kind, gotErr, wantErr)
	}
	tr.answers(got, want)
	tr.moved(tw, tw.at, want.Block)
	switch {
	case want.UpToDate:
		tr.seen[kind+" of nothing"]++
	case wantErr != nil:
		tr.seen[kind+" refused"]++
	default:
		tr.seen[kind]++
	}
}

func (tr *trial) pick(tw *twin) {
	tr.t.Helper()
	from, ok := tr.other(tw)
	if !ok {
		return
	}
	what, txs := tr.choose(tw.heads[from])
	if here := tw.head().Account(); tr.rng.IntN(2) == 0 {
		// Mostly what is chosen is here already: look for what is not.
		for _, e := range tw.heads[from].Decided() {
			if here[e.Tx.ID] == nil {
				what, txs = fmt.Sprintf("%s.%d", e.Tx.ID.Batch, e.Tx.ID.Index), []*oracle.Tx{e.Tx}
			}
		}
	}
	if len(txs) == 0 {
		return
	}
	tr.note("%s:%s  cherry-pick %s of %s", tw.path, tw.at, what, from)
	want, wantErr := oracle.Pick(tw.head(), tw.owner, txs)
	got, err := tw.r.CherryPick(tr.t.Context(), what, "")
	tr.settleOrder(tw, "pick", got, err, want, wantErr)
}

// excludedHere compares the list of what is excluded, and returns all or one of it, or
// something else.
func (tr *trial) excludedHere(tw *twin) (what string, txs []*oracle.Tx) {
	tr.t.Helper()
	var got, want []string
	tr.must(tw.r.Excluded(tr.t.Context(), "", func(x Exclusion) error {
		got = append(got, x.Transaction.String()+" "+x.Reason.String())
		return nil
	}))
	for _, e := range oracle.ExcludedHere(tw.head()) {
		want = append(want, fmt.Sprintf("%.8s.%d %s", e.Tx.ID.Batch, e.Tx.ID.Index, e.Reason()))
	}
	txs = oracle.OpenHere(tw.head())
	if !slices.Equal(got, want) {
		tr.fail("excluded are %q, by the oracle %q", got, want)
	}
	switch tr.rng.IntN(4) {
	case 0, 1:
		if len(txs) == 0 {
			break
		}
		tx := txs[tr.rng.IntN(len(txs))]
		return fmt.Sprintf("%s.%d", tx.ID.Batch, tx.ID.Index), []*oracle.Tx{tx}
	case 2:
		// One that need not be excluded, and preferably is not applied either.
		what, txs = tr.choose(tw.head())
		for _, e := range tw.head().Standing() {
			if e.Verdict != oracle.Applied && tr.rng.IntN(3) == 0 {
				what, txs = fmt.Sprintf("%s.%d", e.Tx.ID.Batch, e.Tx.ID.Index), []*oracle.Tx{e.Tx}
			}
		}
		return what, txs
	}
	return "", txs
}

func (tr *trial) replay(tw *twin) {
	tr.t.Helper()
	what, txs := tr.excludedHere(tw)
	if len(txs) == 0 {
		return
	}
	tr.note("%s:%s  excluded replay %s", tw.path, tw.at, what)
	want, wantErr := oracle.Replay(tw.head(), tw.owner, txs)
	got, err := tw.r.ReplayExcluded(tr.t.Context(), what, "")
	tr.settleOrder(tw, "replay", got, err, want, wantErr)
}

func (tr *trial) drop(tw *twin) {
	tr.t.Helper()
	what, txs := tr.excludedHere(tw)
	if len(txs) == 0 {
		return
	}
	tr.note("%s:%s  excluded drop %s", tw.path, tw.at, what)
	got, err := tw.r.DropExcluded(tr.t.Context(), what, "")
	tr.settleOrder(tw, "drop", got, err, oracle.Drop(tw.head(), tw.owner, txs), nil)
}

func (tr *trial) revert(tw *twin) {
	tr.t.Helper()
	what, txs := tr.choose(tw.head())
	if len(txs) == 0 {
		return
	}
	tr.note("%s:%s  revert %s", tw.path, tw.at, what)
	d, wantErr := oracle.Revert(tw.head(), txs)
	got, err := tw.r.Revert(tr.t.Context(), what, "")
	for _, kind := range []struct{ got, want error }{{ErrConflict, oracle.ErrConflict}, {ErrNothing, oracle.ErrNothing}, {ErrNoRevision, oracle.ErrNotHere}} {
		if errors.Is(err, kind.got) != errors.Is(wantErr, kind.want) {
			tr.fail("revert gives %v, the oracle %v", err, wantErr)
		}
	}
	if wantErr != nil {
		tr.seen["revert refused"]++
		return
	}
	tr.must(err)
	tr.note("%s:%s  it makes batch %s", tw.path, tw.at, got.Batch.Short())
	tr.named(got.Batch, d.Txs)
	tr.moved(tw, tw.at, oracle.Commit(tw.head(), tw.owner, d.Txs))
	tr.seen["revert"]++
}

// exchange clones, pulls or pushes.
func (tr *trial) exchange(tw *twin) {
	tr.t.Helper()
	if n := len(tr.twins); n < 2 || n < 5 && tr.rng.IntN(4) == 0 {
		tr.clone(tw)
		return
	}
	other := tr.twins[tr.rng.IntN(len(tr.twins))]
	if other == tw {
		tr.work(tw)
		return
	}
	if tr.rng.IntN(2) == 0 {
		tr.pull(tw, other)
	} else {
		tr.push(tw, other)
	}
}

func (tr *trial) clone(from *twin) {
	tr.t.Helper()
	path := fmt.Sprintf("clone%d", len(tr.twins))
	owner := []string{"ada", "bob", "mallory"}[tr.rng.IntN(3)]
	r := tr.w.clone(from.path, path, owner)
	tw := &twin{r: r, path: path, owner: owner, writers: map[string]bool{owner: true}, heads: map[ref.Name]*oracle.Block{}, at: from.at}
	for who := range from.writers {
		tw.writers[who] = true
	}
	tr.note("%s  clone of %s by %s", path, from.path, owner)
	tw.set(tw.at, from.head())
	tr.twins = append(tr.twins, tw)
	tr.compare(tw, tw.at)
	// Each knows the other by name.
	for _, o := range tr.twins[:len(tr.twins)-1] {
		tr.must(tw.r.AddRemote(tr.t.Context(), ref.Name("to-"+o.path), o.path))
		tr.must(o.r.AddRemote(tr.t.Context(), ref.Name("to-"+path), path))
	}
}

func (tr *trial) pull(tw, other *twin) {
	tr.t.Helper()
	from := other.names[tr.rng.IntN(len(other.names))]
	mode, how := tr.randomMode()
	tr.note("%s:%s  pull %s:%s (%s)", tw.path, tw.at, other.path, from, how)
	want := oracle.Merge(tw.head(), other.heads[from], oracle.Merging{Mode: how, Producer: tw.owner, MayStand: tw.mayStand})
	got, err := tw.r.Pull(tr.t.Context(), PullRequest{Remote: "to-" + other.path, Branch: from, Mode: mode})
	tr.must(err)
	tr.answers(got.Merged, want)
	tr.nameForced(tw, got.Block, want)
	tr.moved(tw, tw.at, want.Block)
	tr.seen["pull"]++
}

// push has another repository merge what is checked out here into a branch of its own; when
// both are called the same, ours follows.
func (tr *trial) push(tw, other *twin) {
	tr.t.Helper()
	to := tw.at
	if tr.rng.IntN(3) == 0 {
		to = other.names[tr.rng.IntN(len(other.names))]
	}
	target := other.heads[to]
	created := target == nil
	if created {
		// It begins at the newest block that may stand there.
		for _, b := range tw.head().Chain() {
			if !other.mayStand(b.Producer) {
				break
			}
			target = b
		}
	}
	mode, how := object.ModeExclude, oracle.Exclude
	if !created {
		mode, how = tr.randomMode()
	}
	tr.note("%s:%s  push to %s:%s (%s)", tw.path, tw.at, other.path, to, how)
	want := oracle.Merge(target, tw.head(), oracle.Merging{Mode: how, Producer: other.owner, MayStand: other.mayStand})
	got, err := tw.r.Push(tr.t.Context(), PushRequest{Remote: "to-" + other.path, Branch: to, Mode: mode})
	tr.must(err)
	if got.Behind != nil || got.Created != created {
		tr.fail("push answers that it is behind: %v; created: %v", got.Behind, got.Created)
	}
	tr.answers(got.Merged, want)
	tr.nameForced(other, got.Block, want)
	tr.moved(other, to, want.Block)
	follows := to == tw.at
	if want.UpToDate || len(want.Overruled) > 0 {
		follows = follows && !oracle.Disputed(tw.head(), want.Block)
	}
	for _, b := range want.Block.Chain() {
		follows = follows && tw.mayStand(b.Producer)
	}
	if follows {
		tr.moved(tw, tw.at, want.Block)
	}
	tr.compare(tw, tw.at)
	tr.seen["push"]++
}
