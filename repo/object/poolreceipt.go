package object

// PoolReceipt is what a branch's producer promises of a batch before a block holds it: the
// verdicts that the batch's transactions have when they run on a block of the branch and on the
// batches that were accepted there before it. Whoever holds two of one place in one branch, for
// two batches, holds proof against the producer. It is sealed by the producer.
type PoolReceipt struct {
	Lineage    Hash
	Branch     Hash   // id of the branch
	Base       Mark   // the head that the batch ran on
	Position   uint64 // how many accepted batches ran before it on that head
	Previous   Hash   // hash of the receipt before it at the same place; zero for none
	Batch      Hash
	Runs       []Run       // ascending, of transactions that the branch had not decided yet
	Excluded   []Exclusion // one for each transaction of a run whose verdict is excluded, in order
	TimeMillis uint64      // since the Unix epoch, by the producer's clock
	Producer   Identity
	Extensions []Extension
}

// Encode returns the one encoding of p.
func (p *PoolReceipt) Encode() []byte {
	out := appendRecord(nil, KindPoolReceipt, 11)
	out = AppendHash(out, p.Lineage)
	out = AppendHash(out, p.Branch)
	out = appendMark(out, p.Base)
	out = AppendUint(out, p.Position)
	out = appendOptional(out, p.Previous)
	out = AppendHash(out, p.Batch)
	out = AppendRuns(out, p.Runs)
	out = AppendExclusions(out, p.Excluded)
	out = AppendUint(out, p.TimeMillis)
	out = appendIdentity(out, p.Producer)
	return appendExtensions(out, p.Extensions)
}

// DecodePoolReceipt reads a pool receipt.
func DecodePoolReceipt(data []byte) (*PoolReceipt, error) {
	r := NewReader(data)
	r.record(KindPoolReceipt, 11)
	p := &PoolReceipt{
		Lineage: r.Hash(), Branch: r.Hash(), Base: r.mark(), Position: r.Uint(), Previous: r.optional(), Batch: r.Hash(), Runs: r.Runs(),
	}
	if r.err == nil && len(p.Runs) == 0 {
		r.Fail("it promises nothing")
	}
	for i := 1; i < len(p.Runs) && r.err == nil; i++ {
		if p.Runs[i].First < p.Runs[i-1].First+p.Runs[i-1].Count {
			r.Fail("run %d does not ascend", i)
		}
	}
	p.Excluded = r.Exclusions(p.Runs)
	p.TimeMillis, p.Producer = r.Uint(), r.identity()
	p.Extensions = r.extensions()
	if err := r.finish(KindPoolReceipt); err != nil {
		return nil, err
	}
	return p, nil
}
