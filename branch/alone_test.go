package branch

import (
	"fmt"
	"testing"

	"aergo/contract"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/dtt"
	"aergo/repo/object"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// wanderer runs calls besides operations: a call names a row, whose field "next" names
// another, and so on; it adds one to the field "n" of the last. Which rows these are shows
// only when it runs.
type wanderer struct{ Runtime }

func (w wanderer) Declare(tx *object.Transaction, dict any, resolver contract.Resolver, add func(contract.Access)) {
	if tx.Kind == object.TransactionCall {
		add(contract.Access{Part: contract.PartAll})
		return
	}
	w.Runtime.Declare(tx, dict, resolver, add)
}

func (w wanderer) Run(tx *object.Transaction, dict any, view contract.View, m *contract.Merging, out *contract.Outcome) error {
	if tx.Kind != object.TransactionCall {
		return w.Runtime.Run(tx, dict, view, m, out)
	}
	out.Reset()
	name := string(tx.Payload)
	for range 10 {
		id, err := rowkey.Row("t", rowkey.Text(name))
		if err != nil {
			return err
		}
		next, ok, err := view.Field(id, "next")
		if err != nil {
			return err
		}
		if text, isText := value.AsText(next); ok && isText && string(text) != name {
			name = string(text)
			continue
		}
		e := out.Add(id, contract.EffectFields)
		e.Ensure = true
		e.Fields = append(e.Fields, contract.FieldEffect{Name: "n", Kind: contract.FieldIncr, Value: value.AppendUint(nil, 1)})
		return nil
	}
	out.Exclude(object.Exclusion{Reason: object.ReasonLimit})
	return nil
}

// A transaction that finds out what it touches while it runs comes to what it would come to
// one after another, whatever runs before and behind it.
func TestTransactionsThatDeclareNothingRunAlone(t *testing.T) {
	rng := source(t)
	for _, calls := range []int{1, 10, 100} {
		b, head := seeded(t, rng)
		b.Runtime = wanderer{table.NewRuntime()}
		p := NewPending(head)
		b.write(func(w store.Writer) {
			people := &crowd{rng: rng, rows: 60, hot: 2}
			for range calls {
				people.fill(b, w, p, head, rng.IntN(400/calls))
				author := table.NewAuthor(p.Open)
				from, to := fmt.Sprintf("row%d", rng.IntN(60)), fmt.Sprintf("row%d", rng.IntN(90))
				payload, err := author.AppendPayload(nil, NewDesk(t.Context(), b.Runtime, b.State(head)), one(table.Put, from, table.Force, text("next", to)))
				must(t, err)
				p.Open.Add(&object.Transaction{Payload: payload})
				p.Open.Add(&object.Transaction{Kind: object.TransactionCall, Payload: []byte(from)})
			}
			must(t, p.CloseChunk(w, true))
		})
		batch := b.sign(b.ada, head, p, nil)
		spans := []Span{{Batch: batch, Count: batch.Count}}

		desk := NewDesk(t.Context(), b.Runtime, b.State(head))
		var verdicts1 []object.Verdict
		must(t, b.Transactions(t.Context(), batch, 0, batch.Count, func(_ uint64, tx *object.Transaction, chunk *object.Chunk) error {
			_, _, err := desk.Try(tx, b.Runtime.Prepare(chunk.Names))
			verdicts1 = append(verdicts1, desk.out.Verdict)
			return err
		}))
		serial := b.executor(head, 1)
		must(t, serial.Propose(t.Context(), spans))
		if got := verdicts(serial.Entries()); fmt.Sprint(got) != fmt.Sprint(verdicts1) {
			t.Fatalf("%d calls: verdicts are not those of the desk", calls)
		}
		for k, want := range desk.rows {
			row, ok, err := serial.State().Get(t.Context(), []byte(k))
			if err != nil || ok != want.exists || string(row) != string(want.row) {
				t.Fatalf("%d calls: row %q is %x, %v, on the desk %x, %v", calls, k, row, ok, want.row, want.exists)
			}
		}
		trees := []dtt.Tree{serial.Tree(), dtt.Serial(int(batch.Count))}
		for _, workers := range []int{2, 3, 8} {
			for _, stage := range []int{40, StageTransactions} {
				x := b.executor(head, workers)
				x.stageTransactions, x.cutTransactions, x.options.MinLeaf = stage, 8, 2
				must(t, x.Propose(t.Context(), cut(rng, spans)))
				if !resultOf(x).equal(resultOf(serial)) {
					t.Errorf("%d calls, %d workers, stages of %d: another result", calls, workers, stage)
				}
				if stage == StageTransactions {
					trees = append(trees, x.Tree())
				}
			}
		}
		for i, tree := range trees {
			x, err := b.followed(head, spans, tree, 1+i)
			must(t, err)
			if !resultOf(x).equal(resultOf(serial)) {
				t.Errorf("%d calls: tree %d comes to another result", calls, i)
			}
		}
		if _, err := b.followed(head, spans, dtt.Even(int(batch.Count), 2), 2); err == nil {
			t.Errorf("%d calls: one of them runs beside others", calls)
		}
	}
}
