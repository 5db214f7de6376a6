package object

import "unicode/utf8"

// Run is the verdict of consecutive transactions of one batch.
type Run struct {
	First   uint64
	Count   uint64
	Verdict Verdict
}

// Entry is a batch's part in a block: which of its transactions the block takes, in
// what order, and what became of them. An entry takes one transaction at least; that it
// takes none twice is a rule of blocks, not of the encoding. Excluded has one element for each transaction
// of a run whose verdict is excluded, in the order of the runs.
type Entry struct {
	Batch    Hash
	Order    uint64 // 1 + index of the order it came by; 0 if its author may write
	Runs     []Run
	Excluded []Exclusion
}

// Body is what a block did: its orders and entries. The transactions of a block, in
// block order, are those of the runs of the entries.
type Body struct {
	Orders  []Hash
	Entries []Entry
}

// Transactions returns the number of transactions in the block.
func (b *Body) Transactions() uint64 {
	var n uint64
	for i := range b.Entries {
		for _, run := range b.Entries[i].Runs {
			n += run.Count
		}
	}
	return n
}

// Encode returns the one encoding of b. It may be larger than an object: see Split.
func (b *Body) Encode() []byte {
	out := appendRecord(nil, KindBody, 2)
	out = AppendArray(out, len(b.Orders))
	for _, o := range b.Orders {
		out = AppendHash(out, o)
	}
	out = AppendArray(out, len(b.Entries))
	for i := range b.Entries {
		e := &b.Entries[i]
		out = AppendArray(out, 4)
		out = AppendHash(out, e.Batch)
		out = AppendUint(out, e.Order)
		out = AppendRuns(out, e.Runs)
		out = AppendExclusions(out, e.Excluded)
	}
	return out
}

// AppendRuns appends an array of runs.
func AppendRuns(out []byte, runs []Run) []byte {
	out = AppendArray(out, len(runs))
	for _, run := range runs {
		out = AppendArray(out, 3)
		out = AppendUint(out, run.First)
		out = AppendUint(out, run.Count)
		out = AppendUint(out, uint64(run.Verdict))
	}
	return out
}

// AppendExclusions appends an array of exclusions.
func AppendExclusions(out []byte, list []Exclusion) []byte {
	out = AppendArray(out, len(list))
	for i := range list {
		out = appendExclusion(out, &list[i])
	}
	return out
}

func appendExclusion(out []byte, x *Exclusion) []byte {
	out = AppendArray(out, 7)
	out = AppendUint(out, x.Index)
	out = AppendUint(out, uint64(x.Reason))
	out = AppendUint(out, x.Op)
	out = AppendBytes(out, x.Key)
	out = AppendText(out, x.Field)
	out = AppendBytes(out, x.Found)
	return appendOptional(out, x.Block)
}

// DecodeBody reads a body.
func DecodeBody(data []byte) (*Body, error) {
	r := NewReader(data)
	r.record(KindBody, 2)
	b := &Body{}
	if n := r.counted(MaxOrderItems, 2+HashSize); n > 0 {
		b.Orders = make([]Hash, n)
	}
	for i := range b.Orders {
		b.Orders[i] = r.Hash()
	}
	if n := r.counted(MaxLargeBytes, minEntryBytes); n > 0 {
		b.Entries = make([]Entry, n)
	}
	var total uint64
	for i := range b.Entries {
		if r.err != nil {
			break
		}
		total += r.entry(&b.Entries[i], len(b.Orders))
		if total > MaxBatchItems {
			r.Fail("more than %d transactions", uint64(MaxBatchItems))
		}
	}
	if err := r.finish(KindBody); err != nil {
		return nil, err
	}
	return b, nil
}

// The least sizes of what a body lists.
const (
	minEntryBytes     = 1 + 2 + HashSize + 3
	minRunBytes       = 4
	minExclusionBytes = 8
)

// entry reads an entry of a body with so many orders and returns how many transactions
// it takes.
func (r *Reader) entry(e *Entry, orders int) (taken uint64) {
	r.ArrayOf(4)
	e.Batch = r.Hash()
	e.Order = r.UintMax(uint64(orders))
	e.Runs, taken = r.runs()
	if r.err == nil && len(e.Runs) == 0 {
		r.Fail("entry takes nothing")
	}
	e.Excluded = r.Exclusions(e.Runs)
	return taken
}

// Exclusions reads an array of exclusions, which must be those of the excluded runs, in
// their order.
func (r *Reader) Exclusions(runs []Run) []Exclusion {
	n := r.counted(MaxLargeBytes, minExclusionBytes)
	if n == 0 {
		r.matchExclusions(runs, nil)
		return nil
	}
	list := make([]Exclusion, n)
	for i := range list {
		if r.err != nil {
			break
		}
		list[i] = r.exclusion()
	}
	r.matchExclusions(runs, list)
	return list
}

// matchExclusions checks that the exclusions are those of the excluded runs, in order.
func (r *Reader) matchExclusions(runs []Run, list []Exclusion) {
	next := 0
	for _, run := range runs {
		if run.Verdict != VerdictExcluded || r.err != nil {
			continue
		}
		for i := range run.Count {
			if next == len(list) || list[next].Index != run.First+i {
				r.Fail("exclusion of transaction %d is not where it belongs", run.First+i)
				return
			}
			next++
		}
	}
	if r.err == nil && next != len(list) {
		r.Fail("%d exclusions too many", len(list)-next)
	}
}

// Runs reads an array of runs. A run never continues the one before it: that would be
// a second encoding of one longer run. Neither the end of a run nor the sum of their
// counts is above MaxBatchItems. Runs may overlap and stand in any order, as the caller's
// record has it.
func (r *Reader) Runs() []Run {
	runs, _ := r.runs()
	return runs
}

// runs reads an array of runs and sums their counts.
func (r *Reader) runs() (runs []Run, total uint64) {
	n := r.counted(MaxLargeBytes, minRunBytes)
	if n > 0 {
		runs = make([]Run, 0, n)
	}
	for i := 0; i < n && r.err == nil; i++ {
		r.ArrayOf(3)
		run := Run{First: r.UintMax(MaxBatchItems), Count: r.UintMax(MaxBatchItems), Verdict: Verdict(r.UintMax(verdictCount - 1))}
		if run.Count == 0 {
			r.Fail("run %d is empty", i)
		}
		total += run.Count
		if max(run.First+run.Count, total) > MaxBatchItems {
			r.Fail("run %d goes beyond %d transactions", i, uint64(MaxBatchItems))
		}
		if i > 0 && runs[i-1].First+runs[i-1].Count == run.First && runs[i-1].Verdict == run.Verdict {
			r.Fail("run %d continues the one before it", i)
		}
		runs = append(runs, run)
	}
	return runs, total
}

func (r *Reader) exclusion() Exclusion {
	r.ArrayOf(7)
	x := Exclusion{
		Index: r.UintMax(MaxBatchItems), Reason: Reason(r.UintMax(reasonCount - 1)), Op: r.UintMax(MaxSizeBytes),
		Key: r.Bytes(MaxStateKeyBytes), Field: r.Text(MaxNameBytes), Found: r.Bytes(MaxReasonBytes), Block: r.optional(),
	}
	if r.err == nil && !x.Reason.Valid() {
		r.Fail("exclusion without a reason")
	}
	switch {
	case r.err != nil:
	case x.Reason == ReasonResolver && !utf8.Valid(x.Found):
		r.Fail("reason is not UTF-8")
	case x.Reason != ReasonResolver && len(x.Found) != 0 && len(x.Found) != FoundSize:
		r.Fail("hash found of %d bytes", len(x.Found))
	}
	if r.err == nil && (x.Reason == ReasonInherited) == x.Block.IsZero() {
		r.Fail("exclusion %s with deciding block %q", x.Reason, x.Block.Short())
	}
	return x
}
