package object

// Receipt is what a transaction's execution left beside the state. Receipts never hold
// intermediate values, so that commuting transactions have the same receipts in any order.
type Receipt struct {
	Verdict Verdict
	Cost    uint64 // in cost units
	Events  Hash   // root of the events; zero if none
	Result  Hash   // of what a call returned; zero if nothing
}

// ReceiptRun is the receipt of consecutive transactions in block order that have it alike.
type ReceiptRun struct {
	Count   uint64
	Receipt Receipt
}

// Receipts are those of a whole block, in block order, as runs.
type Receipts struct{ Runs []ReceiptRun }

// Add appends the receipt of the next count transactions.
func (rs *Receipts) Add(count uint64, receipt Receipt) {
	if count == 0 {
		return
	}
	if n := len(rs.Runs); n > 0 && rs.Runs[n-1].Receipt == receipt {
		rs.Runs[n-1].Count += count
		return
	}
	rs.Runs = append(rs.Runs, ReceiptRun{Count: count, Receipt: receipt})
}

// Encode returns the one encoding of rs. It may be larger than an object: see Split.
func (rs *Receipts) Encode() []byte {
	out := appendRecord(nil, KindReceipts, 1)
	out = AppendArray(out, len(rs.Runs))
	for i := range rs.Runs {
		run := &rs.Runs[i]
		out = AppendArray(out, 5)
		out = AppendUint(out, run.Count)
		out = AppendUint(out, uint64(run.Receipt.Verdict))
		out = AppendUint(out, run.Receipt.Cost)
		out = appendOptional(out, run.Receipt.Events)
		out = appendOptional(out, run.Receipt.Result)
	}
	return out
}

// minReceiptRunBytes is the size of a run with the smallest numbers and no hashes.
const minReceiptRunBytes = 6

// DecodeReceipts reads receipts.
func DecodeReceipts(data []byte) (*Receipts, error) {
	r := NewReader(data)
	r.record(KindReceipts, 1)
	n := r.counted(MaxLargeBytes, minReceiptRunBytes)
	rs := &Receipts{}
	if n > 0 {
		rs.Runs = make([]ReceiptRun, 0, n)
	}
	var total uint64
	for i := 0; i < n && r.err == nil; i++ {
		r.ArrayOf(5)
		run := ReceiptRun{Count: r.UintMax(MaxBatchItems), Receipt: Receipt{
			Verdict: Verdict(r.UintMax(verdictCount - 1)), Cost: r.Uint(), Events: r.optional(), Result: r.optional(),
		}}
		if run.Count == 0 || i > 0 && rs.Runs[i-1].Receipt == run.Receipt {
			r.Fail("run %d is empty or continues the one before it", i)
		}
		if total += run.Count; total > MaxBatchItems {
			r.Fail("run %d goes beyond %d transactions", i, uint64(MaxBatchItems))
		}
		rs.Runs = append(rs.Runs, run)
	}
	if err := r.finish(KindReceipts); err != nil {
		return nil, err
	}
	return rs, nil
}
